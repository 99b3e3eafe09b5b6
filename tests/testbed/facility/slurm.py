# SPDX-License-Identifier: Apache-2.0
"""A real Slurm: sbatch, scontrol and scancel, and slurmctld's own list of ended jobs.

There is no accounting database in the testbed, so sacct is not asked: slurmctld keeps ended jobs
for MinJobAge, and jobcomp/filetxt writes one line for each that ended. Both use the same words.
Runs as the mapped user already (files.become), so no command changes users.
"""

import re
import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import IO

from .files import Done, Files
from .sbatch import seconds
from .scheduler import CANCELLED, Batch, Job, SchedulerDown, SubmitError

TIMEOUT_S = 60.0
WORDS = re.compile(r"(?:^|\s)([A-Z][A-Za-z]*(?:[:/][A-Za-z]+)*)=")
NONE = frozenset({"", "(null)", "None", "Unknown", "N/A"})


class JobComp:
    """The file of jobcomp/filetxt, read on from where the last look ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self._jobs: dict[str, Job] = {}
        self._rest = ""
        self._lock = threading.Lock()

    def open(self) -> None:
        """Before root becomes the user, who may not be allowed to read it."""
        if self._path.exists():
            self._file = self._path.open(encoding="utf-8", errors="replace")

    def close(self) -> None:
        if self._file:
            self._file.close()

    def jobs(self) -> dict[str, Job]:
        with self._lock:
            if self._file is None:
                self.open()
            text = self._rest + (self._file.read() if self._file else "")
            *lines, self._rest = text.split("\n")
            for line in lines:
                job = job_of(words_of(line))
                self._jobs[job.id] = job
            return dict(self._jobs)


class Slurm:
    """Implements Scheduler."""

    def __init__(self, files: Files, jobcomp: JobComp | None = None) -> None:
        self._files, self._jobcomp = files, jobcomp

    def submit(self, batch: Batch) -> str:
        words = ["sbatch", "--parsable", *batch.options]
        if batch.path:
            done = self._run([*words, batch.path, *batch.arguments])
        else:
            done = self._run(words, batch.script)
        if done.code:
            raise SubmitError(done.err.strip() or f"sbatch: exit code {done.code}")
        return done.out.strip().partition(";")[0]

    def queue(self) -> list[Job]:
        return [job for job in self._known().values() if job.lives()]

    def history(self, ids: Collection[str] = ()) -> list[Job]:
        jobs = {**(self._jobcomp.jobs() if self._jobcomp else {}), **self._known()}
        if ids:
            return [jobs[name] for name in ids if name in jobs]
        return list(jobs.values())

    def cancel(self, ids: Collection[str]) -> dict[str, str]:
        told = {}
        for name in ids:
            done = self._run(["scancel", "--", name])
            told[name] = done.err.strip() if done.code else ""
        return told

    def _known(self) -> dict[str, Job]:
        """Everything that slurmctld remembers, by id."""
        done = self._run(["scontrol", "--oneliner", "--all", "show", "job"])
        if done.code:
            raise SchedulerDown(done.err.strip() or f"scontrol: exit code {done.code}")
        found = map(words_of, done.out.splitlines())
        jobs = [job_of(words) for words in found if "JobId" in words]
        return {job.id: job for job in jobs}

    def _run(self, argv: Sequence[str], stdin: str = "") -> Done:
        return self._files.run(argv, stdin.encode("utf-8", "surrogateescape"), TIMEOUT_S)


def words_of(line: str) -> dict[str, str]:
    """Key -> value of a line of either kind; values may have blanks. {} if it tells of no job."""
    found = list(WORDS.finditer(line))
    ends = [*(match.start() for match in found[1:]), len(line)]
    words: dict[str, str] = {}
    for match, end in zip(found, ends, strict=False):
        words.setdefault(match[1], line[match.end() : end].strip())
    return words


def job_of(words: dict[str, str]) -> Job:
    """From either kind of line."""
    code, _, signal = words.get("ExitCode", "0:0").partition(":")
    state = words.get("JobState", "").partition(" ")[0]
    user, _, uid = words.get("UserId", "").rstrip(")").partition("(")
    return Job(
        id=words.get("JobId", ""),
        name=words.get("JobName") or words.get("Name", ""),
        user=user,
        state=state,
        reason=words.get("Reason", "None"),
        nodes=_known_word(words.get("NodeList", "")),
        node_count=_number(words.get("NumNodes") or words.get("NodeCnt", "")),
        cpus=_number(words.get("NumCPUs") or words.get("ProcCnt", "")),
        account=_known_word(words.get("Account", "")),
        partition=words.get("Partition", ""),
        qos=_known_word(words.get("QOS", "")) or "normal",
        submit_s=_time(words.get("SubmitTime", "")),
        start_s=_time(words.get("StartTime", "")),
        end_s=_end_s(words, state),
        limit_s=_limit_s(words.get("TimeLimit", "")),
        exit_code=_number(code),
        signal=_number(signal),
        work_dir=words.get("WorkDir", ""),
        stdout=_known_word(words.get("StdOut", "")),
        stderr=_known_word(words.get("StdErr", "")),
        command=_known_word(words.get("Command", "")),
        comment=_known_word(words.get("Comment", "")),
        cancelled_by=_number(uid) if state == CANCELLED else -1,
    )


def _end_s(words: dict[str, str], state: str) -> float:
    """slurmctld foretells the end of a job that runs; that is not one."""
    job = Job("", "", "", state)
    return 0.0 if job.lives() else _time(words.get("EndTime", ""))


def _known_word(text: str) -> str:
    return "" if text in NONE else text


def _number(text: str) -> int:
    found = re.match(r"\d+", text)
    return int(found[0]) if found else 0


def _time(text: str) -> float:
    try:
        return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return 0.0


def _limit_s(text: str) -> float:
    """scontrol writes D-HH:MM:SS, filetxt minutes; anything else is no limit."""
    try:
        return seconds(text)
    except SubmitError:
        return 0.0
