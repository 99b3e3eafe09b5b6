# SPDX-License-Identifier: Apache-2.0
"""The entries as they are configured, whether they may be asked, and their pilots."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from condor_plugins.cli.looking import Sight
from condor_plugins.core.policy import Downtime, Entry
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

    `down_from_s`, `down_until_s`: a downtime, present or to come; 0 is "open". `down_every_s`: it
    comes back after this long; 0 is once. `down_site`: the site whose downtime it is, if not the
    entry's own.
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
    down_every_s: int = 0
    down_site: str = ""


def entries(sight: Sight) -> list[EntryFacts]:
    """Every entry that the configuration names, in its order, the unusable ones last."""
    return [*(_entry(sight, one) for one in sight.policy.entries.values()), *_wrong(sight)]


def _entry(sight: Sight, entry: Entry) -> EntryFacts:
    name, downtime = _downtime(sight, entry)
    now_s = sight.seen.now_s
    window = downtime.window(now_s) if downtime else None
    is_down = downtime is not None and downtime.covers(now_s)
    unmade = sight.unmade.get(entry.name, "")
    return EntryFacts(
        entry.name,
        "down" if is_down else "no pilot" if unmade else "ready",
        _pilots(sight, entry.name),
        downtime.reason if downtime and is_down else unmade,
        window[0] if window else None,
        window[1] if window else None,
        entry.site,
        entry.grid_resource,
        entry.shape,
        entry.wall_time_s,
        entry.max_pilots,
        entry.max_idle_pilots,
        entry.max_held_pilots,
        tuple(g.name for g in sight.policy.groups.values() if sight.policy.serves(g, entry)),
        down_every_s=downtime.every_s if downtime and window else 0,
        down_site=name if window and name != entry.name else "",
    )


def _downtime(sight: Sight, entry: Entry) -> tuple[str, Downtime | None]:
    """The one that is on, or else comes first, and the entry or site whose it is."""
    now_s = sight.seen.now_s
    found = [
        (not one.covers(now_s), window[0], name, one)
        for name, one in sight.policy.downtimes_of(entry).items()
        if (window := one.window(now_s))
    ]
    if not found:
        return "", None
    _, _, name, downtime = min(found, key=lambda each: each[:2])
    return name, downtime


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
