# SPDX-License-Identifier: Apache-2.0
"""Bring the pool back to the state in which the testbed starts, whatever a test did to it."""

from dataclasses import dataclass
from functools import partial

from _testbed.facts import wait_for_facts
from _testbed.pool import PILOT_OWNER, Pool
from _testbed.waiting import wait_until

CLEAN_TIMEOUT_S = 60
# Whoever submitted them: a second Access Point has an account of its own.
KILL_PILOTS = ("sh", "-c", "squeue --noheader --format=%i | xargs -r scancel --full --signal=KILL")

# Sent to each host; idempotent. A daemon that a test stopped runs again, a cut network is mended.
RESTORE = {
    "cm": """
        rm -f /run/testbed/*.stop
        ip link set eth0 up
        pkill -CONT condor_ || true
        cd /etc/condor/config.d && rm -f *-test-*.conf
        condor_on >/dev/null 2>&1 || true
        condor_reconfig >/dev/null
    """,
    "ap": """
        rm -f /run/testbed/*.stop
        ip link set eth0 up
        pkill -CONT condor_ || true
        cd /etc/condor/config.d && rm -f *-test-*.conf 90-glidein-*.conf
        cp /usr/local/lib/testbed/70-intervals.conf /usr/local/lib/testbed/ap/*.conf .
        rm -rf /var/lib/condor/glidein/*
        condor_on >/dev/null 2>&1 || true
        condor_reconfig >/dev/null
    """,
    "perlmutter": """
        rm -f /run/testbed/*.stop
        ip link set eth0 up
        pkill -CONT slurm || true
        scontrol update PartitionName=regular State=UP
        scontrol update PartitionName=debug State=UP
        scontrol update NodeName=perlmutter State=RESUME 2>/dev/null || true
    """,
}

# A glidein that was killed cannot tell the collector that its slots are gone.
FORGET_SLOTS = """
    printf 'MyType = "Query"\\nTargetType = "Machine"\\nRequirements = true\\n' >/tmp/all-slots
    condor_advertise INVALIDATE_STARTD_ADS /tmp/all-slots >/dev/null
"""


@dataclass(frozen=True)
class Left:
    """What keeps the pool from being clean."""

    jobs: int
    pilot_clusters: int
    slurm_jobs: int
    slots: int

    def __bool__(self) -> bool:
        return bool(self.jobs or self.pilot_clusters or self.slurm_jobs or self.slots)


def look(pool: Pool) -> Left:
    return Left(len(pool.jobs()), len(pool.pilot_clusters()), len(pool.squeue()), len(pool.slots()))


def make_clean(pool: Pool) -> None:
    """Users' jobs go first, so that nobody asks for pilots again; then pilots and their traces."""
    for host, script in RESTORE.items():
        restored = partial(restore, pool, host, script)
        wait_until(f"{host} takes orders", restored, CLEAN_TIMEOUT_S)
    wait_for_facts(pool.testbed)
    if not look(pool):
        return
    remove_jobs(pool)
    wait_until("the pool is clean", partial(is_clean, pool), CLEAN_TIMEOUT_S, every_s=1)
    script = "rm -rf /tmp/glidein-* /pscratch/glidein/log/home_bl_*"
    pool.testbed.tell("perlmutter", "sh", "-c", script)


def restore(pool: Pool, host: str, script: str) -> bool:
    """False while a daemon that was killed is not back yet."""
    return pool.testbed.run(host, "sh", "-e", "-c", script).ok


def remove_jobs(pool: Pool) -> None:
    users = f'Owner != "{PILOT_OWNER}"'
    pool.testbed.run("ap", "condor_rm", "-constraint", users)
    pool.testbed.run("ap", "condor_rm", "-forcex", "-constraint", users)
    pool.testbed.run("perlmutter", *KILL_PILOTS)


def is_clean(pool: Pool) -> bool:
    """True when nothing is left; otherwise sends off, now without mercy, what is."""
    left = look(pool)
    pilots = f'Owner == "{PILOT_OWNER}"'
    if left.slurm_jobs:
        pool.testbed.run("perlmutter", *KILL_PILOTS)
    elif left.jobs or left.pilot_clusters:
        pool.testbed.run("ap", "condor_rm", "-constraint", pilots)
        pool.testbed.run("ap", "condor_rm", "-forcex", "-constraint", pilots)
    elif left.slots:
        pool.testbed.run("cm", "sh", "-c", FORGET_SLOTS)
    return not left
