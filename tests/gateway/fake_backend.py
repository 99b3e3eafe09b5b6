# SPDX-License-Identifier: Apache-2.0
"""A facility in memory, with switches for everything that can go wrong on the way to it.

Its jobs do what job.sh does: the first copy claims the directory, another one ends at once.
"""

import re
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from condor_plugins.facility.values import (
    COMPLETED,
    IDLE,
    RUNNING,
    Accepted,
    Allocation,
    CredentialState,
    Facility,
    Health,
    NoNews,
    NotSent,
    Outcome,
    Refused,
    Rejected,
    RemoteJob,
    Resources,
    Submission,
    Unclear,
    Wanted,
)
from condor_plugins.gateway.script import place_of
from condor_plugins.gateway.values import JobRequest


def facility(**changes: object) -> Facility:
    values: dict[str, object] = {
        "name": "nersc",
        "api": "sfapi",
        "url": "http://localhost",
        "machine": "perlmutter",
        "root": "/pscratch/glidein",
        "poll_s": 60.0,
        "grace_s": 600.0,
        "chunk_bytes": 10_000,
    }
    return Facility(**{**values, **changes})  # type: ignore[arg-type]


def request(key: str, **changes: object) -> JobRequest:
    """A job without files."""
    made = JobRequest(key, "/bin/true", (), (), (), (), "", "", "", Resources(cpus=4))
    return made._replace(**changes)  # type: ignore[arg-type]


@dataclass
class Job:
    """`ran`: it got to run its command; `listed_s`: before that, nobody is told of it."""

    name: str
    id: str
    script: str
    listed_s: float = 0.0
    status: int = IDLE
    word: str = "PENDING"
    ended: str = ""
    exit_code: int | None = None
    signal: int | None = None
    start_s: float = 0.0
    ran: bool = False


@dataclass
class FakeBackend:
    """`switch(verb)` names the fault of each call, or "": see `_meet`."""

    site: Facility
    clock: Callable[[], float]
    switch: Callable[[str], str] = lambda verb: ""
    hide_s: Callable[[], float] = lambda: 0.0
    """For how long a job is not listed whose submit got no answer."""
    most_at_once: int = 1
    keeps_files: bool = True
    jobs: list[Job] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    retry_after_s: float = 0.0

    def __post_init__(self) -> None:
        self._lock = threading.RLock()

    def submit(self, jobs: Sequence[Submission]) -> list[Outcome]:
        return [self._submit_one(job) for job in jobs]

    def _submit_one(self, job: Submission) -> Outcome:
        self.calls.append("submit")
        fault = self.switch("submit")
        if fault == "refuse":
            return Refused(job.name, "sbatch: error: Invalid qos specification")
        if fault in {"not-sent", "no-news"}:
            return NotSent(job.name, "429 Too many requests", self.retry_after_s)
        if fault == "lost-before":
            return Unclear(job.name, "connection reset")
        made = self.take(job.name, job.script)
        if fault == "lost":
            made.listed_s += self.hide_s()
            return Unclear(job.name, "no answer within 20 s", hint=f"task-{made.id}")
        return Accepted(job.name, made.id)

    def take(self, name: str, script: str = "") -> Job:
        """One more job in the queue."""
        with self._lock:
            made = Job(name, str(1000 + len(self.jobs)), script, self.clock())
            self.jobs.append(made)
            return made

    def states(self, jobs: Collection[Wanted]) -> dict[str, RemoteJob]:
        self._meet("states")
        found = {}
        for wanted in jobs:
            same = [job for job in self.jobs if self._is_meant(job, wanted)]
            if same:
                found[wanted.name] = self._row(wanted, min(same, key=lambda job: bool(job.ended)))
        return {} if self.switch("rows") == "empty" else found

    def _is_meant(self, job: Job, wanted: Wanted) -> bool:
        meant = job.id == wanted.id if wanted.id else job.name == wanted.name
        return meant and job.listed_s <= self.clock()

    def _row(self, wanted: Wanted, job: Job) -> RemoteJob:
        return RemoteJob(
            name=wanted.name,
            id=job.id,
            status=job.status,
            word=job.word,
            start_s=job.start_s,
            exit_code=job.exit_code,
            signal=job.signal,
            ended=job.ended,
        )

    def cancel(self, jobs: Collection[Wanted]) -> dict[str, str]:
        self._meet("cancel")
        done = {}
        for wanted in jobs:
            for job in self.jobs:
                if self._is_meant(job, wanted) and not job.ended:
                    self.end(job, "cancelled", signal=15)
            done[wanted.name] = ""
        return done

    def put(self, path: str, content: bytes) -> None:
        self._meet("put")
        assert len(content) <= self.site.chunk_bytes
        with self._lock:
            self.files[path] = content

    def get(self, path: str, most_bytes: int) -> bytes | None:
        self._meet("get")
        with self._lock:
            found = self.files.get(path)
        return None if found is None else found[-most_bytes:]

    def remove(self, paths: Sequence[str]) -> None:
        self._meet("remove")
        with self._lock:
            for path in list(self.files):
                if any(path == one or path.startswith(f"{one}/") for one in paths):
                    del self.files[path]

    def health(self) -> Health:
        self._meet("health")
        return Health("up", "all is well")

    def allocation(self) -> list[Allocation]:
        return []

    def credential(self) -> CredentialState:
        self._meet("credential")
        return CredentialState(2_000_000_000.0, "renew it")

    def login(self) -> float:
        return 600.0

    def _meet(self, verb: str) -> None:
        self.calls.append(verb)
        fault = self.switch(verb)
        if fault == "no-news":
            raise NoNews("no answer", self.retry_after_s)
        if fault == "maintenance":
            raise NoNews("scheduled maintenance", self.retry_after_s, maintenance=True)
        if fault == "rejected":
            raise Rejected("403 Forbidden: the client has no such right")

    def start(self, job: Job) -> None:
        """The batch system starts it, and it does as job.sh does."""
        place = place_of(self.site, job.name)
        job.start_s = self.clock()
        owner = self.files.setdefault(f"{place.control}/batch-id", f"{job.id}\n".encode())
        if place.over in self.files or owner != f"{job.id}\n".encode():
            if place.over in self.files:
                self.remove_quietly(place.control)
            self.end(job, "completed", exit_code=0)
            return
        job.status, job.word, job.ran = RUNNING, "RUNNING", True

    def remove_quietly(self, prefix: str) -> None:
        for path in [path for path in self.files if path.startswith(prefix)]:
            del self.files[path]

    def end(
        self, job: Job, ended: str, exit_code: int | None = None, signal: int | None = None
    ) -> None:
        """It is over; one that ran leaves its files, and its exit code if it had the time."""
        job.status, job.word, job.ended = COMPLETED, ended.upper(), ended
        job.exit_code, job.signal = exit_code, signal
        if job.ran:
            control = place_of(self.site, job.name).control
            self.files[f"{control}/out"] = f"output of {job.id}\n".encode()
            self.files[f"{control}/err"] = b"\x00\xff binary"
            if ended in {"completed", "failed"}:
                self.files[f"{control}/rc"] = f"{exit_code}\n".encode()

    def of(self, name: str) -> list[Job]:
        return [job for job in self.jobs if job.name == name]

    def root_files(self) -> list[str]:
        """What is left of jobs."""
        jobs = re.compile(r".*/jobs/(home_bl_|gl-).*")
        return [path for path in self.files if jobs.fullmatch(path)]
