# SPDX-License-Identifier: Apache-2.0
"""NERSC's Superfacility API v1.2 in front of Slurm."""

import re
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from condor_plugins.facility.api import Api
from condor_plugins.facility.kept import Kept, login_mark
from condor_plugins.facility.sfapi_files import Files
from condor_plugins.facility.sfapi_login import client_of, fetched
from condor_plugins.facility.sfapi_queue import Queue
from condor_plugins.facility.sfapi_script import WrongValue, with_directives
from condor_plugins.facility.sfapi_tasks import (
    AT_ONCE,
    FORM,
    TASK_ID,
    Tasks,
    each,
    error_of,
    judged,
    outcome,
    path_of,
    told,
)
from condor_plugins.facility.tokens import TokenCache
from condor_plugins.facility.values import (
    Allocation,
    CredentialState,
    Facility,
    Health,
    NoAccess,
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
from condor_plugins.facility.verdict import unsuccessful, words_of
from condor_plugins.facility.web import NotTaken, Reply, Web, one_line

BASE = "https://api.nersc.gov/api/v1.2"
STATES = {"active": "up", "degraded": "degraded", "other": "degraded", "unavailable": "down"}
# A cancel that came too late is as good as one in time.
OVER = re.compile(r"already|invalid job id|job not found|no such job|complet", re.I)


class Sfapi:
    """A Backend. The token and the account's name are kept in `state_dir`."""

    most_at_once = AT_ONCE
    keeps_files = True

    def __init__(self, facility: Facility, state_dir: Path) -> None:
        self._facility = facility
        web = Web(facility.timeout_s, AT_ONCE)
        base = facility.url or BASE
        self._tokens = TokenCache(
            lambda: state_dir / f"sfapi-token-{login_mark(facility)}",
            lambda: fetched(web, facility),
            longest_s=2 * facility.timeout_s,
        )
        self._api = Api(web, base, self._tokens)
        self._public = Api(web, base, None)
        self._tasks = Tasks(self._api, facility.machine, facility.timeout_s)
        self._queue = Queue(self._api, self._tasks, facility, Kept(state_dir / "sfapi.json"))
        # Files may have to go through another machine of the facility (data transfer nodes).
        storage = facility.options.get("StorageMachine") or facility.machine
        tasks = Tasks(self._api, storage, facility.timeout_s)
        self._files = Files(self._api, tasks, storage, facility)

    def submit(self, jobs: Sequence[Submission]) -> list[Outcome]:
        return each(self._submit, jobs)

    def states(self, jobs: Collection[Wanted]) -> dict[str, RemoteJob]:
        return self._queue.states(jobs)

    def cancel(self, jobs: Collection[Wanted]) -> dict[str, str]:
        """A job without an id is looked up first; one that is not there yet cannot be cancelled."""
        known = self._queue.resolved(jobs)
        results = dict(zip(known, each(self._cancel, list(known.values())), strict=True))
        unknown = {one.name: "no job of this name is there yet" for one in jobs}
        return unknown | words_of(results)

    def put(self, path: str, content: bytes) -> None:
        self._files.put(path, content)

    def get(self, path: str, most_bytes: int) -> bytes | None:
        return self._files.get(path, most_bytes)

    def remove(self, paths: Sequence[str]) -> None:
        self._files.remove(paths)

    def health(self) -> Health:
        said = told(self._public.ask("GET", path_of("status", self._facility.machine)))
        notes = said.get("notes")
        words = [str(one) for one in notes[:3]] if isinstance(notes, list) else []
        state = STATES.get(str(said.get("status")).lower(), "degraded")
        return Health(state, one_line("; ".join([*words, str(said.get("description") or "")])))

    def allocation(self) -> list[Allocation]:
        rows = self._api.ask("GET", "/account/projects").check().json()
        found = (_allocation(row) for row in (rows if isinstance(rows, list) else []))
        return [one for one in found if one]

    def credential(self) -> CredentialState:
        """Not every client may ask this; then nothing is known, and that is no failure."""
        try:
            client = client_of(self._facility).id
            rows = self._api.ask("GET", "/account/clients").check().json()
        except (NoNews, Rejected) as err:
            return CredentialState(0.0, one_line(str(err)))
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict) and row.get("clientId") == client:
                return _credential(row)
        return CredentialState(0.0, "the service does not list this client")

    def login(self) -> float:
        self._tokens.token()
        return max(self._tokens.current().expires_s - time.time(), 0.0)

    def _submit(self, job: Submission) -> Outcome:
        """One POST, which is never repeated, then the task that it started."""
        queue_option = self._facility.options.get("QueueOption") or "qos"
        try:
            script = with_directives(job, queue_option)
        except WrongValue as err:
            return Refused(job.name, str(err))
        body = urlencode({"isPath": "false", "job": script}).encode()
        path = path_of("compute", "jobs", self._facility.machine)
        try:
            reply = self._api.ask("POST", path, body=body, content_type=FORM, repeat=False)
            return self._submitted(job.name, reply)
        except NoNews as err:
            if isinstance(err, NotTaken) or err.maintenance:
                return NotSent(job.name, err.reason, err.retry_after_s)
            return Unclear(job.name, err.reason)
        except Rejected as err:  # of the credential: nothing was asked
            return NotSent(job.name, str(err))

    def _submitted(self, name: str, reply: Reply) -> Outcome:
        if not 200 <= reply.status < 300:
            return unsuccessful(name, reply)
        said = told(reply)
        task, words = said.get("task_id"), error_of(said)
        hint = task if isinstance(task, str) and TASK_ID.fullmatch(task) else ""
        if words:
            return judged(name, words, hint, certain=False)
        if not hint:
            return Unclear(name, "the answer names no task")
        try:
            found = self._tasks.waited(hint)
        except Rejected as err:
            return Unclear(name, str(err), hint)
        if not found.done:
            return Unclear(name, "the submit task is not done in time", hint)
        return outcome(name, found, hint)

    def _cancel(self, number: str) -> str | NoNews | NoAccess:
        """ "" once it is taken, else words; what may be raised is handed back: the others go on."""
        try:
            reply = self._api.ask(
                "DELETE", path_of("compute", "jobs", self._facility.machine, number)
            )
            words = error_of(told(reply))
        except (NoNews, NoAccess) as err:
            return err
        except Rejected as err:
            words = str(err)
        return "" if OVER.search(words) else one_line(words)


def _allocation(row: Any) -> Allocation | None:
    try:
        granted, used = float(row["hours_given"]), float(row["hours_used"])
        return Allocation(one_line(str(row["repo_name"])), granted, used, "node-hours")
    except (KeyError, TypeError, ValueError):
        return None


def _credential(row: Mapping[str, Any]) -> CredentialState:
    said = str(row.get("expiresAt") or "")
    try:
        ends = datetime.fromisoformat(said)
    except ValueError:
        return CredentialState(0.0, one_line(f"ends at an unreadable time: {said}"))
    if ends.tzinfo is None:
        ends = ends.replace(tzinfo=UTC)
    return CredentialState(ends.timestamp(), one_line(str(row.get("name") or "")))
