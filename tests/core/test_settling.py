# SPDX-License-Identifier: Apache-2.0
"""Jobs count when they have been idle for a while; else nothing needs to be remembered."""

import hypothesis.strategies as st
from hypothesis import given

from condor_plugins.core.settling import Steps, settled
from condor_plugins.core.snapshot import JobKind
from tests.core.building import NOW_S, kind

SETTLE_S = 300


def counts(*seen: tuple[float, int], settle_s: float = SETTLE_S) -> list[int]:
    """Settled counts of one kind, looked at (after seconds, jobs) in turn."""
    found: list[int] = []
    before: dict[str, Steps] = {}
    for after_s, count in seen:
        (now,), before = settled([kind(count)], before, settle_s, NOW_S + after_s)
        found.append(now)
    return found


def test_without_a_time_all_jobs_count_and_nothing_is_remembered() -> None:
    assert settled([kind(3), kind(5, cpus=2)], {"x": ((0.0, 1),)}, 0, NOW_S) == ([3, 5], {})


def test_new_jobs_count_later() -> None:
    assert counts((0, 8), (120, 8), (299, 8), (300, 8), (400, 8)) == [0, 0, 0, 8, 8]


def test_more_jobs_of_a_known_kind_count_later_too() -> None:
    assert counts((0, 8), (200, 20), (300, 20), (400, 20), (500, 20)) == [0, 0, 8, 8, 20]


def test_fewer_count_at_once() -> None:
    assert counts((0, 8), (300, 8), (310, 2), (500, 9), (611, 9), (800, 9)) == [0, 8, 2, 2, 2, 9]


def test_a_kind_that_was_away_is_new() -> None:
    _, before = settled([kind(8)], {}, SETTLE_S, NOW_S)
    _, gone = settled([], before, SETTLE_S, NOW_S + 100)
    assert gone == {}
    assert settled([kind(8)], gone, SETTLE_S, NOW_S + 400)[0] == [0]


def test_kinds_do_not_mix() -> None:
    small, large = kind(1), kind(1, cpus=4)
    _, before = settled([small], {}, SETTLE_S, NOW_S)
    assert settled([large, small], before, SETTLE_S, NOW_S + 300)[0] == [0, 1]
    assert all(len(digest) == 16 for digest in before)


def test_a_steady_kind_takes_one_step_to_remember() -> None:
    before: dict[str, Steps] = {}
    for cycle in range(50):
        _, before = settled([kind(8)], before, SETTLE_S, NOW_S + 60 * cycle)
    assert [len(steps) for steps in before.values()] == [1]


@given(st.lists(st.tuples(st.integers(1, 200), st.integers(1, 9)), min_size=1, max_size=30))
def test_it_is_the_least_count_of_the_time(steps: list[tuple[int, int]]) -> None:
    before: dict[str, Steps] = {}
    seen: list[tuple[float, int]] = []
    now_s = float(NOW_S)
    jobs: JobKind = kind(1)
    for after_s, count in steps:
        now_s += after_s
        jobs = kind(count)
        seen.append((now_s, count))
        (found,), before = settled([jobs], before, SETTLE_S, now_s)
        assert found == _least(seen, now_s - SETTLE_S)


def _least(seen: list[tuple[float, int]], since_s: float) -> int:
    """The least count from the last look at or before `since_s` on; 0 when there was none."""
    first = [n for n, (at_s, _) in enumerate(seen) if at_s <= since_s]
    return min(count for _, count in seen[first[-1] :]) if first else 0
