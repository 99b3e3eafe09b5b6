# SPDX-License-Identifier: Apache-2.0
"""The decision on real daemons: what vanishes is doubted, groups share a contested entry."""

from collections import Counter

from _testbed.pool import Pool
from _testbed.waiting import wait_until

from tests.testbed import jobs, pilots, provisioner
from tests.testbed.settings import drop_in

# The other entry down, and this one with limits of the test's own.
ONLY_PERLMUTTER = """\
GLIDEIN_DOWNTIME_PerlmutterHighmem = [ Reason = "test" ]
GLIDEIN_ENTRY_Perlmutter @=entry
  Site          = "NERSC"
  GridResource  = "batch slurm"
  TrustDomain   = "nersc"
  Cpus          = 8
  Memory        = 16000
  WallTime      = 1800
  Submit        = [ BatchQueue = "regular" ]
  {limits}
@entry
"""
# One entry that two groups contest, alice's with three times the weight of bob's. Without Start a
# group's jobs would use what waits for the other, and nothing would be taken back.
CONTEST = (
    ONLY_PERLMUTTER.format(limits="IdleTimeout = 20\n  MaxPilots = 16\n  MaxIdlePilots = 16")
    + """\
GLIDEIN_GROUP_NAMES = heavy light
GLIDEIN_GROUP_heavy @=group
  Jobs   = Owner == "alice"
  Start  = TARGET.Owner == "alice"
  Weight = 3
@group
GLIDEIN_GROUP_light @=group
  Jobs   = Owner == "bob"
  Start  = TARGET.Owner == "bob"
  Weight = 1
@group
GLIDEIN_REMOVE_AFTER = 0
GLIDEIN_CONFIRM = 0
"""
)
TAIL = ONLY_PERLMUTTER.format(limits="IdleTimeout = 300\n  TailTimeout = 8")


def schedd_says(pool: Pool, attribute: str) -> str:
    ads = pool.ads("condor_status", "-schedd", constraint="true")
    return str(ads[0].get(attribute, "")) if ads else ""


def present(pool: Pool) -> Counter[str]:
    """Pilots in the queue by group."""
    return Counter(str(ad["GlideinGroup"]) for ad in pool.pilots())


def test_demand_that_vanishes_at_once_takes_no_waiting_pilot_back(pool: Pool) -> None:
    """A schedd that shows no job all at once may be wrong: pilots stay until it has lasted."""
    provisioner.stop_partitions(pool)
    with drop_in(pool, "ap", "doubt", "GLIDEIN_REMOVE_AFTER = 0\nGLIDEIN_CONFIRM = 60\n"):
        cluster = jobs.submit(pool, "alice", jobs.Sleepers(40, seconds=5, cores=2))
        wait_until("4 pilots wait", lambda: len(pool.pilots("JobStatus == 1")) >= 4, 60)
        provisioner.wait_for_cycles(pool, 2)
        before = sorted(ad["GlobalJobId"] for ad in pool.pilots())

        pool.testbed.tell("ap", "condor_hold", str(cluster))

        wait_until("the doubt is published", lambda: schedd_says(pool, "GlideinDoubt"), 30)
        provisioner.wait_for_cycles(pool, 2)
        assert sorted(ad["GlobalJobId"] for ad in pool.pilots()) == before
        assert "now none is idle or runs" in schedd_says(pool, "GlideinDoubt")

        pilots.wait_until_gone(pool, timeout_s=120)


def test_two_groups_share_a_contested_entry_by_their_weights(pool: Pool) -> None:
    with drop_in(pool, "ap", "contest", CONTEST):
        heavy, light = (
            jobs.submit(pool, user, jobs.Sleepers(60, seconds=600, memory_mb=12_000))
            for user in ("alice", "bob")
        )
        wait_until("16 pilots are there", lambda: present(pool).total() == 16, 120, every_s=1)
        provisioner.wait_for_cycles(pool, 2)
        assert present(pool) == {"heavy": 12, "light": 4}

        jobs.remove(pool, heavy)
        waiting = len(pool.pilots('JobStatus == 1 && GlideinGroup == "heavy"'))

        def light_has_all() -> bool:
            return present(pool)["light"] >= 4 + waiting

        wait_until("the other group has what became free", light_has_all, 60, every_s=1)
        jobs.remove(pool, light)


def test_eight_jobs_fill_one_glidein_which_leaves_soon_after_them(pool: Pool) -> None:
    """Memory is not rounded up, and after work TailTimeout holds, not IdleTimeout."""
    with drop_in(pool, "ap", "tail", TAIL):
        cluster = jobs.submit(pool, "alice", jobs.Sleepers(8, seconds=15, memory_mb=2000))
        jobs.wait_until_running(pool, cluster, 8)
        assert len(pilots.of_entry(pool, "Perlmutter")) == 1
        jobs.wait_until_done(pool, cluster, 8)

        pilots.wait_until_gone(pool, timeout_s=100)

        out = pool.testbed.tell("ap", "sh", "-c", "cat /pscratch/glidein/log/pilot.*.out")
        assert "no work for 8 s" in out
