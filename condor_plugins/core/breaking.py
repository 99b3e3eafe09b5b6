# SPDX-License-Identifier: Apache-2.0
"""A breaker for each entry: where pilots fail as soon as they start, no more are sent for a while.

A glidein stays until it has been without a job for IdleTimeout (TailTimeout after its first job),
so a pilot that ended by itself sooner than that has failed. Pilots that wait, however long, say
nothing: that is the business of the share. What counts is when a pilot *started*: one that began
before the failures did says nothing about the site as it is now.
"""

from collections import defaultdict
from collections.abc import Mapping

from condor_plugins.core.plan import Breaker
from condor_plugins.core.policy import Entry, Policy
from condor_plugins.core.snapshot import End, PilotCluster, Snapshot

# Two may be one bad node that is given twice.
_MOST_FAILURES = 3
_ROW_S = 3600
_FIRST_WAIT_S = 300
_LONGEST_WAIT_S = 7200
# Longer ago than this, what has failed is no longer news.
_FORGET_S = 86_400
_CERTAINLY = 0.9
# The queue hears of starts and ends when the gridmanager asks: for each pilot once in 60 s at most
# (blahpd's own answers are as old), and for so many a second (GRIDMANAGER_JOB_PROBE_RATE).
_PROBE_S = 60.0
_PROBES_PER_S = 5
_ANY = 1_000_000


def judge(before: Mapping[str, Breaker], seen: Snapshot, policy: Policy) -> dict[str, Breaker]:
    """The breakers after this look; an end that has been judged is not judged again."""
    ends: dict[str, list[End]] = defaultdict(list)
    clusters: dict[str, list[PilotCluster]] = defaultdict(list)
    for end in sorted(seen.ended, key=lambda one: one.ended_s):
        ends[end.entry].append(end)
    for cluster in seen.clusters:
        clusters[cluster.entry].append(cluster)
    blur_s = _blur_s(seen)
    judged: dict[str, Breaker] = {}
    for name in policy.entries.keys() & (before.keys() | ends.keys()):
        least_s = least_life_s(policy.entries[name])
        breaker = before.get(name, Breaker())
        for end in [one for one in ends[name] if one.ended_s > breaker.judged_s]:
            breaker = _after_end(breaker, end, least_s, blur_s)
        last_s = _last_good_start_s(clusters[name], seen.now_s - least_s)
        breaker = _after_success(breaker, last_s)
        judged[name] = _forgotten(breaker, seen.now_s)
    return judged


def state(breaker: Breaker, now_s: float) -> tuple[str, int, str]:
    """What it lets through: ("closed", "open" or "probing"; room in pilots; a sentence)."""
    if not breaker.opened_s:
        return "closed", _ANY, f"{_pilots(breaker.failures)} in a row failed at the start"
    failed = f"the last {_pilots(breaker.failures)} failed at the start"
    left_s = breaker.opened_s + _wait_s(breaker) - now_s
    if left_s > 0:
        return "open", 0, f"{failed}; tried again in {left_s:.0f} s"
    return "probing", 1, f"{failed}; one pilot at a time until one stays"


def least_life_s(entry: Entry) -> float:
    """A pilot that certainly ran for less has failed."""
    return _CERTAINLY * min(entry.idle_timeout_s, entry.tail_timeout_s, entry.wall_time_s)


def _blur_s(seen: Snapshot) -> float:
    """How much longer than the queue says a pilot may have run."""
    return max(sum(one.present for one in seen.clusters) / _PROBES_PER_S, _PROBE_S)


def _after_end(breaker: Breaker, end: End, least_s: float, blur_s: float) -> Breaker:
    breaker = breaker._replace(judged_s=end.ended_s)
    if end.ran_s >= least_s:
        return _after_success(breaker, end.ended_s - end.ran_s)
    return _after_failure(breaker, end) if end.ran_s + blur_s < least_s else breaker


def _after_success(breaker: Breaker, started_s: float) -> Breaker:
    """All is well again if this pilot started after the first of those that failed."""
    if breaker.failures and started_s >= breaker.since_s:
        return Breaker(judged_s=breaker.judged_s)
    return breaker


def _after_failure(breaker: Breaker, end: End) -> Breaker:
    """Failures while it is open are of pilots that were sent before, and change nothing."""
    if breaker.opened_s:
        more = breaker._replace(failures=breaker.failures + 1)
        if end.ended_s < breaker.opened_s + _wait_s(breaker):
            return more
        return more._replace(trips=breaker.trips + 1, opened_s=end.ended_s)
    if not breaker.failures or end.ended_s - breaker.since_s > _ROW_S:
        return breaker._replace(failures=1, since_s=end.ended_s - end.ran_s)
    failures = breaker.failures + 1
    opened_s = end.ended_s if failures >= _MOST_FAILURES else 0.0
    return breaker._replace(failures=failures, opened_s=opened_s)


def _last_good_start_s(clusters: list[PilotCluster], until_s: float) -> float:
    """The last start of a pilot that runs since before `until_s`; 0 when there is none."""
    starts = (start.started_s for cluster in clusters for start in cluster.starts)
    return max((started_s for started_s in starts if started_s <= until_s), default=0.0)


def _forgotten(breaker: Breaker, now_s: float) -> Breaker:
    old = breaker.failures and now_s - breaker.judged_s > _FORGET_S
    return Breaker(judged_s=breaker.judged_s) if old else breaker


def _wait_s(breaker: Breaker) -> float:
    return float(min(_FIRST_WAIT_S * 2 ** min(breaker.trips, 10), _LONGEST_WAIT_S))


def _pilots(count: int) -> str:
    return f"{count} pilot" + ("" if count == 1 else "s")
