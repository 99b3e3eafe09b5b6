# SPDX-License-Identifier: Apache-2.0
"""Globus Compute as a way into a facility.

Option Mode "task": the endpoint's own blocks are the batch jobs, and a pilot is a task in one.
Mode "batch": the endpoint runs on a login node and hands pilots to Slurm. Other options: Endpoint,
ControlEndpoint (a login node, for files and cancelling), EndpointConfig, Scope, QueueOption.
"""

import base64
import re
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from condor_plugins.facility import globus_functions
from condor_plugins.facility.globus_api import GlobusApi
from condor_plugins.facility.globus_batch import BatchMode
from condor_plugins.facility.globus_tasks import MOST_AT_ONCE, TaskMode
from condor_plugins.facility.paths import ours
from condor_plugins.facility.reply import one_line
from condor_plugins.facility.values import (
    Allocation,
    CredentialState,
    Facility,
    Health,
    NoNews,
    Outcome,
    Refused,
    Rejected,
    RemoteJob,
    Submission,
    Wanted,
)

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}")
# The function over there knows for what reasons it can be tried again: none of ours.
WRONG = re.compile(r"^(?:PermissionError|ValueError|IsADirectoryError|NotADirectoryError)")


class Globus:
    """values.Backend for one endpoint."""

    most_at_once = MOST_AT_ONCE
    keeps_files = True

    def __init__(self, facility: Facility, state_dir: Path) -> None:
        self._facility = facility
        self._api = GlobusApi(facility, state_dir)
        mode = facility.options.get("Mode", "") or "task"
        if mode not in {"task", "batch"}:
            raise Rejected(f"Mode of facility {facility.name} is {mode}, should be task or batch")
        self._mode: TaskMode | BatchMode = (
            TaskMode(self._api, facility, state_dir)
            if mode == "task"
            else BatchMode(self._api, facility, state_dir)
        )

    def submit(self, jobs: Sequence[Submission]) -> list[Outcome]:
        """Names become paths over there, so they are checked here, too."""
        good = [job for job in jobs if _is_good(job)]
        sent = iter(self._mode.submit(good))
        wrong = "its name is no name of a job, or its script is not ASCII"
        return [next(sent) if _is_good(job) else Refused(job.name, wrong) for job in jobs]

    def states(self, jobs: Collection[Wanted]) -> dict[str, RemoteJob]:
        return self._mode.states(jobs) if jobs else {}

    def cancel(self, jobs: Collection[Wanted]) -> dict[str, str]:
        """The service cannot cancel a task: its pilot looks for a file that says so."""
        good = [job for job in jobs if NAME.fullmatch(job.name)]
        if not good:
            return {}
        if isinstance(self._mode, BatchMode):
            return self._mode.cancel(good)
        self._run("stop", names=[job.name for job in good])
        return {job.name: "" for job in good}

    def put(self, path: str, content: bytes) -> None:
        code = base64.b64encode(content).decode()
        self._run("put", path=ours(path, self._facility), content=code)

    def get(self, path: str, most_bytes: int) -> bytes | None:
        said = self._run("get", path=ours(path, self._facility), most_bytes=most_bytes)
        code = said.get("content")
        if code is None:
            return None
        try:
            return base64.b64decode(code, validate=True)
        except (TypeError, ValueError) as err:
            raise NoNews(f"{path}: the endpoint sent no base64") from err

    def remove(self, paths: Sequence[str]) -> None:
        self._run("remove", paths=[ours(path, self._facility) for path in paths])

    def _run(self, operation: str, **asked: Any) -> dict[str, Any]:
        """One task on the login node; each of our operations may be done twice without harm."""
        question = {"op": operation, "root": self._facility.root, **asked}
        within_s = max(60.0, 2 * self._facility.timeout_s)
        said = self._api.run(self._api.control, globus_functions.files(), question, within_s)
        if said.get("ok") is not True:
            words = one_line(str(said.get("error") or "the task told nothing"))
            raise (Rejected if WRONG.match(words) else NoNews)(words)
        return said

    def health(self) -> Health:
        """Tasks for an endpoint that is offline are kept, so nothing is lost while it is down."""
        word = self._api.endpoint_status()
        return Health("up" if word == "online" else "down", f"endpoint is {word}")

    def allocation(self) -> list[Allocation]:
        """Globus Compute has no accounts."""
        return []

    def credential(self) -> CredentialState:
        """A client's secret has no end of its own."""
        return CredentialState()

    def login(self) -> float:
        """Seconds that the token is still good for."""
        self._api.tokens.token()
        return max(self._api.tokens.current().expires_s - time.time(), 0.0)


def _is_good(job: Submission) -> bool:
    return job.script.isascii() and NAME.fullmatch(job.name) is not None
