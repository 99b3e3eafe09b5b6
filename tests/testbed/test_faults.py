# SPDX-License-Identifier: Apache-2.0
"""Kill anything at any moment: nothing is submitted twice, nothing that runs is lost."""

from collections import Counter

from _testbed.pool import Pool, remote_id
from _testbed.waiting import wait_until

from tests.testbed import daemons, jobs, pilots, provisioner


def clusters_of_pairs(pool: Pool) -> Counter[tuple[str, str]]:
    return Counter((ad["GlideinGroup"], ad["GlideinEntry"]) for ad in pool.pilot_clusters())


def waiting(pool: Pool) -> int:
    return len(pool.pilots("JobStatus == 1"))


def test_a_provisioner_killed_in_each_phase_never_asks_twice(pool: Pool) -> None:
    provisioner.stop_partitions(pool)
    with provisioner.by_hand(pool, GLIDEIN_REMOVE_AFTER="0", GLIDEIN_CONFIRM="0"):
        cluster = jobs.submit(pool, "alice", jobs.Sleepers(40, seconds=5, cores=2))
        for call, when in (
            ("idle_jobs", "before"),
            ("submit", "before"),
            ("submit", "after"),
            ("write_plan", "before"),
        ):
            provisioner.run_killed(pool, call, when)
        provisioner.run(pool)
        wait_until("6 pilots wait", lambda: waiting(pool) == 6, 30)
        assert set(clusters_of_pairs(pool).values()) == {1}
        assert provisioner.run(pool) == []

        jobs.remove(pool, cluster)
        for call, when in (
            ("edit_cluster", "after"),
            ("remove_pilots", "before"),
            ("remove_pilots", "after"),
        ):
            provisioner.run_killed(pool, call, when)
        provisioner.run(pool)
        pilots.wait_until_gone(pool)
        assert provisioner.run(pool) == []
        assert set(clusters_of_pairs(pool).values()) == {1}


def test_a_second_provisioner_at_the_same_time_does_nothing(pool: Pool) -> None:
    with provisioner.by_hand(pool):
        holding = "flock /var/lib/condor/glidein/lock sleep 20"
        pool.testbed.tell("ap", "sh", "-c", f"{holding} >/dev/null 2>&1 &", user="condor")

        def refused() -> bool:
            done = pool.testbed.run("ap", provisioner.PROGRAM, user="condor")
            return done.exit_code == 75 and "another provisioner is at work" in done.err

        wait_until("the second one is refused", refused, 15)


def test_a_restarted_schedd_goes_on_with_the_same_pilots(pool: Pool) -> None:
    cluster = jobs.submit(pool, "alice", jobs.Sleepers(4, seconds=25))
    jobs.wait_until_running(pool, cluster, 4)
    before = sorted(filter(None, map(remote_id, pool.pilots())))

    daemons.restart(pool.testbed, "ap", "schedd")

    jobs.wait_until_done(pool, cluster, 4)
    known = sorted(job.job_id for job in pool.slurm_jobs() if job.state in {"RUNNING", "PENDING"})
    assert known == before


def test_without_a_collector_nothing_is_removed_and_nothing_more_is_asked_for(pool: Pool) -> None:
    pool.testbed.tell("perlmutter", "scontrol", "update", "PartitionName=regular", "State=DOWN")
    cluster = jobs.submit(pool, "alice", jobs.Sleepers(40, seconds=70, cores=2))
    jobs.wait_until_running(pool, cluster, 2)
    wait_until("pilots wait", lambda: pilots.waiting(pool, "Perlmutter") == 4, 60)
    before = sorted(ad["GlobalJobId"] for ad in pool.pilots())

    with daemons.stopped(pool.testbed, "cm", "collector"):
        mark = len(provisioner.log(pool))
        wait_until(
            "a minute of cycles without an answer",
            lambda: provisioner.log(pool)[mark:].count("nothing changed: no answer") >= 6,
            timeout_s=120,
            every_s=2,
        )
        assert sorted(ad["GlobalJobId"] for ad in pool.pilots()) == before

    jobs.remove(pool, cluster)


def test_a_job_runs_again_when_slurm_kills_its_pilot(pool: Pool) -> None:
    lease = jobs.Sleepers(1, seconds=12, memory_mb=10_000, extra="job_lease_duration = 20")
    cluster = jobs.submit(pool, "alice", lease)
    jobs.wait_until_running(pool, cluster)
    first = pilots.cluster_ids(pool)

    for name in first:
        pool.testbed.tell("perlmutter", "scancel", "--full", "--signal=KILL", name)

    done = jobs.wait_until_done(pool, cluster, 1, timeout_s=180)
    assert done[0]["NumJobStarts"] >= 2


def test_a_job_runs_again_when_slurm_ends_its_pilot_with_a_warning(pool: Pool) -> None:
    cluster = jobs.submit(pool, "alice", jobs.Sleepers(1, seconds=12, memory_mb=10_000))
    jobs.wait_until_running(pool, cluster)

    for name in pilots.cluster_ids(pool):
        pool.testbed.tell("perlmutter", "scancel", name)

    done = jobs.wait_until_done(pool, cluster, 1, timeout_s=120)
    assert done[0]["NumJobStarts"] >= 2
    out = pool.testbed.tell("ap", "sh", "-c", "cat /pscratch/glidein/log/pilot.*.out")
    assert "told to leave" in out
