# SPDX-License-Identifier: Apache-2.0
"""A batch system in memory: thousands of jobs cost nothing, and their lives are told by hooks.

pretend = Pretend()                                 jobs wait until run(id) and end(id)
Pretend(Life(start_after_s=1, run_for_s=10))        jobs start and end by themselves
Pretend(processes=Processes(home, slots=4))         scripts really run (pretend_run.py)
"""

import itertools
import os
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .files import user_name
from .pretend_run import Processes
from .sbatch import options, seconds
from .scheduler import CANCELLED, COMPLETED, PENDING, RUNNING, Batch, Job, SubmitError

FIRST_ID = 1000
NODE = "nid000001"
LIMIT_S = 3600.0


class Life(NamedTuple):
    """Seconds until a job starts, and that it runs; None: until a hook is called."""

    start_after_s: float | None = None
    run_for_s: float | None = None


@dataclass
class _Now:
    """One job and its script; a class of its own because hooks replace the job inside."""

    job: Job
    script: str


class Pretend:
    """Implements Scheduler. `clock` is replaced in tests; it gives UNIX seconds."""

    def __init__(
        self,
        life: Life = Life(),  # noqa: B008 - a named tuple does not change
        processes: Processes | None = None,
        clock: Callable[[], float] = time.time,
        home: Path | None = None,
        user: str = "",
    ) -> None:
        self._live: dict[str, _Now] = {}
        self._ended: dict[str, Job] = {}
        self._scripts: dict[str, str] = {}
        self._lock = threading.RLock()
        self._ids = itertools.count(FIRST_ID)
        self._life, self._processes, self._clock = life, processes, clock
        self._home = home or Path.home()
        self._user = user or user_name(os.getuid())

    def submit(self, batch: Batch) -> str:
        script = batch.script or _read(batch.path)
        wanted = options(batch, script)
        with self._lock:
            job = self._made(str(next(self._ids)), wanted, batch)
            self._live[job.id] = _Now(job, script)
            self._scripts[job.id] = script
        if self._processes:
            self._processes.start(job, script, batch.arguments, self)
        return job.id

    def queue(self) -> list[Job]:
        with self._lock:
            self._live_on()
            return [now.job for now in self._live.values()]

    def history(self, ids: Collection[str] = ()) -> list[Job]:
        with self._lock:
            self._live_on()
            if ids:
                return [job for job in map(self._find, ids) if job]
            return [*self._ended.values(), *(now.job for now in self._live.values())]

    def cancel(self, ids: Collection[str]) -> dict[str, str]:
        with self._lock:
            self._live_on()
            return {name: self._cancel(name) for name in ids}

    def script(self, job_id: str) -> str:
        """What was submitted, for tests. Raises KeyError."""
        return self._scripts[job_id]

    def run(self, job_id: str, node: str = NODE) -> None:
        """The job gets its node and starts. Raises KeyError if it does not live."""
        with self._lock:
            self._start(self._live[job_id], node, self._clock())

    def end(self, job_id: str, exit_code: int = 0, signal: int = 0, state: str = "") -> None:
        """The job ends; without `state` as COMPLETED or FAILED. Raises KeyError."""
        with self._lock:
            now = self._live.pop(job_id)
            word = state or (COMPLETED if not exit_code and not signal else "FAILED")
            reason = "NonZeroExitCode" if word == "FAILED" else "None"
            self._ended[job_id] = now.job._replace(
                state=word,
                reason=reason,
                end_s=self._clock(),
                exit_code=exit_code,
                signal=signal,
            )

    def forget(self, job_id: str) -> None:
        """Neither squeue nor sacct knows the job any more."""
        with self._lock:
            self._live.pop(job_id, None)
            self._ended.pop(job_id, None)

    def change(self, job_id: str, **values: object) -> None:
        """Set fields of a job that lives, as a scheduler might (state, reason, …)."""
        with self._lock:
            now = self._live[job_id]
            now.job = Job(**{**now.job._asdict(), **values})

    def _made(self, job_id: str, wanted: dict[str, str], batch: Batch) -> Job:
        work_dir = wanted.get("chdir") or str(self._home)
        out = _path(wanted.get("output") or "slurm-%j.out", job_id, work_dir)
        nodes = int(wanted.get("nodes", "1").partition("-")[0] or 1)
        return Job(
            id=job_id,
            name=wanted.get("job-name") or (Path(batch.path).name if batch.path else "sbatch"),
            user=self._user,
            state=PENDING,
            reason="Priority",
            node_count=nodes,
            cpus=int(wanted.get("cpus-per-task") or 1) * int(wanted.get("ntasks") or 1),
            account=wanted.get("account", ""),
            partition=wanted.get("partition", "regular"),
            qos=wanted.get("qos", "normal"),
            submit_s=self._clock(),
            limit_s=seconds(wanted["time"]) if "time" in wanted else LIMIT_S,
            work_dir=work_dir,
            stdout=out,
            stderr=_path(wanted["error"], job_id, work_dir) if "error" in wanted else out,
            command=batch.path,
            comment=wanted.get("comment", ""),
        )

    def _find(self, job_id: str) -> Job | None:
        now = self._live.get(job_id)
        return now.job if now else self._ended.get(job_id)

    def _cancel(self, job_id: str) -> str:
        if job_id in self._ended:
            return ""
        if job_id not in self._live:
            return f"scancel: error: Kill job error on job id {job_id}: Invalid job id specified"
        ran = self._live[job_id].job.state != PENDING
        if self._processes and ran and self._processes.stop(job_id):
            return ""
        self.end(job_id, 0, 15 if ran else 0, CANCELLED)
        self._ended[job_id] = self._ended[job_id]._replace(cancelled_by=os.getuid())
        return ""

    def _live_on(self) -> None:
        """Starts and ends what is due by `Life`; looked at when somebody asks."""
        start_s, run_s = self._life
        if start_s is None and run_s is None:
            return
        time_s = self._clock()
        for job_id, now in list(self._live.items()):
            job = now.job
            if job.state == PENDING and start_s is not None and job.submit_s + start_s <= time_s:
                self._start(now, NODE, job.submit_s + start_s)
            job = now.job
            if job.state == RUNNING and run_s is not None and job.start_s + run_s <= time_s:
                self.end(job_id)

    @staticmethod
    def _start(now: _Now, node: str, time_s: float) -> None:
        now.job = now.job._replace(state=RUNNING, reason="None", nodes=node, start_s=time_s)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise SubmitError(f"sbatch: error: Unable to open file {path}: {error.strerror}") from error


def _path(pattern: str, job_id: str, work_dir: str) -> str:
    """sbatch's file name pattern; below the working directory if it is relative."""
    return str(Path(work_dir) / pattern.replace("%j", job_id).replace("%A", job_id))
