# SPDX-License-Identifier: Apache-2.0
"""How a pilot lives and leaves, with a fake condor_master; and that it leaves nothing."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.glidein.pilot_run import Pilot, ended

pytestmark = pytest.mark.programs

LEAVING = {signal.SIGTERM: 70, signal.SIGHUP: 72}


def wait_until(what: str, probe: Callable[[], object], timeout_s: float = 15) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not probe():
        assert time.monotonic() < deadline_s, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.05)


def in_work(pilot: Pilot, name: str) -> bool:
    work = pilot.work()
    return work is not None and (work / name).exists()


def processes_below(folder: Path) -> list[str]:
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            found += [str(link)] if str(folder) in os.readlink(link) else []
        except OSError:
            continue
    return found


def test_a_pilot_that_finds_no_more_work_leaves_with_0(pilot: Pilot) -> None:
    pilot.prepare()
    done = pilot.run()
    assert done.code == 0, done
    assert "I am pilot ap-12.0 for entry Perlmutter at site NERSC" in done.out
    assert "joined pool cm after" in done.out
    assert "ran 1 jobs to the end and 1 not, 22 core-seconds used of" in done.out
    assert "leaving: no work for 20 s" in done.out
    assert done.out.endswith("left no files behind\n")
    left = done.event("left")
    assert (left["core_seconds_used"], left["exit"]) == (22, 0)
    assert pilot.left_behind() == []
    assert not (pilot.home / "pool.token").exists()


def test_a_token_outside_a_job_directory_stays(pilot: Pilot) -> None:
    pilot.home = pilot.home.with_name("admin")
    pilot.prepare("dies")
    done = pilot.run()
    assert (pilot.home / "pool.token").exists()
    assert "the token there stays" in done.out


@pytest.mark.parametrize("number", LEAVING, ids=lambda number: number.name)
def test_a_signal_while_jobs_run_ends_it_and_all_is_removed(
    pilot: Pilot, number: signal.Signals
) -> None:
    pilot.prepare("waits")
    process = pilot.start()
    wait_until("the glidein runs", lambda: in_work(pilot, "log/EventLog"))
    process.send_signal(number)
    done = ended(process)
    assert done.code == LEAVING[number]
    assert f"told to leave (signal {number.name[3:]})" in done.out
    assert pilot.left_behind() == []
    assert processes_below(pilot.base) == []


def test_many_signals_at_once_leave_the_jobs_the_time_to_be_given_back(pilot: Pilot) -> None:
    pilot.prepare("leaves slowly")
    process = pilot.start()
    wait_until("the glidein runs", lambda: in_work(pilot, "log/EventLog"))
    for _ in range(100):
        process.terminate()
        time.sleep(0.001)
    done = ended(process)
    assert done.code == 70
    assert "ran 1 jobs to the end and 1 not" in done.out
    assert pilot.left_behind() == []


def test_a_signal_during_a_step_is_not_lost(pilot: Pilot) -> None:
    pilot.prepare(condor_ping="#!/bin/sh\n: >reached\nexec sleep 300\n")
    process = pilot.start()
    wait_until("the step runs", lambda: in_work(pilot, "reached"))
    process.terminate()
    done = ended(process)
    assert done.code == 70
    assert pilot.left_behind() == []
    assert processes_below(pilot.base) == []


def test_what_a_job_left_running_is_ended(pilot: Pilot) -> None:
    pilot.prepare("leaves orphan")
    done = pilot.run()
    assert done.code == 0
    assert processes_below(pilot.base) == []
    assert pilot.left_behind() == []


def test_a_master_that_dies_is_a_failure_with_evidence(pilot: Pilot) -> None:
    pilot.prepare("dies")
    done = pilot.run()
    assert done.code == 60
    assert "condor_master died (4)" in done.out
    assert "the reason of its death" in done.err
    assert pilot.left_behind() == []


def test_a_master_without_a_startd_does_not_keep_the_node(pilot: Pilot) -> None:
    pilot.prepare("switched off")
    done = pilot.run()
    assert done.code == 0
    assert "leaving: the pool asked for it" in done.out
    assert pilot.left_behind() == []


def test_a_startd_that_never_gets_ready_is_given_up(pilot: Pilot) -> None:
    pilot.prepare("never ready")
    pilot.env["GLIDEIN_JOIN_TIMEOUT_S"] = "1"
    done = pilot.run()
    assert done.code == 61
    assert pilot.left_behind() == []


def test_a_slot_that_the_collector_never_shows_is_given_up(pilot: Pilot) -> None:
    pilot.prepare("waits", condor_status="#!/bin/sh\n")
    pilot.env["GLIDEIN_JOIN_TIMEOUT_S"] = "1"
    done = pilot.run()
    assert done.code == 34


def test_a_refused_identity_is_named(pilot: Pilot) -> None:
    words = 'Received "DENIED" from server for user evil@testbed using method IDTOKENS.'
    pilot.prepare(condor_ping=f"#!/bin/sh\necho '{words}'\nexit 1\n")
    done = pilot.run()
    assert done.code == 33
    assert "does not let evil@testbed join" in done.out


def test_the_wall_time_ends_it_with_0(pilot: Pilot) -> None:
    pilot.prepare("waits")
    pilot.facts["WallTimeS"] = "400"  # a margin of 20 s, 40 s for the last jobs to start
    pilot.env["SLURM_JOB_END_TIME"] = str(int(time.time()) + 63)
    process = pilot.start()
    wait_until("the glidein runs", lambda: in_work(pilot, "log/EventLog"))
    config = (pilot.work() or pilot.base).joinpath("condor_config").read_text()
    process.terminate()
    ended(process)
    told = dict(
        line.split(" = ", 1) for line in config.splitlines() if line.startswith("GLIDEIN_To")
    )
    assert int(told["GLIDEIN_ToDie"]) == int(pilot.env["SLURM_JOB_END_TIME"]) - 20
    assert int(told["GLIDEIN_ToDie"]) - int(told["GLIDEIN_ToRetire"]) == 40


def test_the_environment_of_the_master_is_its_own(pilot: Pilot) -> None:
    pilot.prepare("waits")
    pilot.env.update({"_CONDOR_ALLOW_WRITE": "*", "SECRET": "1", "http_proxy": "http://p:1"})
    process = pilot.start()
    wait_until("the glidein runs", lambda: in_work(pilot, "log/EventLog"))
    names = (pilot.work() or pilot.base).joinpath("master-environment").read_text().split()
    process.terminate()
    ended(process)
    names = [name for name in names if name not in ("LC_CTYPE", "PWD", "SHLVL", "_", "OLDPWD")]
    assert names == ["CONDOR_CONFIG", "HOME", "PATH", "TMPDIR", "http_proxy"]


def test_a_killed_launcher_does_not_leave_its_glidein(pilot: Pilot) -> None:
    pilot.prepare("waits")
    process = pilot.start()
    wait_until("the glidein runs", lambda: in_work(pilot, "log/EventLog"))
    process.kill()
    process.wait()
    wait_until("all is removed", lambda: pilot.left_behind() == [])
    process.communicate()


def test_only_what_is_dead_and_ours_is_swept(pilot: Pilot) -> None:
    pilot.prepare("dies")
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    space = "".join(filter(str.isdigit, os.readlink("/proc/self/ns/pid")))
    with subprocess.Popen(["sleep", "60"]) as living:
        started = Path(f"/proc/{living.pid}/stat").read_text().rpartition(") ")[2].split()[19]
        names = {
            f"glidein-dead.{boot}.{space}.{living.pid}.1": False,  # number used again since
            f"glidein-dead.{boot}.{space}.4999999.1": False,
            f"glidein-living.{boot}.{space}.{living.pid}.{started}": True,
            f"glidein-elsewhere.{boot}.1.4999999.1": True,
            f"glidein-earlier.00000000.{space}.4999999.1": True,
            "glidein-notes": True,
        }
        for name in names:
            (pilot.base / name / "inside").mkdir(parents=True)
        (pilot.base / f"glidein-link.{boot}.{space}.4999999.1").symlink_to(pilot.home)
        done = pilot.run()
        living.kill()
    assert "removed what a killed pilot left" in done.out
    for name, stays in names.items():
        assert (pilot.base / name).exists() == stays, name
    assert (pilot.home / "glidein.sh").exists()
