# SPDX-License-Identifier: Apache-2.0
"""The DOE's IRI Facility API, versions 1 and 2, with switches for what facilities leave out.

Only submit, status of one job and cancel are the same everywhere. Options of the facility: Version,
Bulk, Files, Idempotency, StorageMachine, Login (bash's option, "-lc" at ALCF), Filesystems (ALCF's
custom attribute) and Environment (name=value words).
"""

import base64
import json
import posixpath
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from condor_plugins.facility.iri_api import COMPUTE, IriApi
from condor_plugins.facility.iri_files import Files
from condor_plugins.facility.iri_spec import switch
from condor_plugins.facility.iri_states import States, is_unknown
from condor_plugins.facility.iri_submit import Submitter
from condor_plugins.facility.reply import one_line
from condor_plugins.facility.values import (
    Allocation,
    CredentialState,
    Facility,
    Health,
    NoAccess,
    NoNews,
    NotSent,
    Outcome,
    Rejected,
    RemoteJob,
    Submission,
    Wanted,
)
from condor_plugins.facility.verdict import words_of

MOST_PROJECTS = 20


class Iri:
    """values.Backend for one IRI service; the bearer token is read from its file at each use."""

    most_at_once = 1

    def __init__(self, facility: Facility, state_dir: Path) -> None:
        self.keeps_files = switch(facility, "Files", True)
        self._facility = facility
        self._api = IriApi(facility, state_dir)
        self._files = Files(self._api, facility)
        self._states = States(self._api, facility)
        self._submitter = Submitter(self._api, facility)

    def submit(self, jobs: Sequence[Submission]) -> list[Outcome]:
        return [self._submitted(job) for job in jobs]

    def _submitted(self, job: Submission) -> Outcome:
        """Slurm kills a job at once whose log cannot be opened: first there is its directory."""
        try:
            if self.keeps_files:
                self._files.make(posixpath.dirname(job.log))
        except NoNews as err:
            return NotSent(job.name, err.reason, err.retry_after_s)
        except Rejected as err:  # true for all jobs: none of them is to blame
            return NotSent(job.name, f"directory of the log: {err}")
        return self._submitter.submit(job)

    def states(self, jobs: Collection[Wanted]) -> dict[str, RemoteJob]:
        return self._states.of(jobs)

    def cancel(self, jobs: Collection[Wanted]) -> dict[str, str]:
        """A job known by name only is looked for first; a 403 may be true for one job only."""
        nameless = [job for job in jobs if not job.id]
        found = self._states.of(nameless) if nameless else {}
        ids = {
            job.name: job.id or (found[job.name].id if job.name in found else "") for job in jobs
        }
        done: dict[str, str | NoNews | NoAccess] = {}
        for name, remote in ids.items():
            try:
                done[name] = self._cancelled(remote) if remote else "the facility does not list it"
            except (NoNews, NoAccess) as err:
                done[name] = err
        return words_of(done)

    def _cancelled(self, remote: str) -> str:
        path = f"compute/cancel/{{}}/{quote(remote, safe='')}"
        reply = self._api.at(COMPUTE, "DELETE", path)
        if is_unknown(reply):
            return ""
        try:
            reply.check()
        except NoAccess:  # the caller sees whether it is true for every job
            raise
        except Rejected as err:
            return str(err)
        return ""

    def put(self, path: str, content: bytes) -> None:
        self._moves_files()
        self._files.put(path, content)

    def get(self, path: str, most_bytes: int) -> bytes | None:
        self._moves_files()
        return self._files.get(path, most_bytes)

    def remove(self, paths: Sequence[str]) -> None:
        self._moves_files()
        self._files.remove(paths)

    def _moves_files(self) -> None:
        if not self.keeps_files:
            raise Rejected(f"facility {self._facility.name} moves no files (Files is false)")

    def health(self) -> Health:
        """The machine's own state; 503 is maintenance, no answer at all is NoNews."""
        reply = self._api.at(COMPUTE, "GET", "status/resources/{}")
        if reply.status == 503:
            return Health("down", f"HTTP 503 {reply.words()}".rstrip())
        row = reply.check().json()
        said = row.get("current_status") if isinstance(row, dict) else ""
        word = one_line(str(said or "unknown"), 60)
        state = word if word in {"up", "degraded", "down"} else "up"
        return Health(state, f"{self._facility.machine} is {word}")

    def allocation(self) -> list[Allocation]:
        """Projects' entries; nothing where the facility does not serve accounts (ALCF, OLCF)."""
        rows: list[Allocation] = []
        for project in self._listed("account/projects")[:MOST_PROJECTS]:
            path = f"account/projects/{quote(str(project.get('id')), safe='')}/project_allocations"
            name = one_line(str(project.get("name") or project.get("id")), 60)
            for account in self._listed(path):
                entries = account.get("entries")
                listed = entries if isinstance(entries, list) else []
                rows += [_entry(name, one) for one in listed if isinstance(one, dict)]
        return rows

    def _listed(self, path: str) -> list[dict[str, Any]]:
        reply = self._api.ask("GET", path)
        if reply.status in {403, 404, 405, 501}:
            return []
        listed = reply.check().json()
        return [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []

    def credential(self) -> CredentialState:
        """The end of the token where it is a JWT, whose claims anybody can read."""
        end_s = end_of(self._api.tokens.token())
        return CredentialState(end_s, "" if end_s else "the token does not tell when it ends")

    def login(self) -> float:
        """Seconds left of the token from outside; 0 where it does not tell its end."""
        end_s = end_of(self._api.tokens.token())
        if end_s and end_s <= time.time():
            raise NoAccess(f"the token in {self._facility.secret} has ended")
        return max(end_s - time.time(), 0.0) if end_s else 0.0


def end_of(token: str) -> float:
    """`exp` of a JWT in UNIX seconds, unverified, for that is the service's affair; 0 if none."""
    parts = token.split(".")
    if len(parts) != 3:
        return 0.0
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (ValueError, TypeError, LookupError):
        return 0.0


def _entry(project: str, entry: dict[str, Any]) -> Allocation:
    """The unit is a word in v1 and a URN in v2, whose last part is the word."""
    unit = one_line(str(entry.get("unit") or "hours"), 120).rpartition(":")[2]
    return Allocation(project, _number(entry.get("allocation")), _number(entry.get("usage")), unit)


def _number(said: object) -> float:
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) else 0.0
