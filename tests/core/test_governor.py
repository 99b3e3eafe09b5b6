# SPDX-License-Identifier: Apache-2.0
"""No answer is never taken for "nothing there"."""

import pytest

from condor_plugins.core.plan import Memory, Surplus
from condor_plugins.core.policy import UNREADABLE
from tests.core.building import NOW_S, choose, cluster, entry, kind, policy, settings

FULL = (cluster(waiting=5, running=20, lost=20, max_idle=5, most=25),)
LASTED = Memory({"everyone/A": (Surplus(NOW_S - 9999, 5),)})


def test_a_failed_query_freezes_everything() -> None:
    plan = choose(policy([entry()]), clusters=FULL, before=LASTED, failed=("slots: no answer",))
    assert plan.frozen == "no answer: slots: no answer"
    assert (plan.actions, plan.memory) == ((), Memory())
    assert all(one.removing == 0 for one in plan.requests)


def test_time_without_an_answer_does_not_count_for_a_surplus_that_lasts() -> None:
    frozen = choose(policy([entry()]), before=LASTED, failed=("pilots: no",))
    plan = choose(policy([entry()]), clusters=FULL, before=frozen.memory)
    assert all(one.removing == 0 for one in plan.requests)


def test_a_failed_query_asks_for_nothing_either() -> None:
    assert choose(policy([entry()]), [kind(80)], failed=("pilots: no",)).actions == ()


def test_a_young_collector_that_misses_running_pilots_freezes() -> None:
    """After its restart every glidein is alive, and none is shown."""
    plan = choose(policy([entry()]), [kind(800)], clusters=FULL, collector_age_s=60.0)
    assert "60 s and does not show 20 running pilots" in plan.frozen
    assert plan.actions == ()


def test_a_young_collector_that_shows_every_pilot_does_not() -> None:
    here = (cluster(running=20, most=20),)
    assert choose(policy([entry()]), clusters=here, collector_age_s=60.0).frozen == ""


@pytest.mark.parametrize("age_s", [600.0, None])
def test_pilots_that_never_join_do_not_freeze_for_ever(age_s: float | None) -> None:
    plan = choose(policy([entry()]), [kind(800)], clusters=FULL, collector_age_s=age_s)
    assert plan.frozen == ""


def test_a_frozen_cycle_still_says_what_it_would_do() -> None:
    plan = choose(policy([entry()]), [kind(80)], failed=("pilots: no",))
    assert plan.requests[0].granted == 10


def test_a_young_collector_may_not_know_all_schedds() -> None:
    wanted = policy([entry()], settings=settings(schedds=("ALL",)))
    assert "may not know all schedds" in choose(wanted, collector_age_s=60.0).frozen
    assert choose(wanted, collector_age_s=900.0).frozen == ""


def test_a_downtime_that_cannot_be_read_takes_no_pilot_back() -> None:
    wanted = policy([entry()], downtimes={"A": UNREADABLE})
    here = (cluster(waiting=5, max_idle=5, most=5),)
    plan = choose(wanted, clusters=here, before=LASTED)
    assert (plan.requests[0].removing, plan.requests[0].granted) == (0, 0)
