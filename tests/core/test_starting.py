# SPDX-License-Identifier: Apache-2.0
"""How long pilots wait, learned from those that started."""

import pytest

from condor_plugins.core.plan import Starts
from condor_plugins.core.snapshot import PilotCluster, Snapshot, Start
from condor_plugins.core.starting import expected_wait_s, learn, quantile_s
from tests.core.building import NOW_S, cluster

DAY_S = 86_400


def waits(*waits_s: float) -> Starts:
    """Starts a minute apart, newest first."""
    return Starts(tuple(Start(NOW_S - 60 * n, wait_s) for n, wait_s in enumerate(waits_s)))


def look(*clusters: PilotCluster, now_s: float = NOW_S) -> Snapshot:
    return Snapshot(now_s, clusters=clusters)


def started(*starts: tuple[float, float], entry_name: str = "A") -> PilotCluster:
    """Running pilots: (seconds ago, seconds waited)."""
    known = tuple(Start(NOW_S - ago_s, wait_s) for ago_s, wait_s in starts)
    return cluster(entry_name=entry_name, running=len(starts), starts=known)


def test_an_entry_is_learned_from_all_of_its_clusters() -> None:
    seen = look(started((10, 5), (30, 7)), started((20, 6)), started((5, 1), entry_name="B"))
    found = learn({}, seen)
    assert [one.waited_s for one in found["A"].recent] == [5, 6, 7]
    assert [one.waited_s for one in found["B"].recent] == [1]


def test_looking_again_teaches_nothing_new() -> None:
    seen = look(started((10, 5), (10, 5), (30, 7)), started((10, 5)))
    once = learn({}, seen)
    assert [one.waited_s for one in once["A"].recent] == [5, 5, 5, 7]
    assert learn(once, seen) == once


def test_what_was_learned_outlives_the_pilots() -> None:
    before = learn({}, look(started((100, 5))))
    assert learn(before, look()) == before
    assert len(learn(before, look(started((10, 9))))["A"].recent) == 2


def test_a_start_that_comes_to_be_known_late_is_learned_too() -> None:
    before = learn({}, look(started((10, 5))))
    assert [one.waited_s for one in learn(before, look(started((40, 8))))["A"].recent] == [5, 8]


def test_only_the_newest_fifty_are_kept() -> None:
    known = learn({}, look(*(started(*((10 * n + m, n) for m in range(9))) for n in range(20))))
    assert len(known["A"].recent) == 50
    assert max(one.waited_s for one in known["A"].recent) == 5


@pytest.mark.parametrize(("ago_s", "left"), [(0.9, 9), (1.1, 3), (6.9, 3), (7.1, 0)])
def test_old_knowledge_fades(ago_s: float, left: int) -> None:
    seen = look(started(*((ago_s * DAY_S, n) for n in range(9))))
    found = learn({}, seen)
    assert len(found["A"].recent if found else ()) == left


def test_yesterday_s_starts_make_way_for_today_s() -> None:
    seen = look(started((60, 5), (1.1 * DAY_S, 900)))
    assert [one.waited_s for one in learn({}, seen)["A"].recent] == [5]


def test_nothing_is_expected_of_an_entry_that_started_nothing() -> None:
    assert expected_wait_s(Starts(), 5000) is None
    assert quantile_s(Starts(), 0.5) is None


def test_the_last_one_to_start_tells_the_wait() -> None:
    assert expected_wait_s(waits(40), 0) == 40
    assert expected_wait_s(waits(40, 30, 50, 20, 60), 0) == 40


def test_one_freak_does_not_move_it_far_and_a_change_does() -> None:
    calm = [20, 22, 24, 26, 28, 30, 32, 34]
    assert expected_wait_s(waits(9000, *calm), 0) == pytest.approx(32)
    assert expected_wait_s(waits(9000, 9000, 9000, *calm), 0) == 9000
    assert expected_wait_s(waits(0, *calm), 0) == pytest.approx(22)


def test_who_waits_longer_raises_it() -> None:
    assert expected_wait_s(waits(40, 40), 39) == 40
    assert expected_wait_s(waits(40, 40), 700) == 700


def test_quantiles_for_people() -> None:
    known = waits(*range(101))
    found = [quantile_s(known, share) for share in (0, 0.25, 0.5, 0.9, 1)]
    assert found == pytest.approx([0, 25, 50, 90, 100])
    assert quantile_s(waits(7), 0.9) == 7
