# SPDX-License-Identifier: Apache-2.0
"""Budgets: core-seconds of an entry's pilots, booked by the hour, within a sliding window."""

from collections import defaultdict
from collections.abc import Mapping

from condor_plugins.core.plan import Spent
from condor_plugins.core.policy import Entry, Policy
from condor_plugins.core.snapshot import Snapshot

_HOUR_S = 3600


def book(
    spent: Mapping[str, Spent], seen: Snapshot, policy: Policy, before_at_s: float
) -> dict[str, Spent]:
    """What every entry with a budget has spent until now, without what its window has left.

    What an entry has spent that cannot be read just now is kept.
    """
    since_s = max(seen.now_s - before_at_s, 0.0) if before_at_s else 0.0
    running: dict[str, int] = defaultdict(int)
    for one in seen.clusters:
        running[one.entry] += one.running
    unread = {name: one for name, one in spent.items() if f"entry {name}" in policy.broken}
    return unread | {
        entry.name: _booked(
            spent.get(entry.name, Spent()),
            running[entry.name] * cores(entry) * min(since_s, entry.wall_time_s),
            seen.now_s,
            entry.budget_window_s,
        )
        for entry in policy.entries.values()
        if entry.budget_core_hours
    }


def core_hours(spent: Spent, window_s: float, now_s: float) -> float:
    """What was spent in the window that ends now; the oldest hour counts by the part within."""
    return sum(_within(hour, used, now_s - window_s) for hour, used in spent.hours) / _HOUR_S


def cores(entry: Entry) -> int:
    """Of one pilot, over all its nodes."""
    return entry.shape.cpus * entry.nodes


def pilot_core_hours(entry: Entry) -> float:
    """What one pilot takes that runs for its whole wall time."""
    return cores(entry) * entry.wall_time_s / _HOUR_S


def _booked(before: Spent, more: float, now_s: float, window_s: int) -> Spent:
    oldest_s = now_s - window_s
    hours = {hour: used for hour, used in before.hours if (hour + 1) * _HOUR_S > oldest_s}
    this_hour = int(now_s // _HOUR_S)
    if more:
        hours[this_hour] = hours.get(this_hour, 0.0) + more
    return Spent(tuple(sorted(hours.items())))


def _within(hour: int, used: float, oldest_s: float) -> float:
    inside_s = (hour + 1) * _HOUR_S - oldest_s
    return used * min(max(inside_s / _HOUR_S, 0.0), 1.0)
