# SPDX-License-Identifier: Apache-2.0
"""How long an entry lets pilots wait, learned from those that it started last.

The last one to start is the cheap estimator of a queue's delay (Ibrahim and Whitt, 2009, call it
LES): it needs no model of the site and follows it at once. One freak start does not move it beyond
what the few starts before it were like.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from condor_plugins.core.plan import Starts
from condor_plugins.core.snapshot import Snapshot, Start

_MOST = 50
_LAST = 9
_DAY_S = 86_400
# After a day without a start only the last ones are worth something, after a week nothing is.
_FADED = 3
_WEEK_S = 7 * _DAY_S


def learn(before: Mapping[str, Starts], seen: Snapshot) -> dict[str, Starts]:
    """What is known by entry after this look; looking twice at the same pilots adds nothing."""
    found: dict[str, Counter[Start]] = {entry: Counter() for entry in before}
    for cluster in seen.clusters:
        found.setdefault(cluster.entry, Counter()).update(cluster.starts)
    # A pilot seen in both looks is one; like pilots of one second are as many as were seen at once.
    merged = {
        entry: now | Counter(before.get(entry, Starts()).recent) for entry, now in found.items()
    }
    learned = {entry: _fresh(starts.elements(), seen.now_s) for entry, starts in merged.items()}
    return {entry: starts for entry, starts in learned.items() if starts.recent}


def _fresh(starts: Iterable[Start], now_s: float) -> Starts:
    """The newest ones, newest first."""
    newest = sorted(starts, key=lambda one: (one.started_s, one.waited_s), reverse=True)[:_MOST]
    young = [one for one in newest if now_s - one.started_s < _DAY_S]
    last = [one for one in newest[:_FADED] if now_s - one.started_s < _WEEK_S]
    return Starts(tuple(young or last))


def expected_wait_s(starts: Starts, longest_wait_s: float) -> float | None:
    """How long a pilot submitted now will probably wait; None when no start is known.

    `longest_wait_s`: of the pilots that wait now; whoever comes after them waits no less.
    """
    waits_s = [one.waited_s for one in starts.recent[:_LAST]]
    if not waits_s:
        return None
    low_s, high_s = _quantile_s(waits_s, 0.25), _quantile_s(waits_s, 0.75)
    return max(min(max(waits_s[0], low_s), high_s), longest_wait_s)


def quantile_s(starts: Starts, share: float) -> float | None:
    """The wait that this share (0 to 1) of the known starts did not exceed; None: none is known."""
    waits_s = [one.waited_s for one in starts.recent]
    return _quantile_s(waits_s, share) if waits_s else None


def _quantile_s(waits_s: list[float], share: float) -> float:
    """Between the two nearest, by how near they are (statistics takes 5 ms to import)."""
    ordered = sorted(waits_s)
    place = min(max(share, 0.0), 1.0) * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
