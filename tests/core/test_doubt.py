# SPDX-License-Identifier: Apache-2.0
"""What vanishes at once and without a trace is not believed before it has lasted."""

from condor_plugins.core.plan import Edit, Memory, Plan, RemoveWaiting, Seen, Surplus
from tests.core.building import NOW_S, choose, cluster, entry, kind, policy, settings, slot

WAITING = (cluster(waiting=5, max_idle=5, most=5),)
RIPE = {"everyone/A": (Surplus(NOW_S - 9999, 5),)}


def world_before(since_s: float = 0.0, **seen: int) -> Memory:
    values = {"idle_cores": 400} | seen
    return Memory(
        surplus=RIPE, at_s=NOW_S - 60, seen=Seen(NOW_S - 60, **values), doubt_since_s=since_s
    )


def removed(plan: Plan) -> bool:
    return any(isinstance(one, RemoveWaiting) for one in plan.actions)


def test_demand_that_is_just_gone_changes_nothing_and_says_so() -> None:
    plan = choose(policy([entry()]), clusters=WAITING, before=world_before())
    assert "jobs for 400 cores were idle, and now none is idle or runs" in plan.doubt
    assert not removed(plan)
    edits = [one for one in plan.actions if isinstance(one, Edit)]
    assert not any(name.startswith("Job") for one in edits for name, _ in one.changes)
    assert plan.requests[0].granted == 5


def test_it_is_believed_when_it_has_lasted() -> None:
    plan = choose(policy([entry()]), clusters=WAITING, before=world_before(NOW_S - 300))
    assert (plan.doubt, removed(plan)) == ("", True)
    assert plan.memory.seen.idle_cores == 0


def test_the_time_of_the_doubt_goes_on() -> None:
    first = choose(policy([entry()]), clusters=WAITING, before=world_before())
    then = choose(policy([entry()]), clusters=WAITING, before=first.memory, now_s=NOW_S + 120)
    assert (first.memory.doubt_since_s, then.memory.doubt_since_s) == (NOW_S, NOW_S)
    assert "180 s more" in then.doubt


def test_demand_that_comes_back_ends_the_doubt() -> None:
    before = world_before(NOW_S - 60)
    plan = choose(policy([entry()]), [kind(400)], clusters=WAITING, before=before)
    assert (plan.doubt, plan.memory.doubt_since_s) == ("", 0.0)


def test_a_schedd_that_shows_running_jobs_is_believed() -> None:
    plan = choose(policy([entry()]), clusters=WAITING, jobs_run=True, before=world_before())
    assert (plan.doubt, removed(plan)) == ("", True)


def test_a_few_jobs_may_vanish() -> None:
    plan = choose(policy([entry()]), clusters=WAITING, before=world_before(idle_cores=8))
    assert plan.doubt == ""


def test_glideins_that_vanish_while_their_pilots_run_are_not_believed() -> None:
    here = (cluster(waiting=5, running=20, lost=20, max_idle=5, most=25),)
    before = world_before(idle_cores=0, glideins=20)
    plan = choose(policy([entry()]), [kind(800)], clusters=here, before=before)
    assert "glideins fell from 20 to 0, and 20 pilots run on" in plan.doubt
    assert (removed(plan), plan.requests[0].granted) == (False, 5)


def test_glideins_that_left_with_their_pilots_are_gone() -> None:
    before = world_before(idle_cores=0, glideins=20)
    assert choose(policy([entry()]), clusters=WAITING, before=before).doubt == ""


def test_an_old_memory_is_no_measure() -> None:
    before = Memory(surplus=RIPE, at_s=NOW_S - 7200, seen=Seen(NOW_S - 7200, 400))
    assert choose(policy([entry()]), clusters=WAITING, before=before).doubt == ""


def test_jobs_that_had_settled_are_settled_still_after_a_doubt() -> None:
    """One wrong answer must not make the returning jobs new ones and their pilots a surplus."""
    wanted, jobs = policy([entry()], settings=settings(settle_s=120, remove_after_s=60)), [kind(40)]
    memory = Memory()
    for age_s, kinds in ((0, jobs), (60, jobs), (120, jobs), (180, []), (240, jobs)):
        now_s = NOW_S + age_s
        plan = choose(wanted, kinds, clusters=WAITING, before=memory, now_s=now_s)
        memory = plan.memory
    assert (plan.doubt, removed(plan), plan.requests[0].granted) == ("", False, 5)


def test_glideins_of_several_nodes_count_by_pilot() -> None:
    four = [slot("7.0", 8, 16_000)._replace(name=f"slot{n}", pilot="ap-7.0") for n in range(4)]
    plan = choose(policy([entry()]), slots=tuple(four))
    assert plan.memory.seen.glideins == 1
