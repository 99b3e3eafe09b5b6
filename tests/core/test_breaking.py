# SPDX-License-Identifier: Apache-2.0
"""The breaker: it opens when pilots fail as they start, and closes when one stays."""

from typing import Any

import pytest

from condor_plugins.core.breaking import judge, state
from condor_plugins.core.plan import Breaker
from condor_plugins.core.snapshot import End, PilotCluster, Snapshot, Start
from tests.core.building import NOW_S, cluster, entry, policy

# A pilot of A that ends by itself before 270 s have gone has failed; the queue may be 60 s late.
POLICY = policy([entry(idle_timeout_s=600, tail_timeout_s=300), entry("B")])


def end(ago_s: float, ran_s: float = 5, entry_name: str = "A") -> End:
    return End("everyone", entry_name, NOW_S - ago_s, ran_s)


def after(
    *ends: End,
    before: Breaker | None = None,
    now_s: float = NOW_S,
    running: PilotCluster | None = None,
) -> Breaker:
    seen = Snapshot(now_s, clusters=(running,) if running else (), ended=ends)
    known = {} if before is None else {"A": before}
    return judge(known, seen, POLICY).get("A", Breaker())


def word(breaker: Breaker, later_s: float = 0) -> str:
    return state(breaker, NOW_S + later_s)[0]


def running(ago_s: float) -> PilotCluster:
    """One pilot, started so long ago."""
    return cluster(running=1, starts=(Start(NOW_S - ago_s, 10),))


OPEN = after(end(30), end(20), end(10))


def test_three_failures_in_a_row_open_it() -> None:
    assert word(after(end(30), end(20))) == "closed"
    assert state(OPEN, NOW_S) == (
        "open",
        0,
        "the last 3 pilots failed at the start; tried again in 290 s",
    )


def test_three_failures_in_one_second_are_three() -> None:
    assert word(after(end(10), end(10), end(10))) == "open"


def test_pilots_that_stayed_are_no_failures() -> None:
    ends = [end(n, ran_s) for n, ran_s in enumerate([271, 270, 9000, 300, 211])]
    assert after(*ends).failures == 0
    assert after(end(5, 209)).failures == 1


@pytest.mark.parametrize(
    ("changes", "ran_s", "failures"),
    [
        ({"idle_timeout_s": 100}, 32, 0),
        ({"idle_timeout_s": 100}, 28, 1),
        ({"wall_time_s": 200}, 122, 0),
        ({"wall_time_s": 200}, 118, 1),
        ({"tail_timeout_s": 60}, 0, 0),
    ],
)
def test_what_is_too_soon_follows_the_entry(
    changes: dict[str, Any], ran_s: float, failures: int
) -> None:
    wanted = policy([POLICY.entries["A"]._replace(**changes)])
    found = judge({}, Snapshot(NOW_S, ended=(end(1, ran_s),)), wanted)
    assert found["A"].failures == failures


def test_each_entry_has_its_own() -> None:
    seen = Snapshot(NOW_S, ended=(end(3), end(2), end(1), end(1, entry_name="B")))
    found = judge({}, seen, POLICY)
    assert {name: one.failures for name, one in found.items()} == {"A": 3, "B": 1}
    assert judge(found, Snapshot(NOW_S), policy([entry("B")])).keys() == {"B"}
    assert judge({}, Snapshot(NOW_S, ended=(end(1, entry_name="gone"),)), POLICY) == {}


def test_the_same_ends_are_judged_once() -> None:
    ends = (end(30), end(20))
    once = after(*ends)
    assert after(*ends, before=once) == once
    assert word(after(*ends, end(10), before=once)) == "open"
    assert after(*ends, end(10), before=OPEN) == OPEN


def test_failures_far_apart_are_no_row() -> None:
    assert after(end(4000), end(3900), end(10)).failures == 1
    assert after(end(3500), end(3400), end(10)).failures == 3


def test_a_good_start_in_between_ends_the_row() -> None:
    assert after(end(900), end(800), end(10, 300), end(5)).failures == 1


def test_good_pilots_of_the_time_before_do_not_hide_that_new_ones_fail() -> None:
    assert word(after(end(30), end(25, 40_000), end(20), end(15, 40_000), end(10))) == "open"
    assert word(after(before=OPEN, running=running(40_000))) == "open"


def test_a_pilot_that_runs_for_long_enough_closes_it() -> None:
    opened = OPEN._replace(since_s=NOW_S - 400, opened_s=NOW_S - 350, judged_s=NOW_S - 350)
    assert word(after(before=opened, running=running(200))) == "probing"
    assert after(before=opened, running=running(280)) == Breaker(judged_s=NOW_S - 350)


def test_failures_while_it_is_open_are_of_pilots_that_were_sent_before() -> None:
    more = after(end(-5), end(-200), before=OPEN, now_s=NOW_S + 250)
    assert (more.failures, more.opened_s, more.trips) == (5, OPEN.opened_s, 0)


def test_then_it_lets_one_pilot_try_and_a_failure_opens_it_for_longer() -> None:
    assert state(OPEN, NOW_S + 290)[:2] == ("probing", 1)
    again = after(end(-400), before=OPEN, now_s=NOW_S + 410)
    assert [word(again, s) for s in (410, 990, 1001)] == ["open", "open", "probing"]
    third = after(end(-1100), before=again, now_s=NOW_S + 1110)
    assert [word(third, s) for s in (1110, 2290, 2301)] == ["open", "open", "probing"]


def test_it_never_waits_for_more_than_two_hours() -> None:
    worn = OPEN._replace(trips=500)
    assert [word(worn, s) for s in (7100, 7200)] == ["open", "probing"]


def test_a_success_while_probing_closes_it() -> None:
    good = end(-700, 300)
    closed = after(good, before=OPEN, now_s=NOW_S + 710)
    assert closed == Breaker(judged_s=good.ended_s)
    assert state(closed, NOW_S)[1] > 10_000


def test_old_failures_are_forgotten() -> None:
    assert after(before=OPEN, now_s=NOW_S + 80_000).failures == 3
    assert after(before=OPEN, now_s=NOW_S + 90_000).failures == 0


def test_with_many_pilots_times_are_too_vague_to_call_a_failure() -> None:
    """2000 pilots are looked at once in 400 s: who seems to have run for 5 s may have for 400."""
    ends = [end(n) for n in (3, 2, 1)]
    assert after(*ends, running=cluster(running=2000)).failures == 0
    assert after(*ends, running=cluster(running=250)).failures == 3
