# SPDX-License-Identifier: Apache-2.0
"""The pilots in the queue and in the collector, put together by cluster."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import classad2

from condor_plugins.core.pilot_job import pilot_prefix
from condor_plugins.core.policy import Settings
from condor_plugins.core.snapshot import PilotCluster, Slot
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


@dataclass(frozen=True, slots=True)
class Pilots:
    """The pilots of one schedd: "cluster.proc" of those that may have a slot, and the clusters."""

    alive: frozenset[str]
    clusters: tuple[PilotCluster, ...]


def pilots_of(schedd: Schedd, settings: Settings, joined: frozenset[str], now_s: float) -> Pilots:
    """What is in the queue; `joined` are names of pilots seen in the collector."""
    cluster_ads = schedd.pilot_clusters(settings.account, _CLUSTER_ATTRIBUTES)
    ads = schedd.pilots(settings.account) if cluster_ads or joined else []
    tally = _Tally(_numbers(joined, pilot_prefix(schedd.name)), now_s - settings.join_timeout_s)
    for ad in ads:
        tally.add(ad)
    reasons = _reasons(schedd, settings.account, tally.states)
    clusters = tuple(_cluster(ad, tally, reasons) for ad in cluster_ads)
    return Pilots(frozenset(tally.alive), clusters)


class _Tally:
    """Counts of pilots by cluster, taken one ad at a time."""

    def __init__(self, joined: set[str], young_since_s: float) -> None:
        self.states: dict[int, Counter[int]] = defaultdict(Counter)
        self.starting: Counter[int] = Counter()
        self.lost: Counter[int] = Counter()
        self.alive: set[str] = set()
        self._joined = joined
        self._young_since_s = young_since_s

    def add(self, ad: classad2.ClassAd) -> None:
        cluster, state = int(ad["ClusterId"]), int(ad["JobStatus"])
        number = f"{cluster}.{ad['ProcId']}"
        self.states[cluster][state] += 1
        if state in _MAY_HAVE_SLOT:
            self.alive.add(number)
        if state == _RUNNING and number not in self._joined:
            young = int(ad["EnteredCurrentStatus"]) >= self._young_since_s
            (self.starting if young else self.lost)[cluster] += 1


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
        starting=tally.starting[number],
        lost=tally.lost[number],
        wanted=whole(ad, "GlideinWanted"),
        granted=whole(ad, "GlideinGranted"),
        cut_by=word(ad, "GlideinLimit"),
        hold_reasons=reasons.get(number, ()),
        on_hold=paused == _FACTORY_HELD,
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
