# SPDX-License-Identifier: Apache-2.0
"""Room counts as supply only for the jobs that can use it."""

from tests.core.building import choose, cluster, entry, group, kind, of, policy, slot


def test_jobs_that_fit_into_free_slots_ask_for_nothing() -> None:
    plan = choose(policy([entry()]), [kind(6)], slots=(slot("1.0", 8, 16_000),))
    assert (plan.fates[0].in_slots, of(plan).granted, plan.actions) == (6, 0, ())


def test_idle_cores_without_memory_are_no_supply() -> None:
    """GlideinWMS counts them, and asks for nothing while jobs wait for ever (its issue 332)."""
    full_of_cores = tuple(slot(f"{number}.0", 6, 1_000) for number in range(100))
    plan = choose(policy([entry()]), [kind(4, memory_mb=5_500)], slots=full_of_cores)
    assert (plan.fates[0].in_slots, of(plan).granted) == (0, 2)


def test_cores_that_a_slot_does_not_give_to_this_job_are_no_supply() -> None:
    kinds = [kind(8, requirements="HasCVMFS"), kind(8)]
    plan = choose(policy([entry()]), kinds, slots=(slot("1.0", 8, 16_000),))
    fates = {str(fate.signature): fate for fate in plan.fates}
    assert fates[kinds[0].signature].in_slots == 0
    assert fates[kinds[1].signature].in_slots == 8


def test_slots_of_other_pools_machines_count_as_well() -> None:
    plan = choose(policy([entry()]), [kind(6)], slots=(slot("x", 8, 16_000, entry_name=""),))
    assert plan.fates[0].in_slots == 6


def test_slots_are_filled_by_memory_too() -> None:
    two = (slot("1.0", 8, 16_000), slot("2.0", 8, 16_000))
    plan = choose(policy([entry()]), [kind(10, memory_mb=5_500)], slots=two)
    assert (plan.fates[0].in_slots, of(plan).granted) == (4, 3)


def test_no_room_is_used_twice() -> None:
    kinds = [kind(8, cpus=1), kind(2, cpus=4)]
    plan = choose(policy([entry()]), kinds, slots=(slot("1.0", 8, 16_000),))
    assert sum(fate.in_slots * fate.cpus for fate in plan.fates) == 8


def test_waiting_and_starting_pilots_count() -> None:
    here = cluster(waiting=1, running=2, starting=1, max_idle=1, most=3)
    plan = choose(policy([entry()]), [kind(24)], clusters=(here,))
    assert plan.fates[0].in_coming == 16
    assert (of(plan).granted, of(plan).most) == (2, 4)


def test_a_running_pilot_that_never_joined_counts_no_more() -> None:
    here = cluster(running=2, lost=2, most=2)
    plan = choose(policy([entry()]), [kind(16)], clusters=(here,))
    assert (plan.fates[0].in_coming, of(plan).granted) == (0, 2)


def test_a_coming_pilot_counts_only_for_jobs_that_it_would_run() -> None:
    here = cluster(waiting=5, max_idle=5, most=5)
    plan = choose(policy([entry()]), [kind(5, requirements="HasCVMFS")], clusters=(here,))
    assert (plan.fates[0].in_coming, plan.fates[0].unmet) == (0, 5)


def test_coming_pilots_of_another_group_are_used_before_new_ones_are_asked_for() -> None:
    groups = [group("g", "TARGET.Big =?= true || Big =?= true"), group("h")]
    other = cluster(group="g", waiting=1, max_idle=1, most=1)
    plan = choose(policy([entry()], groups), [kind(8)], clusters=(other,))
    assert (plan.fates[0].group, plan.fates[0].in_coming) == ("h", 8)
    assert of(plan, "A", "h").granted == 0


def test_starting_pilots_of_the_entry_as_it_was_do_come() -> None:
    old = cluster(digest="d0", running=3, starting=2, most=3)
    plan = choose(policy([entry()]), [kind(24)], clusters=(old,))
    assert (plan.fates[0].in_coming, of(plan).granted) == (16, 1)


def test_waiting_pilots_that_cannot_be_made_anew_still_come() -> None:
    """The manifest cannot be read for a moment: their jobs are not asked for elsewhere."""
    wanted = policy([entry("A"), entry("B")])
    by = {("everyone", "A"): "", ("everyone", "B"): "d1"}
    here = cluster(waiting=2, max_idle=2, most=2)
    plan = choose(wanted, [kind(16)], by=by, clusters=(here,))
    assert (plan.fates[0].in_coming, of(plan, "B").granted) == (16, 0)
