# SPDX-License-Identifier: Apache-2.0
"""Each job is asked for once, at entries that match it, and none beyond its limits."""

from condor_plugins.core.plan import Memory, Starts
from condor_plugins.core.policy import Downtime
from condor_plugins.core.resources import Resources
from condor_plugins.core.snapshot import Start
from tests.core.building import (
    NOW_S,
    choose,
    cluster,
    entry,
    group,
    kind,
    of,
    policy,
    settings,
    slot,
)


def test_one_entry_gets_packed_pilots_not_one_per_job() -> None:
    plan = choose(policy([entry()]), [kind(20)])
    assert (of(plan).granted, plan.fates[0].asked) == (3, {"A": 20})


def test_memory_bound_jobs_ask_for_more_pilots() -> None:
    assert of(choose(policy([entry()]), [kind(20, memory_mb=5_500)])).granted == 10


def test_two_matching_entries_share_and_each_job_is_asked_for_once() -> None:
    plan = choose(policy([entry("A"), entry("B")]), [kind(160)])
    assert plan.fates[0].asked == {"A": 80, "B": 80}
    assert (of(plan, "A").granted, of(plan, "B").granted) == (10, 10)


def test_only_matching_entries_are_asked() -> None:
    kinds = [kind(8, requirements='TARGET.GLIDEIN_Entry == "B"')]
    plan = choose(policy([entry("A"), entry("B")]), kinds)
    assert (plan.fates[0].asked, plan.fates[0].matching) == ({"B": 8}, ("B",))


def test_jobs_that_match_nothing_are_unmet() -> None:
    plan = choose(policy([entry()]), [kind(8, requirements="HasCVMFS")])
    assert (plan.fates[0].unmet, plan.fates[0].matching, plan.actions) == (8, (), ())


def test_what_one_entry_has_no_room_for_goes_to_the_other() -> None:
    wanted = policy([entry("A", max_pilots=2), entry("B")])
    plan = choose(wanted, [kind(160)])
    assert plan.fates[0].asked == {"A": 16, "B": 144}
    assert plan.fates[0].unmet == 0


def test_a_shut_entry_gets_nothing_and_its_share_goes_elsewhere() -> None:
    down = Downtime("power", NOW_S - 10, NOW_S + 10, "root")
    plan = choose(policy([entry("A"), entry("B")], downtimes={"A": down}), [kind(160)])
    assert plan.fates[0].asked == {"B": 160}
    assert (of(plan, "A").granted, of(plan, "A").shut) == (0, "down: power")


def test_a_downtime_that_is_over_shuts_nothing() -> None:
    down = Downtime("power", NOW_S - 10, NOW_S, "root")
    assert of(choose(policy([entry()], downtimes={"A": down}), [kind(8)])).granted == 1


def test_a_job_belongs_to_the_first_group_that_takes_it() -> None:
    groups = [group("g", 'Project == "x"'), group("h"), group("i")]
    plan = choose(policy([entry()], groups), [kind(8, Project="x"), kind(8, Project="y")])
    assert [fate.group for fate in plan.fates] == ["g", "h"]
    assert of(plan, "A", "i").granted == 0


def test_jobs_of_no_group_ask_for_nothing() -> None:
    plan = choose(policy([entry()], [group("g", 'Project == "x"')]), [kind(8)])
    assert (plan.fates[0].group, plan.fates[0].unmet, plan.actions) == ("", 8, ())


def test_an_entry_that_the_group_does_not_want_is_not_asked() -> None:
    wanted = policy([entry("A"), entry("B")], [group(entries='Name == "B"')])
    plan = choose(wanted, [kind(8)])
    assert [one.entry for one in plan.requests] == ["B"]


def test_the_row_that_cut_is_named() -> None:
    plan = choose(policy([entry(max_pilots=50, max_idle_pilots=3)]), [kind(80)])
    assert (of(plan).wanted, of(plan).granted) == (10, 3)
    assert of(plan).cut_by == ("entry A MaxIdlePilots (3 of 3)",)
    assert plan.fates[0].unmet == 56


def test_several_rows_that_cut_are_all_named() -> None:
    wanted = policy([entry(max_pilots=3, max_idle_pilots=3)], [group(max_pilots=3)])
    assert of(choose(wanted, [kind(80)])).cut_by == (
        "entry A MaxPilots (3 of 3)",
        "entry A MaxIdlePilots (3 of 3)",
        "group everyone MaxPilots (3 of 3)",
    )


def test_a_limit_that_did_not_cut_is_not_named() -> None:
    plan = choose(policy([entry(max_pilots=10)]), [kind(80)])
    assert (of(plan).granted, of(plan).cut_by) == (10, ())


def test_a_row_shared_by_groups_and_entries_holds_for_all_of_them_together() -> None:
    wanted = policy(
        [entry("A", max_pilots=4), entry("B"), entry("C")],
        [group("g", "Project is undefined", max_pilots=9), group("h")],
        settings=settings(max_pilots=15),
    )
    plan = choose(wanted, [kind(800), kind(800, Project="x")])
    granted = {(one.group, one.entry): one.granted for one in plan.requests}
    assert sum(granted.values()) == 15
    assert granted["g", "A"] + granted["h", "A"] <= 4
    assert sum(n for (name, _), n in granted.items() if name == "g") <= 9


def test_what_is_in_the_queue_counts_against_the_limits() -> None:
    here = cluster(waiting=2, running=3, held=1, leaving=2, starting=0, max_idle=2, most=8)
    plan = choose(policy([entry(max_pilots=9)]), [kind(160)], clusters=(here,))
    assert (of(plan).granted, of(plan).most) == (3, 9)
    assert of(plan).cut_by == ("entry A MaxPilots (9 of 9)",)


def test_old_clusters_of_an_entry_count_against_its_limits() -> None:
    old = cluster(3, digest="d0", running=8)
    plan = choose(policy([entry(max_pilots=9)]), [kind(160)], clusters=(old,))
    assert of(plan).granted == 1


def test_many_held_pilots_stop_an_entry_and_its_share_goes_elsewhere() -> None:
    held = cluster(held=10, most=10, hold_reasons=(("no such partition", 10),))
    plan = choose(policy([entry("A"), entry("B")]), [kind(160)], clusters=(held,))
    assert plan.fates[0].asked == {"B": 160}
    assert of(plan, "A").granted == 0
    assert of(plan, "A").hold_reasons == (("no such partition", 10),)


def test_the_ceiling_of_held_pilots_is_named_when_it_cuts() -> None:
    plan = choose(policy([entry()]), [kind(8)], clusters=(cluster(held=12, most=12),))
    assert of(plan).cut_by == ("entry A MaxHeldPilots (12 of 10)",)


def test_fewer_held_pilots_do_not_stop_it() -> None:
    plan = choose(policy([entry()]), [kind(80)], clusters=(cluster(held=9, most=9),))
    assert of(plan).granted == 10


def test_a_changed_entry_is_tried_again_though_many_were_held() -> None:
    old = cluster(digest="d0", held=10, most=10)
    plan = choose(policy([entry()]), [kind(8)], clusters=(old,))
    assert of(plan).granted == 1


def test_large_jobs_find_room_first() -> None:
    wanted = policy([entry(max_pilots=1, shape=Resources(8, 16_000, 20_000))])
    plan = choose(wanted, [kind(8, cpus=1), kind(1, cpus=8)])
    assert {fate.cpus: sum(fate.asked.values()) for fate in plan.fates} == {8: 1, 1: 0}


def test_small_jobs_fill_what_large_ones_leave() -> None:
    plan = choose(policy([entry()]), [kind(2, cpus=5), kind(6, cpus=1)])
    assert of(plan).granted == 2


HIGHMEM = Resources(2, 12_000, 20_000)


def test_jobs_with_much_memory_go_where_they_waste_no_cores() -> None:
    """Two such jobs leave six of eight cores idle, and none of two cores with as much memory."""
    wanted = policy([entry("Wide"), entry("Fat", shape=HIGHMEM)])
    plan = choose(wanted, [kind(40, memory_mb=5_500)])
    assert plan.fates[0].asked == {"Fat": 40}


def test_a_full_queue_where_they_fit_is_no_reason_to_waste_elsewhere() -> None:
    wanted = policy([entry("Wide"), entry("Fat", shape=HIGHMEM, max_idle_pilots=5)])
    plan = choose(wanted, [kind(40, memory_mb=5_500)])
    assert (plan.fates[0].asked, plan.fates[0].unmet) == ({"Fat": 10}, 30)


def test_an_entry_that_fits_but_can_take_no_more_is_one() -> None:
    wanted = policy([entry("Wide"), entry("Fat", shape=HIGHMEM, max_pilots=5)])
    plan = choose(wanted, [kind(40, memory_mb=5_500)])
    assert (plan.fates[0].asked, plan.fates[0].unmet) == ({"Fat": 10, "Wide": 30}, 0)


def test_weight_and_cost_make_the_shares() -> None:
    wanted = policy([entry("A", weight=3.0), entry("B"), entry("C", cost=2.0)])
    asked = choose(wanted, [kind(360)]).fates[0].asked
    assert asked == {"A": 240, "B": 80, "C": 40}


def test_an_entry_of_no_weight_is_never_asked() -> None:
    plan = choose(policy([entry("A", weight=0.0)]), [kind(8)])
    assert (of(plan).granted, plan.fates[0].unmet) == (0, 8)


def test_an_entry_where_pilots_start_sooner_gets_more() -> None:
    starts = {
        name: Starts(tuple(Start(NOW_S - 60 * n, wait_s) for n in range(1, 9)))
        for name, wait_s in (("Fast", 300.0), ("Slow", 1200.0))
    }
    wanted = policy([entry("Fast"), entry("Slow")])
    asked = choose(wanted, [kind(400)], before=Memory(starts=starts)).fates[0].asked
    assert asked["Fast"] > 2 * asked["Slow"] > 0


def test_where_pilots_wait_long_some_more_are_kept_waiting() -> None:
    starts = {"A": Starts(tuple(Start(NOW_S - 60 * n, 900.0) for n in range(1, 9)))}
    wanted = policy([entry()], settings=settings(hedge=20))
    plan = choose(wanted, [kind(160)], before=Memory(starts=starts))
    assert of(plan).granted == 24
    here = cluster(waiting=24, max_idle=24, most=24, wanted=24, granted=24)
    again = choose(wanted, [kind(160)], clusters=(here,), before=Memory(starts=starts))
    assert (again.actions, of(again).surplus) == ((), 0)
    less = choose(wanted, [kind(80)], clusters=(here,), before=Memory(starts=starts))
    assert of(less).surplus == 12


def test_where_pilots_start_at_once_none_more_is_asked_for() -> None:
    wanted = policy([entry()], settings=settings(hedge=20))
    assert of(choose(wanted, [kind(160)])).granted == 20


def test_a_pilot_of_several_nodes_is_asked_for_as_often_as_it_takes() -> None:
    assert of(choose(policy([entry(nodes=4)]), [kind(65)])).granted == 3


def test_coming_pilots_of_several_nodes_count_with_all_their_slots() -> None:
    here = cluster(waiting=3, max_idle=3, most=3)
    plan = choose(policy([entry(nodes=4)]), [kind(33)], clusters=(here,))
    assert (plan.fates[0].in_coming, of(plan).surplus) == (33, 1)


def test_a_job_that_matches_but_is_larger_than_the_pilot_asks_for_none() -> None:
    """A request that depends on the slot: 16 cores to the schedd, 4 where there is a slot."""
    large = kind(5)._replace(each=Resources(16, 1000, 100))
    for entries in ([entry("A")], [entry("A"), entry("B")]):
        plan = choose(policy(entries), [large])
        assert [one.granted for one in plan.requests] == [0] * len(entries)
        assert plan.fates[0].unmet == 5


def test_a_resource_that_an_entry_lacks_is_not_asked_for_there() -> None:
    licensed = entry("B", shape=Resources(8, 16_000, 20_000, 0, (("License", 4),)))
    job = kind(8)._replace(each=Resources(1, 1000, 100, 0, (("License", 1),)))
    assert choose(policy([entry("A"), licensed]), [job]).fates[0].asked == {"B": 8}


def test_a_drained_entry_is_not_hedged() -> None:
    starts = {"A": Starts((Start(NOW_S - 60.0, 1200.0),))}
    here = cluster(waiting=20, max_idle=20, most=20)
    wanted = policy([entry(weight=0.0)], settings=settings(hedge=75))
    plan = choose(wanted, [kind(160)], clusters=(here,), before=Memory(starts=starts))
    assert of(plan).granted == 20


def test_a_pilot_that_has_joined_before_the_queue_knows_counts_once() -> None:
    """Its slot is full, and shown; as a coming pilot it would hide the need for another."""
    here = cluster(waiting=1, arrived=1, max_idle=1, most=1)
    plan = choose(policy([entry()]), [kind(8)], clusters=(here,), slots=(slot("7.0", 0, 0),))
    assert (plan.fates[0].in_coming, plan.fates[0].asked) == (0, {"A": 8})
