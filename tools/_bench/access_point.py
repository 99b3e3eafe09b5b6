# SPDX-License-Identifier: Apache-2.0
"""A running Access Point: real idle jobs, and what a whole cycle costs there."""

import argparse
import json
import shlex
import subprocess
import time
from collections.abc import Sequence

Figures = dict[str, float]
MOST_JOBS_PER_SUBMISSION = 20_000  # HTCondor's MAX_JOBS_PER_SUBMISSION
# Jobs that match nothing, so that they stay idle and no pilot is asked for; each kind differs in
# its memory and in an attribute of its own that its requirements look at.
SUBMIT = """
executable = /bin/true
kind = $(Process) % {kinds}
request_cpus = 1
request_memory = 1000 + $INT(kind)
request_disk = 1024
My.GlideinBench = $INT(kind)
requirements = TARGET.GLIDEIN_Site == "bench" && MY.GlideinBench >= 0
queue {jobs}
"""
# Runs on the Access Point: the cost of one program and what it says.
MEASURE = """
import json, resource, subprocess, sys, time
begin = time.monotonic()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
json.dump({"code": done.returncode, "err": done.stderr, "wall": time.monotonic() - begin,
           "cpu": used.ru_utime + used.ru_stime, "peak_kb": used.ru_maxrss}, sys.stdout)
"""


TRY_AGAIN = 75  # the provisioner's exit code


class NoFigures(Exception):
    """What was to be measured could not be done; the text says what."""


class AccessPoint:
    """A running Access Point, reached by a command."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self._exec: str = chosen.exec
        self._provisioner = shlex.split(chosen.provisioner)
        self._owner: str = chosen.owner
        self._account: str = chosen.account

    def submit(self, jobs: int, kinds: int) -> None:
        for begin in range(0, jobs, MOST_JOBS_PER_SUBMISSION):
            part = min(MOST_JOBS_PER_SUBMISSION, jobs - begin)
            text = SUBMIT.format(jobs=part, kinds=kinds)
            self._run(self._owner, ["condor_submit", "-terse", "-"], text)

    def remove(self) -> None:
        """Waits until the schedd has none of them left."""
        self._run(self._owner, ["condor_rm", "-constraint", "GlideinBench isnt undefined"])
        deadline_s = time.monotonic() + 300
        while self._left() and time.monotonic() < deadline_s:
            time.sleep(1)

    def measure(self) -> Figures:
        """One dry run: nothing is changed by it."""
        argv = ["python3", "-c", MEASURE, *self._provisioner, "--dry-run", "--figures"]
        deadline_s = time.monotonic() + 120
        told = json.loads(self._run(self._account, argv))
        while told["code"] == TRY_AGAIN and time.monotonic() < deadline_s:
            time.sleep(1)  # the cron's own run has the lock, or the schedd is busy with the jobs
            told = json.loads(self._run(self._account, argv))
        if told["code"]:
            raise NoFigures(f"the provisioner ended with {told['code']}: {told['err'].strip()}")
        lines = [line.removeprefix("glidein-provisioner: ") for line in told["err"].splitlines()]
        words = dict(line.split(": ", 1) for line in lines if ": " in line)
        return {
            "idle jobs": float(words["idle jobs"]),
            "kinds of jobs": float(words["kinds of jobs"]),
            "queries": float(words["queries"]),
            "CPU seconds": told["cpu"],
            "wall seconds": told["wall"],
            "peak memory (MB)": told["peak_kb"] / 1024,
        }

    def _left(self) -> bool:
        """A schedd that does not answer is busy removing them."""
        argv = ["condor_q", "-all", "-limit", "1", "-constraint", "GlideinBench isnt undefined"]
        try:
            return bool(self._run(self._owner, [*argv, "-format", "%d", "ClusterId"]).strip())
        except NoFigures:
            return True

    def _run(self, user: str, argv: Sequence[str], stdin: str = "") -> str:
        words = [word.format(user=user) for word in shlex.split(self._exec)]
        done = subprocess.run(
            [*words, *argv], input=stdin, capture_output=True, text=True, timeout=600, check=False
        )
        if done.returncode:
            raise NoFigures(f"{' '.join(argv[:3])}: {(done.stderr or done.stdout).strip()[-500:]}")
        return done.stdout


def live(jobs: int, kinds: int, point: AccessPoint) -> dict[str, Figures]:
    """A tenth of the jobs, then all of them: as many kinds, so what grows with jobs shows."""
    found: dict[str, Figures] = {"empty queue": point.measure()}
    try:
        for there, most in ((0, jobs // 10), (jobs // 10, jobs)):
            point.submit(most - there, kinds)
            found[f"{most:,} jobs"] = point.measure()
    finally:
        point.remove()
    return found
