# SPDX-License-Identifier: Apache-2.0
"""The entries as they are configured, whether they may be asked, and their pilots."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from condor_plugins.cli.looking import Sight
from condor_plugins.core.policy import Entry
from condor_plugins.core.resources import Resources

State = Literal["ready", "down", "no pilot", "wrong"]


@dataclass(frozen=True, slots=True)
class Counts:
    """Pilots by state."""

    waiting: int
    starting: int
    running: int
    held: int


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """`state`: ready; down (a downtime); no pilot (it cannot be made); wrong (misconfigured).

    `down_from_s`, `down_until_s`: a downtime, present or to come; 0 is "open".
    """

    name: str
    state: State
    pilots: Counts
    reason: str = ""
    down_from_s: int | None = None
    down_until_s: int | None = None
    site: str = ""
    grid_resource: str = ""
    shape: Resources | None = None
    wall_time_s: int = 0
    max_pilots: int = 0
    max_idle_pilots: int = 0
    max_held_pilots: int = 0
    groups: tuple[str, ...] = ()


def entries(sight: Sight) -> list[EntryFacts]:
    """Every entry that the configuration names, in its order, the unusable ones last."""
    return [*(_entry(sight, one) for one in sight.policy.entries.values()), *_wrong(sight)]


def _entry(sight: Sight, entry: Entry) -> EntryFacts:
    state, reason = _state(sight, entry)
    downtime = sight.policy.downtimes.get(entry.name)
    over = downtime is None or (0 < downtime.end_s <= sight.seen.now_s)
    return EntryFacts(
        entry.name,
        state,
        _pilots(sight, entry.name),
        reason,
        None if over or downtime is None else downtime.start_s,
        None if over or downtime is None else downtime.end_s,
        entry.site,
        entry.grid_resource,
        entry.shape,
        entry.wall_time_s,
        entry.max_pilots,
        entry.max_idle_pilots,
        entry.max_held_pilots,
        tuple(g.name for g in sight.policy.groups.values() if sight.policy.serves(g, entry)),
    )


def _state(sight: Sight, entry: Entry) -> tuple[State, str]:
    downtime = sight.policy.downtimes.get(entry.name)
    if downtime and downtime.covers(sight.seen.now_s):
        return "down", downtime.reason
    if entry.name in sight.unmade:
        return "no pilot", sight.unmade[entry.name]
    return "ready", ""


def _pilots(sight: Sight, entry: str) -> Counts:
    mine = [one for one in sight.seen.clusters if one.entry == entry]
    return Counts(
        sum(one.waiting for one in mine),
        sum(one.starting for one in mine),
        sum(one.running for one in mine),
        sum(one.held for one in mine),
    )


def _wrong(sight: Sight) -> Iterator[EntryFacts]:
    """Entries that are named but cannot be used."""
    for broken in sorted(sight.policy.broken):
        kind, _, name = broken.partition(" ")
        if kind == "entry":
            yield EntryFacts(name, "wrong", _pilots(sight, name), "see glidein check")
