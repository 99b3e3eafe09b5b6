# SPDX-License-Identifier: Apache-2.0
"""The pilots in the queue and in the collector, put together by cluster."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import classad2

from condor_plugins.core.pilot_job import pilot_prefix
from condor_plugins.core.policy import Settings
from condor_plugins.core.snapshot import End, PilotCluster, Slot, Start
from condor_plugins.pool.ads import whole, word
from condor_plugins.pool.schedd import Schedd

_CLUSTER_ATTRIBUTES = (
    "ClusterId",
    "GlideinEntry",
    "GlideinGroup",
    "GlideinDigest",
    "GlideinWanted",
    "GlideinGranted",
    "GlideinLimit",
    "JobMaterializeMaxIdle",
    "JobMaterializeLimit",
)
_WAITING, _RUNNING, _HELD, _SUSPENDED = 1, 2, 5, 7
# A pilot that waits for the schedd may be running at the site: the queue hears of it later.
_MAY_HAVE_SLOT = frozenset({_WAITING, _RUNNING, _SUSPENDED})
# JobFactoryPaused of a cluster: on hold; all of its pilots made, or its digest file lost.
_FACTORY_HELD = 1
_FACTORY_SPENT = frozenset({2, -1})
_MOST_REASONS = 500
_MOST_STARTS = 20
# Of the minute of a submit rate: what a cycle asks for is made seconds after it, and with a period
# of a minute it would count in the next cycle too, so that only every other one could ask.
_JUST_NOW_S = 50
# What has ended before is no news to anybody, however long nobody has looked.
_OLDEST_END_S = 3600
_MOST_ENDS = 200


class Pilots(NamedTuple):
    """The pilots of one schedd: "cluster.proc" of those that may have a slot, and the clusters."""

    alive: frozenset[str]
    clusters: tuple[PilotCluster, ...]


def pilots_of(schedd: Schedd, settings: Settings, joined: frozenset[str], now_s: float) -> Pilots:
    """What is in the queue; `joined` are names of pilots seen in the collector."""
    cluster_ads = schedd.pilot_clusters(settings.account, _CLUSTER_ATTRIBUTES)
    ads = schedd.pilots() if cluster_ads or joined else []
    mine = _numbers(joined, pilot_prefix(schedd.name))
    tally = _Tally(mine, now_s, settings.join_timeout_s)
    for ad in ads:
        tally.add(ad)
    reasons = _reasons(schedd, settings.account, tally.states)
    clusters = tuple(_cluster(ad, tally, reasons) for ad in cluster_ads)
    return Pilots(frozenset(tally.alive), clusters)


def ended(schedd: Schedd, account: str, since_s: float, now_s: float) -> tuple[End, ...]:
    """Pilots that ended by themselves between two looks, each seen by one look only.

    One that the queue never heard of as running came and went between two polls: it ran for 0 s.
    """
    begin_s = int(max(since_s, now_s - _OLDEST_END_S))
    ads = schedd.ended_pilots(account, range(begin_s, int(now_s)), _MOST_ENDS)
    return tuple(_end(ad) for ad in ads)


def _end(ad: classad2.ClassAd) -> End:
    ended_s = whole(ad, "CompletionDate")
    ran_s = max(ended_s - whole(ad, "JobCurrentStartDate", ended_s), 0)
    return End(word(ad, "GlideinGroup"), word(ad, "GlideinEntry"), float(ended_s), float(ran_s))


class _Tally:
    """Counts of pilots by cluster, taken one ad at a time."""

    def __init__(self, joined: set[str], now_s: float, join_timeout_s: float) -> None:
        self.states: dict[int, Counter[int]] = defaultdict(Counter)
        self.starting: Counter[int] = Counter()
        self.lost: Counter[int] = Counter()
        self.submitted: Counter[int] = Counter()
        self.arrived: Counter[int] = Counter()
        self.longest_wait_s: dict[int, float] = defaultdict(float)
        self.alive: set[str] = set()
        self._starts: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self._joined = joined
        self._now_s = now_s
        self._young_since_s = now_s - join_timeout_s

    def add(self, ad: classad2.ClassAd) -> None:
        cluster, state = int(ad["ClusterId"]), int(ad["JobStatus"])
        number = f"{cluster}.{ad['ProcId']}"
        self.states[cluster][state] += 1
        if state in _MAY_HAVE_SLOT:
            self.alive.add(number)
        if state == _WAITING and number in self._joined:
            self.arrived[cluster] += 1
        if state == _RUNNING and number not in self._joined:
            young = int(ad["EnteredCurrentStatus"]) >= self._young_since_s
            (self.starting if young else self.lost)[cluster] += 1
        made_s = ad.get("JobMaterializeDate")
        if made_s is not None:
            self._time(cluster, state, made_s, ad["EnteredCurrentStatus"])

    def _time(self, cluster: int, state: int, made_s: int, entered_s: int) -> None:
        """QDate is the cluster's, the same for all of its pilots; until a pilot changes its state
        for the first time, so is EnteredCurrentStatus (seen with 25.14.1).
        """
        self.submitted[cluster] += made_s > self._now_s - _JUST_NOW_S
        if state == _RUNNING:
            self._starts[cluster].append((entered_s, made_s))
        elif state == _WAITING:
            # One that was held and released waits since then.
            wait_s = self._now_s - max(made_s, entered_s)
            self.longest_wait_s[cluster] = max(self.longest_wait_s[cluster], wait_s)

    def newest_starts(self, cluster: int) -> tuple[Start, ...]:
        newest = heapq.nlargest(_MOST_STARTS, self._starts[cluster])
        return tuple(Start(float(at_s), float(max(at_s - made_s, 0))) for at_s, made_s in newest)


def _cluster(
    ad: classad2.ClassAd, tally: _Tally, reasons: Mapping[int, tuple[tuple[str, int], ...]]
) -> PilotCluster:
    """A cluster that can make no more pilots has no digest: the next cycle makes a new one."""
    number, paused = whole(ad, "ClusterId"), whole(ad, "JobFactoryPaused")
    states = tally.states[number]
    return PilotCluster(
        cluster=number,
        group=word(ad, "GlideinGroup"),
        entry=word(ad, "GlideinEntry"),
        digest="" if paused in _FACTORY_SPENT else word(ad, "GlideinDigest"),
        max_idle=whole(ad, "JobMaterializeMaxIdle"),
        most=whole(ad, "JobMaterializeLimit"),
        waiting=states[_WAITING],
        running=states[_RUNNING],
        held=states[_HELD],
        leaving=states.total() - states[_WAITING] - states[_RUNNING] - states[_HELD],
        arrived=tally.arrived[number],
        starting=tally.starting[number],
        lost=tally.lost[number],
        wanted=whole(ad, "GlideinWanted"),
        granted=whole(ad, "GlideinGranted"),
        cut_by=word(ad, "GlideinLimit"),
        hold_reasons=reasons.get(number, ()),
        on_hold=paused == _FACTORY_HELD,
        submitted=tally.submitted[number],
        starts=tally.newest_starts(number),
        longest_wait_s=tally.longest_wait_s[number],
    )


def without_dead(slots: Iterable[Slot], alive: frozenset[str], schedd: str) -> tuple[Slot, ...]:
    """Slots less those of this schedd's pilots that are no longer in its queue.

    A pilot that was killed leaves its slot ad behind until that expires (minutes, docs/pilot.md);
    no job that is sent there would run.
    """
    prefix = pilot_prefix(schedd)
    return tuple(one for one in slots if _is_alive(one.pilot, prefix, alive))


def _is_alive(pilot: str, prefix: str, alive: frozenset[str]) -> bool:
    return not pilot.startswith(prefix) or pilot.removeprefix(prefix) in alive


def _numbers(joined: Iterable[str], prefix: str) -> set[str]:
    """What follows the prefix, "cluster.proc"; other factories' pilots are left out."""
    return {name.removeprefix(prefix) for name in joined if name.startswith(prefix)}


def _reasons(
    schedd: Schedd, owner: str, counts: Mapping[int, Mapping[int, int]]
) -> Mapping[int, tuple[tuple[str, int], ...]]:
    """The commonest hold reasons by cluster; asked only when a pilot is held."""
    if not any(_HELD in states for states in counts.values()):
        return {}
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for cluster, reason in schedd.hold_reasons(owner, _MOST_REASONS):
        found[cluster][reason] += 1
    return {cluster: tuple(reasons.most_common(3)) for cluster, reasons in found.items()}
