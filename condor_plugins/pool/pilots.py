# SPDX-License-Identifier: Apache-2.0
"""The pilots in the queue and in the collector, put together by cluster."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import classad2

from condor_plugins.core.pilot_job import pilot_prefix
from condor_plugins.core.policy import Settings
from condor_plugins.core.snapshot import PilotCluster
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
_WAITING, _RUNNING, _HELD = 1, 2, 5
_MOST_REASONS = 500


def pilot_clusters(
    schedd: Schedd, settings: Settings, joined: frozenset[str], now_s: float
) -> tuple[PilotCluster, ...]:
    """Every pilot cluster of the account; `joined` are the pilots seen in the collector."""
    ads = schedd.pilot_clusters(settings.account, _CLUSTER_ATTRIBUTES)
    if not ads:
        return ()
    counts = _by_state(schedd.pilot_counts(settings.account))
    since_s = int(now_s) - settings.join_timeout_s
    young = schedd.young_pilots(settings.account, since_s)
    mine = _numbers(joined, pilot_prefix(schedd.name))
    starting = Counter(c for c, p in young if f"{c}.{p}" not in mine)
    in_pool = Counter(int(number.partition(".")[0]) for number in mine)
    reasons = _reasons(schedd, settings.account, counts)
    return tuple(
        _cluster(ad, counts[whole(ad, "ClusterId")], starting, in_pool, reasons) for ad in ads
    )


def _cluster(
    ad: classad2.ClassAd,
    states: Mapping[int, int],
    starting: Mapping[int, int],
    in_pool: Mapping[int, int],
    reasons: Mapping[int, tuple[tuple[str, int], ...]],
) -> PilotCluster:
    number = whole(ad, "ClusterId")
    running, young = states.get(_RUNNING, 0), starting.get(number, 0)
    known = {_WAITING, _RUNNING, _HELD}
    return PilotCluster(
        cluster=number,
        group=word(ad, "GlideinGroup"),
        entry=word(ad, "GlideinEntry"),
        digest=word(ad, "GlideinDigest"),
        max_idle=whole(ad, "JobMaterializeMaxIdle"),
        most=whole(ad, "JobMaterializeLimit"),
        waiting=states.get(_WAITING, 0),
        running=running,
        held=states.get(_HELD, 0),
        leaving=sum(count for state, count in states.items() if state not in known),
        starting=young,
        lost=max(running - young - in_pool.get(number, 0), 0),
        wanted=whole(ad, "GlideinWanted"),
        granted=whole(ad, "GlideinGranted"),
        cut_by=word(ad, "GlideinLimit"),
        hold_reasons=reasons.get(number, ()),
    )


def _by_state(rows: Iterable[classad2.ClassAd]) -> Mapping[int, dict[int, int]]:
    counts: dict[int, dict[int, int]] = defaultdict(dict)
    for row in rows:
        state = whole(row, "JobStatus")
        of_cluster = counts[whole(row, "ClusterId")]
        of_cluster[state] = of_cluster.get(state, 0) + whole(row, "JobCount")
    return counts


def _numbers(joined: Iterable[str], prefix: str) -> set[str]:
    """ "cluster.proc" of the pilots of this schedd; other factories' pilots are left out."""
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
