# SPDX-License-Identifier: Apache-2.0
"""Demand, pilots and glidein slots as they are now."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import classad2

from condor_plugins.cli.looking import Sight
from condor_plugins.core.plan import Fate
from condor_plugins.pool.ads import whole, word


@dataclass(frozen=True, slots=True)
class Demand:
    """Idle jobs of one group (empty: of no group); the last five add up to `idle`."""

    group: str
    idle: int
    settling: int
    in_slots: int
    in_coming: int
    asked: int
    unmet: int


@dataclass(frozen=True, slots=True)
class PilotsAt:
    """The pilots of one group at one entry; `wanted` and `granted` are those of a decision now."""

    entry: str
    group: str
    waiting: int
    starting: int
    running: int
    held: int
    wanted: int
    granted: int
    cut_by: tuple[str, ...] = ()
    shut: str = ""


@dataclass(frozen=True, slots=True)
class SlotsAt:
    """The glideins of one group at one entry that are in the collector."""

    entry: str
    group: str
    glideins: int
    cores: int
    busy: int
    free: int


@dataclass(frozen=True, slots=True)
class Held:
    """Pilots held for one reason."""

    entry: str
    pilots: int
    reason: str


def demand(sight: Sight) -> list[Demand]:
    """Groups in their order, then jobs of no group."""
    return [
        _demand(name, [fate for fate in sight.plan.fates if fate.group == name])
        for name in (*sight.policy.groups, "")
        if name or any(not fate.group for fate in sight.plan.fates)
    ]


def _demand(group: str, fates: Iterable[Fate]) -> Demand:
    mine = list(fates)
    return Demand(
        group,
        sum(fate.count for fate in mine),
        sum(fate.settling for fate in mine),
        sum(fate.in_slots for fate in mine),
        sum(fate.in_coming for fate in mine),
        sum(sum(fate.asked.values()) for fate in mine),
        sum(fate.unmet for fate in mine),
    )


def pilots(sight: Sight) -> list[PilotsAt]:
    """By entry and group; also pilots of entries that are no longer configured."""
    requests = sorted(sight.plan.requests, key=lambda one: (one.entry, one.group))
    asked = {(one.entry, one.group) for one in requests}
    return [
        *(
            PilotsAt(
                one.entry,
                one.group,
                one.waiting,
                one.starting,
                one.running,
                one.held,
                one.wanted,
                one.granted,
                one.cut_by,
                sight.unmade.get(one.entry, one.shut) if one.shut else "",
            )
            for one in requests
        ),
        *(
            PilotsAt(c.entry, c.group, c.waiting, c.starting, c.running, c.held, 0, 0, (), "gone")
            for c in sight.seen.clusters
            if (c.entry, c.group) not in asked
        ),
    ]


def slots(ads: Iterable[classad2.ClassAd]) -> list[SlotsAt]:
    """Cores of glideins: those of a partitionable slot are free until a dynamic one takes them."""
    glideins: dict[tuple[str, str], set[str]] = {}
    busy: Counter[tuple[str, str]] = Counter()
    free: Counter[tuple[str, str]] = Counter()
    for ad in ads:
        where = word(ad, "GLIDEIN_Entry"), word(ad, "GLIDEIN_Group")
        glideins.setdefault(where, set()).add(word(ad, "GLIDEIN_Pilot"))
        taken = word(ad, "State") == "Claimed" and word(ad, "SlotType") != "Partitionable"
        (busy if taken else free)[where] += whole(ad, "Cpus")
    return [
        SlotsAt(*where, len(found), busy[where] + free[where], busy[where], free[where])
        for where, found in sorted(glideins.items())
    ]


def held(sight: Sight) -> list[Held]:
    """The commonest hold reasons of pilots, the most first."""
    counts: Counter[tuple[str, str]] = Counter()
    for one in sight.seen.clusters:
        for reason, number in one.hold_reasons:
            counts[one.entry, reason] += number
    return [Held(entry, number, reason) for (entry, reason), number in counts.most_common(10)]


def totals(rows: Iterable[PilotsAt]) -> Mapping[str, int]:
    names = ("waiting", "starting", "running", "held", "wanted", "granted")
    every = list(rows)
    return {name: sum(getattr(one, name) for one in every) for name in names}


def problems(sight: Sight) -> Iterator[dict[str, str]]:
    """What glidein check would tell with file and line."""
    for one in sight.problems:
        yield {"severity": one.severity, "text": str(one)}
