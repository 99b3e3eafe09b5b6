# SPDX-License-Identifier: Apache-2.0
"""From requests to what is done in the queue, and what must never be done there."""

from condor_plugins.core.plan import (
    Edit,
    Memory,
    Plan,
    RemoveCluster,
    RemoveHeld,
    RemoveWaiting,
    Submit,
    Surplus,
)
from condor_plugins.core.policy import Downtime
from condor_plugins.core.snapshot import PilotCluster
from tests.core.building import GROUP, NOW_S, choose, cluster, entry, kind, of, policy, settings

KEY = f"{GROUP}/A"


def waiting(pilots: int) -> PilotCluster:
    """A cluster whose pilots all wait, as it was asked for."""
    return cluster(waiting=pilots, max_idle=pilots, most=pilots, wanted=pilots, granted=pilots)


def surplus_since(age_s: float, least: int) -> Memory:
    return Memory({KEY: (Surplus(NOW_S - age_s, least),)})


def changes(plan: Plan) -> dict[str, str]:
    return dict(pair for one in plan.actions if isinstance(one, Edit) for pair in one.changes)


def removed(plan: Plan) -> int:
    return sum(one.pilots for one in plan.actions if isinstance(one, RemoveWaiting))


def test_the_first_request_makes_a_cluster_with_its_notes() -> None:
    plan = choose(policy([entry(max_idle_pilots=3)]), [kind(80)])
    notes = (
        ("GlideinWanted", "10"),
        ("GlideinGranted", "3"),
        ("GlideinLimit", '"entry A MaxIdlePilots"'),
    )
    assert plan.actions == (Submit(GROUP, "A", "d1", 3, 3, notes),)


def test_a_request_for_nothing_makes_no_cluster() -> None:
    assert choose(policy([entry()])).actions == ()


def test_more_demand_raises_the_ceiling_before_the_pressure() -> None:
    """The other way round the schedd would make pilots up to the old ceiling only."""
    plan = choose(policy([entry()]), [kind(24)], clusters=(waiting(1),))
    assert list(changes(plan).items())[:2] == [
        ("JobMaterializeLimit", "3"),
        ("JobMaterializeMaxIdle", "3"),
    ]


def test_pilots_that_started_are_not_replaced_when_nothing_more_is_needed() -> None:
    started = cluster(waiting=1, running=2, starting=2, max_idle=3, most=3)
    plan = choose(policy([entry()]), [kind(24)], clusters=(started,))
    assert (of(plan).granted, of(plan).most, of(plan).surplus) == (1, 3, 0)
    assert "JobMaterializeLimit" not in changes(plan)


def test_less_demand_stops_new_pilots_at_once_and_removes_none_yet() -> None:
    plan = choose(policy([entry()]), [kind(8)], clusters=(waiting(5),))
    assert changes(plan)["JobMaterializeMaxIdle"] == "1"
    assert (of(plan).surplus, removed(plan)) == (4, 0)
    assert plan.memory.surplus == {KEY: (Surplus(NOW_S, 4),)}


def test_surplus_that_lasted_is_removed() -> None:
    plan = choose(
        policy([entry()]), [kind(8)], clusters=(waiting(5),), before=surplus_since(300, 4)
    )
    assert removed(plan) == 4


def test_surplus_that_has_not_lasted_is_not() -> None:
    plan = choose(
        policy([entry()]), [kind(8)], clusters=(waiting(5),), before=surplus_since(299, 4)
    )
    assert removed(plan) == 0


def test_only_what_was_surplus_all_the_time_is_removed() -> None:
    plan = choose(policy([entry()]), clusters=(waiting(5),), before=surplus_since(300, 2))
    assert removed(plan) == 2


def test_surplus_that_was_needed_in_between_begins_anew() -> None:
    wanted = policy([entry()])
    needed = choose(wanted, [kind(40)], clusters=(waiting(5),), before=surplus_since(290, 4))
    assert needed.memory.surplus == {}
    again = choose(wanted, clusters=(waiting(5),), before=needed.memory, now_s=NOW_S + 60)
    assert removed(again) == 0


def test_never_more_than_the_budget_is_removed_in_a_cycle() -> None:
    wanted = policy([entry(max_pilots=900)], settings=settings(max_removals=7))
    plan = choose(wanted, clusters=(waiting(500),), before=surplus_since(300, 500))
    assert removed(plan) == 7


def test_what_the_budget_left_goes_in_the_next_cycle() -> None:
    wanted = policy([entry()], settings=settings(max_removals=3))
    plan = choose(wanted, clusters=(waiting(5),), before=surplus_since(300, 5))
    later = choose(wanted, clusters=(waiting(2),), before=plan.memory, now_s=NOW_S + 60)
    assert (removed(plan), removed(later)) == (3, 2)


def test_running_and_starting_pilots_are_never_removed() -> None:
    busy = cluster(waiting=2, running=20, starting=5, max_idle=2, most=22)
    plan = choose(policy([entry()]), clusters=(busy,), before=surplus_since(9999, 20))
    assert removed(plan) == 2
    assert all(isinstance(one, Edit | RemoveWaiting) for one in plan.actions)


def test_a_downtime_takes_back_waiting_pilots_by_the_same_rules() -> None:
    down = policy([entry()], downtimes={"A": Downtime("power", 0, 0, "root")})
    first = choose(down, [kind(40)], clusters=(waiting(5),))
    assert (changes(first)["JobMaterializeMaxIdle"], removed(first)) == ("0", 0)
    assert changes(first)["GlideinLimit"] == '"down"'
    later = choose(down, [kind(40)], clusters=(waiting(5),), before=first.memory, now_s=NOW_S + 300)
    assert [one.reason for one in later.actions if isinstance(one, RemoveWaiting)] == [
        "down: power"
    ]


def test_figures_that_only_count_up_are_not_written_every_cycle() -> None:
    """The notes name the row that cut, not how full it is."""
    cut = cluster(
        waiting=3, running=5, max_idle=3, most=8, wanted=10, granted=3,
        cut_by="entry A MaxIdlePilots",
    )  # fmt: skip
    plan = choose(policy([entry(max_idle_pilots=3)]), [kind(80)], clusters=(cut,))
    assert plan.actions == ()


def test_a_changed_entry_gets_a_new_cluster_and_the_old_one_retires() -> None:
    old = cluster(3, digest="d0", waiting=2, running=4, held=1, max_idle=2, most=7)
    plan = choose(policy([entry()]), [kind(8)], clusters=(old,))
    assert [type(one) for one in plan.actions] == [Submit, Edit, RemoveWaiting, RemoveHeld]
    assert changes(plan) == {"JobMaterializeMaxIdle": "0"}
    assert all(one.cluster == 3 for one in plan.actions if not isinstance(one, Submit))


def test_a_retired_cluster_keeps_its_running_pilots_and_goes_when_it_is_empty() -> None:
    running = cluster(3, digest="d0", running=4, most=7)
    assert choose(policy([entry()]), clusters=(running,)).actions == ()
    leaving = cluster(3, digest="d0", leaving=1, most=7)
    assert choose(policy([entry()]), clusters=(leaving,)).actions == ()
    empty = cluster(3, digest="d0", most=7)
    why = "its entry or group has changed"
    assert choose(policy([entry()]), clusters=(empty,)).actions == (
        RemoveCluster(3, GROUP, "A", why),
    )


def test_an_entry_that_is_configured_no_more_retires_its_pilots() -> None:
    gone = cluster(3, "Gone", waiting=2, running=4, max_idle=2, most=6)
    plan = choose(policy([entry()]), [kind(8)], clusters=(gone,))
    assert [type(one) for one in plan.actions if one.entry == "Gone"] == [Edit, RemoveWaiting]
    empty = cluster(3, "Gone")
    assert isinstance(choose(policy([entry()]), clusters=(empty,)).actions[0], RemoveCluster)


def test_retiring_keeps_to_the_budget_too() -> None:
    gone = cluster(3, "Gone", waiting=50, most=50)
    wanted = policy([entry()], settings=settings(max_removals=7))
    assert removed(choose(wanted, clusters=(gone,))) == 7


def test_a_broken_entry_or_group_leaves_its_pilots_alone_and_others_go_on() -> None:
    """A typing mistake is no wish to lose what waits in a queue for days."""
    lone = (cluster(3, "Broken", waiting=5, max_idle=5, most=5), cluster(4, group="typo", held=2))
    wanted = policy([entry()], broken=frozenset({"entry Broken", "group typo"}))
    plan = choose(wanted, [kind(8)], clusters=lone)
    assert [(type(one), one.entry) for one in plan.actions] == [(Submit, "A")]


def test_a_pilot_that_cannot_be_made_now_leaves_the_queue_alone() -> None:
    here = (
        cluster(3, digest="d0", waiting=5, held=11, max_idle=5, most=5),
        cluster(4, digest="d1", waiting=1, max_idle=1, most=1),
    )
    plan = choose(policy([entry()]), [kind(800)], by={(GROUP, "A"): ""}, clusters=here)
    assert plan.actions == ()
    assert "cannot be made" in of(plan).shut


def test_of_two_equal_clusters_the_older_is_kept() -> None:
    """A provisioner was killed between a submit and its answer, and submitted again."""
    here = (cluster(9, waiting=2, max_idle=2, most=2), cluster(8, waiting=2, max_idle=2, most=2))
    plan = choose(policy([entry()]), [kind(16)], clusters=here)
    assert {one.cluster for one in plan.actions if isinstance(one, RemoveWaiting)} == {9}
    assert of(plan).granted == 2


def test_surplus_that_grows_is_removed_step_by_step() -> None:
    steps = (Surplus(NOW_S - 400, 1), Surplus(NOW_S - 310, 3), Surplus(NOW_S - 100, 4))
    plan = choose(policy([entry()]), clusters=(waiting(5),), before=Memory({KEY: steps}))
    assert removed(plan) == 3
    assert plan.memory.surplus == {KEY: (*steps, Surplus(NOW_S, 5))}


def test_surplus_that_falls_keeps_the_time_of_what_is_left() -> None:
    steps = (Surplus(NOW_S - 400, 1), Surplus(NOW_S - 200, 4))
    before = Memory({KEY: steps})
    plan = choose(policy([entry()]), [kind(16)], clusters=(waiting(5),), before=before)
    assert plan.memory.surplus == {KEY: (Surplus(NOW_S - 400, 1), Surplus(NOW_S - 200, 3))}
