# SPDX-License-Identifier: Apache-2.0
"""Look once: the queries of one cycle become one frozen Snapshot.

The number of queries does not depend on how many jobs, kinds, slots or pilots there are: one for
demand, one for slots, up to three for pilots, one for the collector.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

import classad2

from condor_plugins.core.errors import TryAgain
from condor_plugins.core.expressions import needed_of_itself, needed_of_target
from condor_plugins.core.policy import Policy
from condor_plugins.core.snapshot import JobKind, Slot, Snapshot
from condor_plugins.pool.ads import JOB_SIZES, SLOT_BASE, job_kind, likeness, slot
from condor_plugins.pool.collector import Collector
from condor_plugins.pool.pilots import pilots_of, without_dead
from condor_plugins.pool.schedd import Schedd

Answer = TypeVar("Answer")


def observe(schedd: Schedd, collector: Collector, policy: Policy, now_s: float) -> Snapshot:
    """The world as it is now. A query without an answer stands in `failed`; the others are used."""
    failed: list[str] = []
    kinds = _ask(failed, lambda: _kinds(schedd, policy)) or ()
    slots = _ask(failed, lambda: _slots(collector, kinds)) or ()
    joined = frozenset(one.pilot for one in slots if one.pilot)
    pilots = _ask(failed, lambda: pilots_of(schedd, policy.settings, joined, now_s))
    age_s = _ask(failed, lambda: collector.age_s(now_s))
    clusters = pilots.clusters if pilots else ()
    if pilots:
        slots = without_dead(slots, pilots.alive, schedd.name)
    return Snapshot(now_s, kinds, slots, clusters, age_s, tuple(failed))


def _ask(failed: list[str], query: Callable[[], Answer]) -> Answer | None:
    try:
        return query()
    except TryAgain as err:
        failed.append(str(err))
        return None


def _kinds(schedd: Schedd, policy: Policy) -> tuple[JobKind, ...]:
    """Idle jobs grouped by every attribute that can decide their match.

    The schedd adds what these expressions refer to, through several levels, and groups by that
    too (seen with 25.14.1: jobs that differ only two references away come as different rows).
    """
    attributes = {"Requirements", "Owner", *JOB_SIZES, *_wanted_of_jobs(policy)}
    return tuple(job_kind(row) for row in schedd.idle_jobs(attributes))


def kind_of(job: classad2.ClassAd, kinds: Iterable[JobKind]) -> JobKind | None:
    """The kind that an idle job's whole ad belongs to: equal in every attribute they differ in."""
    known = list(kinds)
    names = {name.lower(): name for kind in known for name in likeness(kind.ad)}
    mine = [_text(job, name) for name in names.values()]
    alike = (kind for kind in known if [_text(kind.ad, name) for name in names.values()] == mine)
    return next(alike, None)


def _text(ad: classad2.ClassAd, name: str) -> str | None:
    return str(ad.lookup(name)) if name in ad else None


def _wanted_of_jobs(policy: Policy) -> set[str]:
    """Job attributes that groups and entries look at."""
    wanted: set[str] = set()
    scope = classad2.ClassAd()
    for group in policy.groups.values():
        scope["Jobs"], scope["Start"] = group.jobs, group.start
        wanted |= needed_of_itself(scope, ["Jobs"]) | needed_of_target(scope, ["Start"])
    for entry in policy.entries.values():
        scope["Start"] = entry.start
        wanted |= needed_of_target(scope, ["Start"])
    return wanted


def _slots(collector: Collector, kinds: Iterable[JobKind]) -> tuple[Slot, ...]:
    """Slots with what these jobs look at; the collector adds what their own Start refers to."""
    wanted = set(SLOT_BASE)
    for kind in _distinct(kinds):
        wanted |= needed_of_target(kind.ad, ["Requirements"])
    return tuple(slot(row) for row in collector.slots(wanted))


def _distinct(kinds: Iterable[JobKind]) -> list[JobKind]:
    """One kind for each text of Requirements."""
    return list({str(kind.ad.lookup("Requirements")): kind for kind in kinds}.values())
