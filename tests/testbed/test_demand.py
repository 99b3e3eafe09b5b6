# SPDX-License-Identifier: Apache-2.0
"""Demand decides: memory counts, and pilots that nobody needs any more go back."""

from _testbed.pool import Pool
from _testbed.waiting import wait_until

from tests.testbed import jobs, pilots, provisioner
from tests.testbed.settings import drop_in


def test_memory_bound_jobs_get_as_many_pilots_as_their_memory_needs(pool: Pool) -> None:
    """Four jobs of one core and 12 GB: one fits a pilot of 8 cores and 16 GB, five one of 64 GB."""
    highmem_down = 'GLIDEIN_DOWNTIME_PerlmutterHighmem = [ Reason = "test" ]\n'
    with drop_in(pool, "ap", "highmem", highmem_down):
        cluster = jobs.submit(pool, "alice", jobs.Sleepers(4, seconds=40, memory_mb=12_000))

        jobs.wait_until_running(pool, cluster, 4, timeout_s=90)

        assert len(pilots.of_entry(pool, "Perlmutter")) == 4


def test_idle_cores_without_memory_are_no_supply(pool: Pool) -> None:
    """A pilot with 7 idle cores and no memory left does not keep the next pilot away."""
    hog = jobs.submit(pool, "alice", jobs.Sleepers(1, seconds=100, memory_mb=15_500))
    jobs.wait_until_running(pool, hog)

    late = jobs.submit(pool, "alice", jobs.Sleepers(1, seconds=5, memory_mb=15_500))

    jobs.wait_until_done(pool, late, 1, timeout_s=90)


def test_waiting_pilots_are_taken_back_when_the_demand_has_gone(pool: Pool) -> None:
    provisioner.stop_partitions(pool)
    with drop_in(pool, "ap", "soon", "GLIDEIN_REMOVE_AFTER = 15\nGLIDEIN_CONFIRM = 15\n"):
        cluster = jobs.submit(pool, "alice", jobs.Sleepers(40, seconds=5, cores=2))
        pilots.wait_for_pilots(pool, "Perlmutter", at_least=4)
        wait_until("pilots wait in Slurm", lambda: len(pool.squeue()) >= 4, 60)

        jobs.remove(pool, cluster)

        pilots.wait_until_gone(pool)
        assert "surplus: no job needs this pilot" in provisioner.log(pool)


def test_a_cycle_that_changes_nothing_writes_nothing_to_the_queue(pool: Pool) -> None:
    provisioner.stop_partitions(pool)
    jobs.submit(pool, "alice", jobs.Sleepers(40, seconds=5, cores=2))
    jobs.submit(pool, "bob", jobs.Sleepers(7, seconds=5, memory_mb=3000))
    wait_until("pilots wait in Slurm", lambda: len(pool.squeue()) >= 4, 60)
    provisioner.wait_for_cycles(pool, 2)
    before = pool.pilot_clusters(), provisioner.log(pool)

    provisioner.wait_for_cycles(pool, 2)

    assert provisioner.plan(pool)["actions"] == []
    now = pool.pilot_clusters(), provisioner.log(pool)
    assert now[1] == before[1]
    assert [edited(ad) for ad in now[0]] == [edited(ad) for ad in before[0]]


def edited(cluster: dict[str, object]) -> dict[str, object]:
    """What the provisioner can write into a cluster's ad."""
    return {k: v for k, v in cluster.items() if k.startswith(("Glidein", "JobMaterialize"))}
