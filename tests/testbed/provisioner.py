# SPDX-License-Identifier: Apache-2.0
"""The provisioner of the Access Point: what it logs, one run by hand, a run that is killed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from _testbed.command import Done
from _testbed.pool import Pool
from _testbed.waiting import wait_until

from tests.testbed.daemons import read_log
from tests.testbed.settings import drop_in

PYTHON = "/opt/htcondor-glideins/bin/python"
PROGRAM = "/opt/htcondor-glideins/bin/glidein-provisioner"
ACTING = {"_CONDOR_GLIDEIN_DRY_RUN": "false"}
LOG = "GlideinProvisionerLog"
PLAN = "/var/lib/condor/glidein/plan.json"

# Runs the real program, which kills itself (SIGKILL) before or after one of its own calls.
_KILLED = """
import os, signal, sys
import condor_plugins.provisioner.__main__ as program
import condor_plugins.provisioner.cycle as cycle
from condor_plugins.pool.schedd import Schedd

name, when = sys.argv[1:3]
owner = Schedd if hasattr(Schedd, name) else cycle
call = getattr(owner, name)

def killing(*words, **named):
    if when == "after":
        call(*words, **named)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(owner, name, killing)
sys.exit(program.main([], sys.stdout, sys.stderr))
"""


@contextmanager
def by_hand(pool: Pool, **knobs: str) -> Iterator[None]:
    """The schedd's cron only looks (GLIDEIN_DRY_RUN): what is done, the test's own runs do."""
    text = "GLIDEIN_DRY_RUN = true\n" + "".join(f"{k} = {v}\n" for k, v in knobs.items())
    with drop_in(pool, "ap", "by-hand", text):
        yield


def run(pool: Pool) -> list[str]:
    """One cycle; the lines in which it says what it did."""
    done = alone(pool, PROGRAM)
    assert done.exit_code == 0, done.err
    return [line.removeprefix("glidein-provisioner: ") for line in done.err.splitlines()]


def run_killed(pool: Pool, call: str, when: str) -> None:
    """One cycle that dies of SIGKILL `when` ("before" or "after") it makes its first `call`."""
    done = alone(pool, PYTHON, "-c", _KILLED, call, when)
    said = f"ended with {done.exit_code}: {done.err}"
    assert done.exit_code == 137, f"it was to die {when} {call}, but {said}"


def alone(pool: Pool, *words: str) -> Done:
    """How it ended; tried again while the cron's run has the lock."""

    def once() -> Done | None:
        done = pool.testbed.run("ap", *words, user="condor", env=ACTING)
        return None if done.exit_code == 75 and "another" in done.err else done

    return wait_until("the provisioner could run", once, 30)


def log(pool: Pool) -> str:
    return read_log(pool.testbed, "ap", LOG)


def plan(pool: Pool) -> dict[str, Any]:
    """The plan file of the last cycle."""
    found: dict[str, Any] = json.loads(pool.testbed.tell("ap", "cat", PLAN))
    return found


def wait_for_cycles(pool: Pool, count: int, timeout_s: float = 90) -> None:
    """Until `count` more cycles have published their result in the schedd's ad."""
    seen = {cycle_time(pool)}

    def enough() -> bool:
        seen.add(cycle_time(pool))
        return len(seen) > count

    wait_until(f"{count} more cycles of the provisioner", enough, timeout_s, every_s=1)


def cycle_time(pool: Pool) -> int:
    """When the last cycle was, as condor_status -schedd shows it."""
    ads = pool.ads("condor_status", "-schedd", constraint="true")
    return int(ads[0].get("GlideinCycleTime", 0)) if ads else 0


def stop_partitions(pool: Pool) -> None:
    """From here on the cluster takes pilots and starts none."""
    for name in ("regular", "debug"):
        words = ("scontrol", "update", f"PartitionName={name}", "State=DOWN")
        pool.testbed.tell("perlmutter", *words)
