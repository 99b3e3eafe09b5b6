# SPDX-License-Identifier: Apache-2.0
"""Mode "batch": a task on the login node submits pilots to Slurm, asks for them, cancels them."""

import base64
import json
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from condor_plugins.facility import globus_functions
from condor_plugins.facility.globus_api import GlobusApi, TooMuch, Waiting
from condor_plugins.facility.kept import Kept
from condor_plugins.facility.reply import NotTaken, one_line
from condor_plugins.facility.sfapi_rows import by_id, by_name, jobs_of
from condor_plugins.facility.sfapi_script import WrongValue, with_directives
from condor_plugins.facility.sfapi_tasks import DOUBTFUL, PASSING
from condor_plugins.facility.values import (
    IDLE,
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

MOST_REMEMBERED = 5000
# A question that has not ended after this long is asked anew.
OLD_S = 900.0
DIRECTIVE = "#SBATCH "


class BatchMode:
    """submit, states and cancel of the backend."""

    def __init__(self, api: GlobusApi, facility: Facility, state_dir: Path) -> None:
        self._api, self._facility = api, facility
        self._kept = Kept(state_dir / "globus-query.json")
        self._last: dict[str, RemoteJob] = {}

    def submit(self, jobs: Sequence[Submission]) -> list[Outcome]:
        """All in one task, which is waited for. It submits no name twice, however often it runs."""
        found: dict[str, Outcome] = {}
        asked = []
        for job in jobs:
            try:
                asked.append(self._asked(job))
            except WrongValue as err:
                found[job.name] = Refused(job.name, str(err))
        if asked:
            found |= {one.name: one for one in self._submitted(asked)}
        return [found[job.name] for job in jobs]

    def _asked(self, job: Submission) -> dict[str, Any]:
        script = base64.b64encode(job.script.encode("ascii")).decode()
        queue = self._facility.options.get("QueueOption", "") or "qos"
        return {
            "name": job.name,
            "script": script,
            "log": job.log,
            "options": options(job, queue),
        }

    def _submitted(self, asked: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        names = [str(one["name"]) for one in asked]
        function, root = globus_functions.slurm(), self._facility.root
        question = {"op": "submit", "root": root, "jobs": list(asked)}
        hint = ""
        try:
            task = self._api.start(self._api.control, function, [question])[0]
            hint = f"task:{task}"
            items = _items(self._api.collect(task, self._facility.timeout_s))
        except NoNews as err:
            if isinstance(err, NotTaken) and not hint:
                return [NotSent(name, err.reason, err.retry_after_s) for name in names]
            return [Unclear(name, err.reason, hint) for name in names]
        except Rejected as err:
            if isinstance(err, TooMuch) and not hint and len(asked) > 1:
                middle = len(asked) // 2
                return self._submitted(asked[:middle]) + self._submitted(asked[middle:])
            return self._said_no(names, err, hint)
        return [outcome_of(name, items.get(name), hint) for name in names]

    def _said_no(self, names: Sequence[str], err: Rejected, hint: str = "") -> list[Outcome]:
        if hint:
            return [Unclear(name, str(err), hint) for name in names]
        kind = NotSent if isinstance(err, NoAccess) else Refused
        return [kind(name, str(err)) for name in names]

    def states(self, jobs: Collection[Wanted]) -> dict[str, RemoteJob]:
        """One task for all. A slow one is kept and collected by the next call."""
        pending = self._pending(jobs)
        wanted = [job for job in jobs if job.name not in pending]
        if not wanted:
            return pending
        said, asked = self._told(wanted)
        rows = said.get("rows")
        if said.get("ok") is not True or not isinstance(rows, list):
            raise NoNews(one_line(str(said.get("error") or "the task told nothing")))
        told = jobs_of(rows, time.time())
        found = by_id(told, wanted) | by_name(told, [job for job in wanted if not job.id])
        # Who was not asked about, or not with certainty, may well be there.
        unsure = one_line(str(said.get("unsure") or ""))
        for job in wanted:
            if job.name not in found and (unsure or not {job.id or job.name} <= asked):
                found[job.name] = self._as_before(job, unsure or "asked for next time")
        self._remember(found)
        return found | pending

    def _told(self, wanted: Sequence[Wanted]) -> tuple[dict[str, Any], set[str]]:
        """The answer, and the ids and names that were asked about."""
        kept = _object(self._kept.get("query"))
        if kept and time.time() - float(kept.get("made_s") or 0.0) < OLD_S:
            task, asked = str(kept.get("task")), set(map(str, kept.get("asked") or ()))
        else:
            names = [job.name for job in wanted if not job.id]
            ids = [job.id for job in wanted if job.id]
            question = {"op": "states", "root": self._facility.root, "ids": ids, "names": names}
            task = self._api.start(self._api.control, globus_functions.slurm(), [question])[0]
            asked = {*ids, *names}
            row = {"task": task, "asked": sorted(asked), "made_s": time.time()}
            self._kept.put("query", json.dumps(row))
        try:
            said = self._api.collect(task, self._facility.timeout_s)
        except Waiting:
            raise
        except (NoNews, Rejected):
            self._kept.put("query", "")
            raise
        self._kept.put("query", "")
        return said, asked

    def _pending(self, jobs: Collection[Wanted]) -> dict[str, RemoteJob]:
        """Those whose submit task has not ended, so that they are not looked for in vain."""
        tasks = {
            job.name: job.hint.removeprefix("task:")
            for job in jobs
            if not job.id and job.hint.startswith("task:")
        }
        seen = self._api.tasks(tasks.values()) if tasks else {}
        return {
            name: RemoteJob(name, "", IDLE, "submitting", "the endpoint has not submitted it yet")
            for name, task in tasks.items()
            if task in seen and seen[task].status not in {"success", "failed"}
        }

    def cancel(self, jobs: Collection[Wanted]) -> dict[str, str]:
        """By name, too: a submit that comes later finds a note and does nothing."""
        asked = [{"name": job.name, "id": job.id} for job in jobs]
        question = {"op": "cancel", "root": self._facility.root, "jobs": asked}
        function, within_s = globus_functions.slurm(), self._facility.timeout_s
        items = _items(self._api.run(self._api.control, function, question, within_s))
        return {job.name: one_line(str(items.get(job.name, "no answer"))) for job in jobs}

    def _as_before(self, job: Wanted, why: str) -> RemoteJob:
        return self._last.get(job.name) or RemoteJob(job.name, job.id, IDLE, "unknown", why)

    def _remember(self, found: dict[str, RemoteJob]) -> None:
        kept = {name: one for name, one in self._last.items() if name not in found} | found
        self._last = dict(list(kept.items())[-MOST_REMEMBERED:])


def options(job: Submission, queue_option: str) -> list[str]:
    """Words for sbatch, each checked; the same as the lines that other ways put into the script."""
    lines = with_directives(job._replace(script="#!/bin/sh\n"), queue_option).splitlines()[1:]
    said = [line.removeprefix(DIRECTIVE) for line in lines if line.startswith(DIRECTIVE)]
    return [word for line in said for word in line.split()]


def outcome_of(name: str, item: Any, hint: str) -> Outcome:
    """One entry of the submit task's answer."""
    said = item if isinstance(item, dict) else {}
    number, whole = str(said.get("id") or ""), str(said.get("error") or "no answer")
    words = one_line(whole)
    if number.isdigit():
        return Accepted(name, number)
    if said.get("sure") is not True or DOUBTFUL.search(whole):
        return Unclear(name, words, hint)
    if said.get("passing") is True or PASSING.search(whole):
        return NotSent(name, words)
    return Refused(name, words)


def _items(said: Mapping[str, Any]) -> dict[str, Any]:
    items = said.get("items")
    if said.get("ok") is not True or not isinstance(items, dict):
        raise NoNews(one_line(str(said.get("error") or "the task told nothing")))
    return items


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
