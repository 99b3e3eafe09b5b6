# SPDX-License-Identifier: Apache-2.0
"""A facility that is a directory: a test moves its jobs while a real gateway process asks.

<site>/jobs/<name>.json is a job; <site>/fault-<verb> says how the next calls fail: "hang" (until
the file is gone), "no-news", "refuse <words>", "rejected <words>", "not-sent", "lost", "down".
"""

import json
import os
import threading
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from condor_plugins.facility.values import (
    COMPLETED,
    IDLE,
    RUNNING,
    Accepted,
    Allocation,
    CredentialState,
    Health,
    NoNews,
    NotSent,
    Outcome,
    Refused,
    Rejected,
    RemoteJob,
    Submission,
    Unclear,
    Wanted,
)

_HANG_S = 30.0


class FileBackend:
    """The Backend of one directory."""

    keeps_files = True

    def __init__(self, site: Path, most_at_once: int = 1) -> None:
        self.site = site
        self.most_at_once = most_at_once
        (site / "jobs").mkdir(parents=True, exist_ok=True)

    def submit(self, jobs: Sequence[Submission]) -> list[Outcome]:
        self._note(f"submit {len(jobs)}")
        return [self._submit(job) for job in jobs]

    def _submit(self, job: Submission) -> Outcome:
        match self._fault("submit").partition(" "):
            case ("refuse", _, words):
                return Refused(job.name, words)
            case ("not-sent", _, _):
                return NotSent(job.name, "connection refused", 0.2)
            case ("lost", _, _):
                self.add(job.name, job.resources._asdict())
                return Unclear(job.name, "no answer")
        return Accepted(job.name, self.add(job.name, job.resources._asdict()))

    def add(self, name: str, resources: dict[str, Any]) -> str:
        job_id = next(number for number in count(1000) if self._claim(str(number)))
        whole = self.site / f"new-{job_id}"
        job = {"id": str(job_id), "status": IDLE, "word": "PENDING", **resources}
        whole.write_text(json.dumps(job), encoding="utf-8")
        # A second submission of the same job is an error.
        os.link(whole, self.site / "jobs" / f"{name}.json")
        return str(job_id)

    def _claim(self, job_id: str) -> bool:
        with suppress(FileExistsError):
            (self.site / f"id-{job_id}").touch(exist_ok=False)
            return True
        return False

    def change(self, name: str, **values: Any) -> None:
        """For the test: something happens to a job."""
        path = self.site / "jobs" / f"{name}.json"
        new = {**json.loads(path.read_text(encoding="utf-8")), **values}
        temporary = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        temporary.write_text(json.dumps(new), encoding="utf-8")
        temporary.replace(path)

    def jobs(self) -> dict[str, dict[str, Any]]:
        """By name."""
        paths = sorted((self.site / "jobs").glob("*.json"))
        return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}

    def run(self, name: str) -> None:
        self.change(name, status=RUNNING, word="RUNNING", start_s=time.time())

    def end(self, name: str, exit_code: int = 0, ended: str = "completed") -> None:
        self.change(name, status=COMPLETED, word="COMPLETED", ended=ended, exit_code=exit_code)

    def states(self, jobs: Collection[Wanted]) -> dict[str, RemoteJob]:
        self._meet("states")
        there = self.jobs()
        fields = set(RemoteJob._fields) - {"name"}
        return {
            one.name: RemoteJob(
                one.name, **{key: value for key, value in there[one.name].items() if key in fields}
            )
            for one in jobs
            if one.name in there
        }

    def cancel(self, jobs: Collection[Wanted]) -> dict[str, str]:
        self._meet("cancel")
        there = self.jobs()
        for one in jobs:
            if one.name in there and not there[one.name].get("ended"):
                self.change(one.name, status=COMPLETED, word="CANCELLED", ended="cancelled")
        return {one.name: "" for one in jobs}

    def put(self, path: str, content: bytes) -> None:
        self._meet("put")

    def get(self, path: str, most_bytes: int) -> bytes | None:
        self._meet("get")
        return b"0\n" if path.endswith("/rc") else b"written there\n"

    def remove(self, paths: Sequence[str]) -> None:
        self._meet("remove")

    def health(self) -> Health:
        self._meet("health")
        if self._fault("health").startswith("down"):
            return Health("down", "scheduled maintenance until noon")
        return Health("up", "all is well")

    def allocation(self) -> list[Allocation]:
        return []

    def credential(self) -> CredentialState:
        return CredentialState()

    def login(self) -> float:
        self._meet("login")
        return 600.0

    def set_fault(self, verb: str, how: str) -> None:
        """For the test; "" takes it away."""
        path = self.site / f"fault-{verb}"
        if how:
            path.write_text(how, encoding="utf-8")
        else:
            path.unlink(missing_ok=True)

    def calls(self) -> list[str]:
        """Everything that was asked, in order."""
        path = self.site / "calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def _meet(self, verb: str) -> None:
        self._note(verb)
        match self._fault(verb).partition(" "):
            case ("no-news", _, _):
                raise NoNews("no answer", 0.2)
            case ("rejected", _, words):
                raise Rejected(words)
            case ("broken", _, words):
                raise RuntimeError(words)

    def _note(self, call: str) -> None:
        with (self.site / "calls").open("a", encoding="utf-8") as stream:
            stream.write(f"{call}\n")

    def _fault(self, verb: str) -> str:
        path = self.site / f"fault-{verb}"
        until_s = time.monotonic() + _HANG_S
        while (how := path.read_text(encoding="utf-8") if path.exists() else "") == "hang":
            if time.monotonic() > until_s:
                raise NoNews("it hung for too long")
            time.sleep(0.02)
        return how
