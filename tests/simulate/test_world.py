# SPDX-License-Identifier: Apache-2.0
"""What happens in the world, second by second, under a decision that is made beforehand."""

import pytest

from condor_plugins.core.snapshot import Snapshot
from condor_plugins.simulate.figures import Figures
from tests.simulate.building import (
    Script,
    edit,
    entry,
    jobs,
    played,
    result,
    scenario,
    submit,
    take_back,
)

ONE: Script = {0: (submit(),), 1: (edit(idle=0),)}
HOUR_S = 3600


def seconds(found: Figures) -> dict[str, float]:
    """Core-seconds by cause, those that are not zero."""
    return {cause: round(h * HOUR_S, 6) for cause, h in found.waste_by_cause.items() if h}


def test_a_pilot_from_its_start_until_it_leaves() -> None:
    """Starts at 100, joins at 130, matched at 180, jobs until 1180, leaves at 1480."""
    found = result(scenario(), ONE)
    assert (found.first_s, found.t50_s, found.t90_s) == (180, 180, 180)
    assert (found.pilots, found.useless_pilots, found.jobs_done) == (1, 0, 4)
    assert found.used_core_hours * HOUR_S == pytest.approx(4 * 1000)
    assert seconds(found) == {"start_up": 4 * 80, "tail": 4 * 300}
    assert found.core_hours * HOUR_S == pytest.approx(4 * 1380)
    assert found.waste_fraction == pytest.approx(1520 / 5520)


def test_a_pilot_without_a_job_leaves_after_its_idle_timeout() -> None:
    found = result(scenario(jobs=[jobs(at_s=5000)]), ONE)
    assert (found.pilots, found.useless_pilots, found.useless_fraction) == (1, 1, 1)
    assert seconds(found) == {"start_up": 4 * 80, "idle_timeout": 4 * 550}
    assert (found.first_s, found.t90_s, found.jobs_started) == (None, None, 0)


def test_a_short_idle_timeout_cuts_the_tail() -> None:
    found = result(scenario(entries=[entry(idle_timeout_s=200)]), ONE)
    assert seconds(found)["tail"] == 4 * 200


def test_cores_beside_a_job_are_unmatched() -> None:
    found = result(scenario(jobs=[jobs(count=1, memory_mb=5000)]), ONE)
    assert seconds(found) == {"start_up": 4 * 80, "unmatched_idle": 3 * 1000, "tail": 4 * 300}


def test_memory_limits_what_a_pilot_takes() -> None:
    found = result(scenario(jobs=[jobs(count=4, memory_mb=3000)]), ONE)
    # two at 180; the next two at the negotiation after 1180
    assert (found.t50_s, found.t90_s) == (180, 1200)


def test_the_wall_time_kills_and_the_jobs_run_again() -> None:
    """Killed at 700 after 520 s; the next pilot is ready at 240, takes them at 720, ends at 800."""
    worlds = scenario(entries=[entry(walltime_s=600)], jobs=[jobs(runtime_s=550)])
    found = result(worlds, {0: (submit(),), 1: (edit(most=2),), 4: (edit(idle=0),)})
    assert (found.pilots, found.jobs_started, found.t90_s) == (2, 4, 180)
    assert seconds(found)["killed"] == 4 * (520 + 80)
    assert (found.used_core_hours, found.jobs_done) == (0, 0)


def test_a_failing_pilot_is_useless_and_its_cores_are_start_up() -> None:
    found = result(scenario(entries=[entry(fails=1)]), ONE)
    assert (found.pilots, found.useless_pilots) == (1, 1)
    assert seconds(found) == {"start_up": 4 * 5}


def test_a_site_runs_no_more_than_its_capacity() -> None:
    """The second starts when the first has left: two rounds of jobs (180, 1200), and the tail."""
    worlds = scenario(entries=[entry(capacity=1)], jobs=[jobs(count=8)])
    world = played(worlds, {0: (submit(2, 2),), 1: (edit(idle=0),)})
    assert [one.started_s for one in world.queue.pilots] == [100, 2500]
    assert max(one.running for one in world.moments) == 1


def test_a_pilot_that_is_taken_back_never_starts() -> None:
    script: Script = {
        0: (submit(3, 3),),
        1: (edit(idle=1, most=1), take_back(2)),
        2: (edit(idle=0),),
    }
    world = played(scenario(), script)
    assert [one.started_s for one in world.queue.pilots] == [100, None, None]
    assert world.queue.reversed == 2


def test_the_horizon_ends_all_and_books_what_was() -> None:
    found = result(scenario(horizon_s=680), ONE)
    assert found.used_core_hours * HOUR_S == pytest.approx(4 * 500)
    assert seconds(found) == {"start_up": 4 * 80}
    assert found.jobs_done == 0


def test_jobs_go_where_fewest_cores_are_left() -> None:
    """The second batch fills the pilot that has begun, and leaves the empty one alone."""
    batches = [jobs(count=1), jobs(count=2, at_s=190, runtime_s=60)]
    world = played(scenario(jobs=batches), {0: (submit(2, 2),), 1: (edit(idle=0),)})
    assert [one.useless for one in world.queue.pilots] == [False, True]


def test_a_requirement_keeps_jobs_from_an_entry() -> None:
    both = [entry(), entry(name="B", attributes={"HasCVMFS": True})]
    wanting = [jobs(requirements="HasCVMFS")]
    script: Script = {0: (submit(), submit(name="B")), 1: (edit(idle=0), edit(2, idle=0))}
    world = played(scenario(entries=both, jobs=wanting), script)
    assert [one.useless for one in world.queue.pilots] == [True, False]


def test_the_schedd_replaces_pilots_that_start_between_cycles() -> None:
    worlds = scenario(horizon_s=700, cycle_s=1000, entries=[entry(wait_s={"uniform": [100, 200]})])
    world = played(worlds, {0: (submit(2, 5),), 1: (edit(idle=0),)})
    starts = sorted(one.started_s or 0 for one in world.queue.pilots)
    assert [one.made_s for one in world.queue.pilots] == [0, 0, *starts[:3]]  # 5 are the most


def test_what_the_decision_sees() -> None:
    looks: list[Snapshot] = []
    played(scenario(jobs=[jobs(), jobs(at_s=3000)]), ONE, looks.append)
    first, later = looks[0], looks[4]
    assert [(kind.count, kind.each.memory_mb) for kind in first.kinds] == [(4, 2000)]
    assert first.clusters == () and later.kinds == ()
    (cluster,) = looks[1].clusters
    assert (cluster.waiting, cluster.submitted, cluster.longest_wait_s) == (1, 0, 60)
    (cluster,) = looks[2].clusters
    assert (cluster.running, cluster.starting, cluster.lost) == (1, 1, 0)
    assert [one.waited_s for one in cluster.starts] == [100]
    assert [(one.free.cpus, one.entry, one.group) for one in later.slots] == [(0, "A", "jobs")]
    assert [one.ran_s for seen in looks for one in seen.ended] == [1380]
