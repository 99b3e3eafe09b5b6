# SPDX-License-Identifier: Apache-2.0
"""The result of a decision: what is asked where, what cut it, what happens to each kind of job."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from condor_plugins.core.learned import Learned
from condor_plugins.core.limits import Limit
from condor_plugins.core.snapshot import Start

SCHEMA_VERSION = 2


class Request(NamedTuple):
    """One group at one entry. Pilots are counts.

    `wanted`: pilots that should be waiting if no limit held. `granted`: after limits, what the
    schedd keeps waiting (JobMaterializeMaxIdle). `most`: the ceiling of pilots present
    (JobMaterializeLimit). `surplus`: waiting pilots that no job needs.
    """

    group: str
    entry: str
    site: str
    waiting: int = 0
    starting: int = 0
    running: int = 0
    held: int = 0
    wanted: int = 0
    granted: int = 0
    most: int = 0
    surplus: int = 0
    removing: int = 0
    cut_by: tuple[str, ...] = ()
    shut: str = ""
    hold_reasons: tuple[tuple[str, int], ...] = ()


class Fate(NamedTuple):
    """What becomes of one kind of idle job: counts of jobs that add up to `count`.

    `settling`: not idle for long enough to be demand.

    `asked` gives, by entry, the jobs that new pilots are asked for; `unmet` the rest.
    `mask` has a bit for each of `entries` (one for every request of the plan) whose pilots match.
    """

    signature: str
    example: str
    owner: str
    count: int  # type: ignore[assignment]  # hides tuple.count
    cpus: int
    memory_mb: int
    group: str
    in_slots: int = 0
    in_coming: int = 0
    asked: Mapping[str, int] = MappingProxyType({})
    unmet: int = 0
    settling: int = 0
    mask: int = 0
    entries: tuple[str, ...] = ()

    @property
    def matching(self) -> tuple[str, ...]:
        """Its group's entries that match."""
        return tuple(name for at, name in enumerate(self.entries) if self.mask >> at & 1)


class Submit(NamedTuple):
    """Make the pilot cluster of a group at an entry."""

    group: str
    entry: str
    digest: str
    max_idle: int
    most: int
    notes: tuple[tuple[str, str], ...]


class Edit(NamedTuple):
    """Set attributes of a pilot cluster's own ad: (name, ClassAd text)."""

    cluster: int
    group: str
    entry: str
    changes: tuple[tuple[str, str], ...]


class RemoveWaiting(NamedTuple):
    """Take back up to `pilots` waiting pilots, newest first."""

    cluster: int
    group: str
    entry: str
    pilots: int
    reason: str


class RemoveHeld(NamedTuple):
    """Drop the held pilots of a cluster whose entry has changed since."""

    cluster: int
    group: str
    entry: str
    reason: str


class RemoveCluster(NamedTuple):
    """Drop an outdated pilot cluster that has no pilot left."""

    cluster: int
    group: str
    entry: str
    reason: str


Action = Submit | Edit | RemoveWaiting | RemoveHeld | RemoveCluster


class Surplus(NamedTuple):
    """Since when (UNIX seconds) at least `least` waiting pilots have been in surplus.

    A cycle remembers several: fewer for a longer time, more for a shorter one.
    """

    since_s: float
    least: int


class Starts(NamedTuple):
    """What is known of an entry's starts: the last ones, and the last time one was seen."""

    recent: tuple[Start, ...] = ()


class Breaker(NamedTuple):
    """Failures of an entry in a row. `opened_s` 0: closed; `trips` makes the waits grow.

    `since_s`: start of the first pilot that failed. `judged_s`: end of the last one judged.
    """

    failures: int = 0
    trips: int = 0
    opened_s: float = 0.0
    since_s: float = 0.0
    judged_s: float = 0.0


class Spent(NamedTuple):
    """Core-seconds of an entry's pilots by hour (UNIX hour, core-seconds), oldest first."""

    hours: tuple[tuple[int, float], ...] = ()


class Seen(NamedTuple):
    """How large the world was: idle cores wanted by jobs, glideins, and when (UNIX seconds)."""

    at_s: float = 0.0
    idle_cores: int = 0
    glideins: int = 0


class Memory(NamedTuple):
    """What one cycle tells the next; losing it only delays. `at_s`: when it was written.

    Keys of `surplus` are "group/entry"; of `starts`, `breakers`, `spent` entries; of `usage`
    groups (core-seconds, decayed to `at_s`); of `settling` digests of kinds of jobs, with
    (UNIX seconds, count) pairs. `doubt_since_s`: since when something is doubted (`seen` is then
    the world before). `factories`: schedds other than the local one that have pilots of ours.
    """

    surplus: Mapping[str, tuple[Surplus, ...]] = MappingProxyType({})
    at_s: float = 0.0
    starts: Mapping[str, Starts] = MappingProxyType({})
    breakers: Mapping[str, Breaker] = MappingProxyType({})
    spent: Mapping[str, Spent] = MappingProxyType({})
    usage: Mapping[str, float] = MappingProxyType({})
    settling: Mapping[str, tuple[tuple[float, int], ...]] = MappingProxyType({})
    seen: Seen = Seen()
    doubt_since_s: float = 0.0
    factories: tuple[str, ...] = ()


class Grounds(NamedTuple):
    """What a decision rested on, for those who explain it; it is kept nowhere.

    `limits`: by (group, entry) the rows that its request has to pass, as this decision left them.
    """

    limits: Mapping[tuple[str, str], Sequence[Limit]] = MappingProxyType({})
    learned: Learned = Learned()


class Plan(NamedTuple):
    """One decision. `frozen` says why nothing is changed in this cycle, and is empty otherwise.

    `doubt` says what vanished and is not believed yet: nothing is removed, requests do not fall.
    """

    now_s: float
    frozen: str = ""
    doubt: str = ""
    requests: tuple[Request, ...] = ()
    fates: Sequence[Fate] = ()
    actions: tuple[Action, ...] = ()
    memory: Memory = Memory()
    problems: tuple[str, ...] = ()
    grounds: Grounds = Grounds()

    def jobs(self) -> int:
        """All idle jobs, those of no group too."""
        return sum(fate.count for fate in self.fates)
