# SPDX-License-Identifier: Apache-2.0
"""Mode "task": each pilot is one task of the endpoint, all of a call go out in one request."""

import base64
import re
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from condor_plugins.facility import globus_functions
from condor_plugins.facility.globus_api import GlobusApi, Task, TooMuch, last_line
from condor_plugins.facility.globus_groups import Groups, Place
from condor_plugins.facility.globus_payload import arguments, result
from condor_plugins.facility.reply import NotTaken, one_line
from condor_plugins.facility.values import (
    COMPLETED,
    IDLE,
    RUNNING,
    Accepted,
    Facility,
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

MOST_AT_ONCE = 100
# Of the 10 MB that the service takes in one request.
MOST_BYTES = 8_000_000
WORKS = {"running", "execution-start", "execution-end", "result-received", "result-enqueued"}
# What Parsl and the endpoint say when a worker or its node is gone.
NODE_LOST = re.compile(r"ManagerLost|WorkerLost|worker.{0,40}(?:lost|died)|heartbeat", re.I)


class TaskMode:
    """submit and states of the backend; cancelling goes by files, which the backend writes."""

    def __init__(self, api: GlobusApi, facility: Facility, state_dir: Path) -> None:
        self._api, self._facility = api, facility
        self._groups = Groups(state_dir / "globus-groups")

    def submit(self, jobs: Sequence[Submission]) -> list[Outcome]:
        """Raises nothing; outcomes in the order of `jobs`."""
        found: dict[str, Outcome] = {}
        for bunch in self._bunches(jobs, found):
            found |= {one.name: one for one in self._submitted(bunch)}
        return [found[job.name] for job in jobs]

    def _bunches(
        self, jobs: Sequence[Submission], wrong: dict[str, Outcome]
    ) -> Iterator[dict[str, Any]]:
        """By name what the function is asked, as much as one request takes."""
        bunch: dict[str, Any] = {}
        size = 0
        for job in jobs:
            asked = asked_of(job, self._facility)
            bytes_more = len(arguments(asked)) + 100
            if bytes_more > MOST_BYTES:
                wrong[job.name] = Refused(job.name, "the pilot's script is too large")
                continue
            if bunch and (size + bytes_more > MOST_BYTES or len(bunch) >= MOST_AT_ONCE):
                yield bunch
                bunch, size = {}, 0
            bunch[job.name] = asked
            size += bytes_more
        if bunch:
            yield bunch

    def _submitted(self, bunch: Mapping[str, Any]) -> list[Outcome]:
        names = list(bunch)
        group = str(uuid.uuid4())
        function = globus_functions.pilot()
        try:
            # Nothing has gone out before these two are done.
            self._api.function(function)
            self._groups.note(group, names)
        except (NoNews, Rejected, OSError) as err:
            return [NotSent(name, str(err), getattr(err, "retry_after_s", 0.0)) for name in names]
        try:
            ids = self._api.start(self._api.endpoint, function, list(bunch.values()), group)
        except (NotTaken, NoAccess) as err:
            return [NotSent(name, str(err), getattr(err, "retry_after_s", 0.0)) for name in names]
        except NoNews as err:
            return [
                Unclear(name, err.reason, Place(group, at).hint()) for at, name in enumerate(names)
            ]
        except Rejected as err:
            if isinstance(err, TooMuch) and len(names) > 1:
                return [one for half in _halves(bunch) for one in self._submitted(half)]
            return [Refused(name, str(err)) for name in names]
        return [Accepted(name, task) for name, task in zip(names, ids, strict=True)]

    def states(self, jobs: Collection[Wanted]) -> dict[str, RemoteJob]:
        """One question for all tasks that are known, and one per group of those that are not.

        Ids of a group come without what was sent. A pilot whose answer was lost is therefore
        assigned provisionally, by its place in the request. Its result names it for certain: where
        that is another pilot's name, both are assigned anew. Cancelling goes by name and is never
        wrong. A group that is empty or not known holds no pilot.
        """
        seen = self._api.tasks(job.id for job in jobs if job.id)
        named = {one: named_by(task) for one, task in seen.items()}
        sure = {name: one for one, name in named.items() if name}
        ids = {job.name: sure.get(job.name, job.id) for job in jobs}
        found = {
            name: job_of(name, seen[one])
            for name, one in ids.items()
            if one in seen and named[one] in {"", name}
        }
        # Without an id, or with one that turned out to be another's. An unknown task stays unknown.
        doubtful = [job for job in jobs if not ids[job.name] or named.get(ids[job.name])]
        doubtful = [job for job in doubtful if job.name not in found]
        for group, places in self._grouped(doubtful).items():
            left = {name: at for name, at in places.items() if name not in found}
            found |= self._placed(group, left, {one.id for one in found.values()})
        # No group tells more: then the id is all there is to go by.
        for job in doubtful:
            if job.name not in found and job.id in seen:
                found[job.name] = job_of(job.name, seen[job.id])
        return found

    def _grouped(self, jobs: Sequence[Wanted]) -> dict[str, dict[str, int]]:
        """By group, the place of each pilot that may be in it."""
        groups: dict[str, dict[str, int]] = {}
        for job in jobs:
            for place in self._groups.places(job.name, job.hint):
                groups.setdefault(place.group, {})[job.name] = place.at
        return groups

    def _placed(
        self, group: str, places: Mapping[str, int], taken: Collection[str]
    ) -> dict[str, RemoteJob]:
        listed = self._api.group(group) if places else []
        seen = self._api.tasks(listed)
        sure = {named_by(task): one for one, task in seen.items() if named_by(task)}
        chosen = {name: sure[name] for name in places if name in sure}
        free = [one for one in listed if one in seen and one not in {*sure.values(), *taken}]
        for name, at in sorted(places.items(), key=lambda place: place[1]):
            if name in chosen or not free:
                continue
            own = listed[at] if at < len(listed) else ""
            chosen[name] = own if own in free else free[0]
            free.remove(chosen[name])
        return {name: job_of(name, seen[one]) for name, one in chosen.items()}


def _halves(bunch: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    rows = list(bunch.items())
    middle = len(rows) // 2
    yield from (dict(rows[:middle]), dict(rows[middle:]))


def asked_of(job: Submission, facility: Facility) -> dict[str, str]:
    """What the pilot function is asked (globus_remote_pilot.py)."""
    script = base64.b64encode(job.script.encode("ascii")).decode()
    return {"name": job.name, "root": facility.root, "log": job.log, "script": script}


def named_by(task: Task) -> str:
    """The pilot that a finished task says it was; "" if it does not say."""
    if task.status != "success":
        return ""
    try:
        return str(result(task.result).get("name") or "")
    except NoNews:
        return ""


def job_of(name: str, task: Task) -> RemoteJob:
    """A word that is not known counts as waiting: it has no node."""
    if task.status == "success":
        return _ended(name, task)
    if task.status == "failed":
        ended = "node-failure" if NODE_LOST.search(task.exception) else "failed"
        reason = last_line(task.exception)
        return RemoteJob(name, task.id, COMPLETED, "failed", reason, ended=ended)
    status = RUNNING if task.status in WORKS else IDLE
    return RemoteJob(name, task.id, status, one_line(task.status, 60))


def _ended(name: str, task: Task) -> RemoteJob:
    job = RemoteJob(name, task.id, COMPLETED, "success")
    try:
        said = result(task.result)
    except NoNews as err:
        return job._replace(reason=err.reason, ended="failed")
    code, start_s = said.get("rc"), said.get("start")
    number = code if isinstance(code, int) and not isinstance(code, bool) else None
    ended = "completed" if number == 0 else "failed"
    return job._replace(
        reason=one_line(str(said.get("err") or "")),
        nodes=one_line(str(said.get("node") or "")),
        start_s=float(start_s) if isinstance(start_s, int | float) else 0.0,
        exit_code=number if number is not None and number >= 0 else None,
        signal=-number if number is not None and number < 0 else None,
        ended="cancelled" if said.get("stopped") is True else ended,
    )
