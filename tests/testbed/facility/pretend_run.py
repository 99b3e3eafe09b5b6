# SPDX-License-Identifier: Apache-2.0
"""Pretended jobs that really run: each script is a process (group) of this host.

Started in order while slots are free; ended by the script, by scancel (TERM, then KILL) or by the
time limit.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from .scheduler import Job

KILL_WAIT_S = 5.0


class Hooks(Protocol):
    def run(self, job_id: str, node: str = "") -> None: ...

    def end(self, job_id: str, exit_code: int = 0, signal: int = 0, state: str = "") -> None: ...


class _Run(NamedTuple):
    job: Job
    file: Path
    arguments: Sequence[str]
    hooks: Hooks


@dataclass
class _Slot:
    """`process` is None until the script has been started; `why`: words of who ended it."""

    process: subprocess.Popen[bytes] | None = None
    why: list[str] = field(default_factory=list)


class Processes:
    """`spool`: a directory of the stand-in's own for the scripts. Thread safe."""

    def __init__(self, spool: Path, slots: int = 4, kill_wait_s: float = KILL_WAIT_S) -> None:
        self._spool, self._free = spool, slots
        self._kill_wait_s = kill_wait_s
        self._waiting: deque[_Run] = deque()
        self._running: dict[str, _Slot] = {}
        self._lock = threading.Lock()

    def start(self, job: Job, script: str, arguments: Sequence[str], hooks: Hooks) -> None:
        self._spool.mkdir(parents=True, exist_ok=True)
        file = self._spool / f"job-{job.id}"
        file.write_text(script, encoding="utf-8", errors="surrogateescape")
        file.chmod(0o700)
        with self._lock:
            self._waiting.append(_Run(job, file, arguments, hooks))
        self._next()

    def stop(self, job_id: str, state: str = "CANCELLED") -> bool:
        """Whether the job has a slot; it ends in `state` then."""
        with self._lock:
            slot = self._running.get(job_id)
            if slot is None:
                return False
            slot.why.append(state)
        self._end(slot)
        return True

    def close(self) -> None:
        """Kill what runs and forget what waits."""
        with self._lock:
            self._waiting.clear()
            running = list(self._running.values())
        for slot in running:
            _kill(slot.process, signal.SIGKILL)

    def _end(self, slot: _Slot) -> None:
        _kill(slot.process, signal.SIGTERM)
        later = threading.Timer(self._kill_wait_s, lambda: _kill(slot.process, signal.SIGKILL))
        later.daemon = True
        later.start()

    def _next(self) -> None:
        with self._lock:
            if not self._waiting or self._free <= 0:
                return
            self._free -= 1
            run = self._waiting.popleft()
            slot = self._running[run.job.id] = _Slot()
        threading.Thread(target=self._live, args=(run, slot), daemon=True).start()

    def _live(self, run: _Run, slot: _Slot) -> None:
        try:
            run.hooks.run(run.job.id, "localhost")
        except KeyError:  # cancelled while it waited
            pass
        else:
            run.hooks.end(run.job.id, *self._executed(run, slot))
        finally:
            run.file.unlink(missing_ok=True)
            with self._lock:
                self._free += 1
                del self._running[run.job.id]
            self._next()

    def _executed(self, run: _Run, slot: _Slot) -> tuple[int, int, str]:
        """Exit code, signal, and the state if somebody ended it."""
        try:
            process = slot.process = _process(run)
        except OSError:
            return 1, 0, ""
        if slot.why:
            self._end(slot)
        try:
            process.wait(run.job.limit_s or None)
        except subprocess.TimeoutExpired:
            self.stop(run.job.id, "TIMEOUT")
        code = process.wait()
        # Slurm ends what a script left behind; so does this.
        _kill(process, signal.SIGKILL)
        return max(code, 0), max(-code, 0), slot.why[0] if slot.why else ""


def _process(run: _Run) -> subprocess.Popen[bytes]:
    job = run.job
    environment = {**os.environ, "SLURM_JOB_ID": job.id, "SLURM_JOBID": job.id}
    environment |= {"SLURM_JOB_NAME": job.name, "SLURM_SUBMIT_DIR": job.work_dir}
    environment |= {"SLURM_JOB_START_TIME": f"{time.time():.0f}", "SLURMD_NODENAME": "localhost"}
    with open(job.stdout, "wb") as out:
        err = out if job.stderr == job.stdout else open(job.stderr, "wb")  # noqa: SIM115
        try:
            return subprocess.Popen(
                [str(run.file), *run.arguments],
                cwd=job.work_dir,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        finally:
            err.close()


def _kill(process: subprocess.Popen[bytes] | None, number: int) -> None:
    """The whole group, also what is left of it after the process itself."""
    if process:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
