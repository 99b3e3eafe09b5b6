# SPDX-License-Identifier: Apache-2.0
"""From a request to what has to be done in the queue; one that already holds needs nothing."""

from collections.abc import Iterable, Iterator, Mapping

import classad2

from condor_plugins.core.plan import (
    Action,
    Edit,
    Memory,
    RemoveCluster,
    RemoveHeld,
    RemoveWaiting,
    Request,
    Submit,
    Surplus,
)
from condor_plugins.core.policy import Settings
from condor_plugins.core.snapshot import PilotCluster


def carry_out(request: Request, current: PilotCluster | None, digest: str) -> Iterator[Action]:
    """Submit the cluster of a request, or bring the attributes of the one that is there in line."""
    if current is None:
        if request.granted:
            notes = _notes(request)
            yield Submit(request.group, request.entry, digest, request.granted, request.most, notes)
        return
    changes = tuple(_changes(request, current))
    if changes:
        yield Edit(current.cluster, request.group, request.entry, changes)
    if request.removing:
        reason = "surplus: no job needs this pilot" if not request.shut else request.shut
        yield RemoveWaiting(current.cluster, request.group, request.entry, request.removing, reason)


def _changes(request: Request, current: PilotCluster) -> Iterator[tuple[str, str]]:
    """The ceiling first when pilots are to come, so that none comes beyond it."""
    if request.granted and request.most != current.most:
        yield "JobMaterializeLimit", str(request.most)
    if request.granted != current.max_idle:
        yield "JobMaterializeMaxIdle", str(request.granted)
    old = (current.wanted, current.granted, current.cut_by)
    if old != (request.wanted, request.granted, limit_names(request)):
        yield from _notes(request)


def _notes(request: Request) -> tuple[tuple[str, str], ...]:
    return (
        ("GlideinWanted", str(request.wanted)),
        ("GlideinGranted", str(request.granted)),
        ("GlideinLimit", classad2.quote(limit_names(request))),
    )


def limit_names(request: Request) -> str:
    """What cut it, without the figures: those change in every cycle, and would be written then."""
    cut = [text.partition(" (")[0] for text in request.cut_by]
    return ", ".join([request.shut.partition(":")[0]] if request.shut else cut)


def retire(outdated: Iterable[PilotCluster], why: str, settings: Settings) -> Iterator[Action]:
    """Clusters nobody asks for now: waiting (within the budget) and held pilots go, others stay."""
    for one in outdated:
        where = (one.cluster, one.group, one.entry)
        if one.max_idle:
            yield Edit(*where, (("JobMaterializeMaxIdle", "0"),))
        if one.waiting:
            yield RemoveWaiting(*where, min(one.waiting, settings.max_removals), why)
        if one.held:
            yield RemoveHeld(*where, why)
        if one.present == 0:
            yield RemoveCluster(*where, why)


def lasting_surplus(
    surplus: Mapping[str, int], before: Memory, now_s: float, settings: Settings
) -> tuple[Mapping[str, int], Mapping[str, tuple[Surplus, ...]]]:
    """How many waiting pilots to take back by key, and what the next cycle has to know."""
    seen = {
        key: _continued(before.surplus.get(key, ()), pilots, now_s)
        for key, pilots in surplus.items()
        if pilots
    }
    ripe = {
        key: min(one.least, settings.max_removals)
        for key, steps in seen.items()
        for one in steps  # the last that is old enough has the most pilots
        if now_s - one.since_s >= settings.remove_after_s
    }
    return ripe, seen


def _continued(before: Iterable[Surplus], surplus: int, now_s: float) -> tuple[Surplus, ...]:
    """The steps up to the surplus of now, and a new one if it is more than ever before."""
    steps = [one for one in before if one.least < surplus]
    since_s = min((one.since_s for one in before if one.least >= surplus), default=now_s)
    return (*steps, Surplus(since_s, surplus))
