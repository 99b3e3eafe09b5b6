# SPDX-License-Identifier: Apache-2.0
"""An entry that is down or broken stops itself and nobody else."""

from _testbed.pool import HELD, Pool
from _testbed.waiting import wait_until

from tests.testbed import jobs, pilots, provisioner
from tests.testbed.settings import edit_entries

QUEUE = 'BatchQueue = "debug"'


def test_an_entry_that_is_down_gets_no_pilot_and_its_jobs_go_elsewhere(pool: Pool) -> None:
    glidein(pool, "down", "Perlmutter", "--reason", 'maintenance of $(SPOOL) "quoted"')

    cluster = jobs.submit(pool, "alice", jobs.Sleepers(4, seconds=5))

    jobs.wait_until_done(pool, cluster, 4)
    assert pilots.of_entry(pool, "Perlmutter") == []
    glidein(pool, "up", "Perlmutter")
    again = jobs.submit(pool, "alice", jobs.Sleepers(40, seconds=5, cores=2))
    pilots.wait_for_pilots(pool, "Perlmutter")
    jobs.remove(pool, again)


def test_an_entry_whose_queue_does_not_exist_beside_one_that_works(pool: Pool) -> None:
    edit_entries(pool, QUEUE, 'BatchQueue = "nonsense"')

    cluster = jobs.submit(pool, "alice", jobs.Sleepers(24, seconds=5, cores=2))

    jobs.wait_until_done(pool, cluster, 24, timeout_s=180)
    held = pilots.count(pool, "PerlmutterHighmem", HELD)
    assert 0 < held <= 10
    status = glidein(pool, "status")
    assert "nonsense" in status or "nvalid partition" in status, status


def test_a_repaired_entry_starts_anew_without_its_held_pilots(pool: Pool) -> None:
    edit_entries(pool, QUEUE, 'BatchQueue = "nonsense"')
    edit_entries(pool, "MaxIdlePilots = 2", "MaxIdlePilots = 2\n  MaxHeldPilots = 2")
    cluster = jobs.submit(pool, "alice", jobs.Sleepers(1, seconds=5, memory_mb=40_000))
    what = "a pilot of PerlmutterHighmem is held"
    wait_until(what, lambda: pilots.count(pool, "PerlmutterHighmem", HELD), 60, every_s=1)

    edit_entries(pool, 'BatchQueue = "nonsense"', QUEUE)

    jobs.wait_until_done(pool, cluster, 1)
    assert pilots.count(pool, "PerlmutterHighmem", HELD) == 0


def test_an_ad_that_cannot_be_read_leaves_what_it_has_alone(pool: Pool) -> None:
    cluster = jobs.submit(pool, "alice", jobs.Sleepers(1, seconds=35, memory_mb=40_000))
    jobs.wait_until_running(pool, cluster)

    edit_entries(pool, "Cpus          = 4", "Cpuss         = 4")
    other = jobs.submit(pool, "alice", jobs.Sleepers(1, seconds=1))

    wait_until("a problem", lambda: "did you mean Cpus?" in provisioner.log(pool), 30, every_s=1)
    jobs.wait_until_done(pool, other, 1)
    jobs.wait_until_done(pool, cluster, 1)


def glidein(pool: Pool, *words: str) -> str:
    return pool.testbed.tell("ap", "glidein", *words)
