# SPDX-License-Identifier: Apache-2.0
"""Which jobs the facility knows: squeue first, sacct for those that left it."""

import re
import time
from collections.abc import Collection, Iterable

from condor_plugins.facility.api import Api
from condor_plugins.facility.kept import Kept, login_mark
from condor_plugins.facility.reply import one_line
from condor_plugins.facility.sfapi_rows import by_id, by_name, jobs_of
from condor_plugins.facility.sfapi_tasks import (
    JOB_ID,
    Tasks,
    each,
    error_of,
    outcome,
    path_of,
    told,
)
from condor_plugins.facility.values import (
    IDLE,
    RUNNING,
    Accepted,
    Facility,
    NoAccess,
    NoNews,
    Rejected,
    RemoteJob,
    Wanted,
)

MOST_AT_ONCE = 200
# Words of our own for a job of which the scheduler has not told anything.
SUBMITTED, SUBMITTING, UNKNOWN = "SUBMITTED", "SUBMITTING", "UNKNOWN"
# A task's id is a number as well: with this in front it stands for the job's until that is known.
TASK = "task."
USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Queue:
    """`kept`: where the account's name is kept, for it has to be asked of the service."""

    def __init__(self, api: Api, tasks: Tasks, facility: Facility, kept: Kept) -> None:
        self._api, self._tasks, self._facility, self._kept = api, tasks, facility, kept

    def states(self, jobs: Collection[Wanted]) -> dict[str, RemoteJob]:
        """By name, in one request while all live. Raises NoNews, Rejected."""
        if not jobs:
            return {}
        live = self._live()
        ours = [one for one in jobs if JOB_ID.fullmatch(one.id)]
        named = [one for one in jobs if not JOB_ID.fullmatch(one.id)]
        found = by_id(live, ours) | by_name(live, named)
        found |= self._by_task(one for one in named if one.name not in found)
        # squeue tells no exit code, so a job that it shows as ended is asked for once more.
        doubtful = [one for one in found.values() if one.ended or one.word == SUBMITTED]
        gone = [Wanted(one.name, one.id) for one in doubtful]
        gone += [one for one in ours if one.name not in found]
        for name, job in self._by_accounts(gone).items():
            found[name] = _better(found.get(name), job)
        nameless = [one for one in named if one.name not in found]
        return by_name(live, ours) | found | self._by_accounts_names(nameless)

    def resolved(self, jobs: Collection[Wanted]) -> dict[str, str]:
        """Name to job id, for those that have one. Raises NoNews, Rejected."""
        known = {one.name: one.id for one in jobs if JOB_ID.fullmatch(one.id)}
        named = [one for one in jobs if one.name not in known]
        if named:
            found = by_name(self._live(), named)
            found |= self._by_task(one for one in named if one.name not in found)
            known |= {one.name: one.id for one in found.values() if JOB_ID.fullmatch(one.id)}
        return known

    def _by_task(self, jobs: Iterable[Wanted]) -> dict[str, RemoteJob]:
        """What became of submit tasks; while one goes on, its id stands for the job's."""
        hinted = [one for one in jobs if one.hint or one.id.startswith(TASK)]
        found = each(self._of_task, hinted)
        return {job.name: job for job in found if job}

    def _of_task(self, one: Wanted) -> RemoteJob | None:
        hint = one.hint or one.id.removeprefix(TASK)
        try:
            task = self._tasks.look(hint)
        except NoAccess:  # tells nothing of the task
            raise
        except Rejected:
            return None
        except NoNews as err:
            # The job may come yet: it counts as being there, and only it waits for the answer.
            return RemoteJob(one.name, TASK + hint, IDLE, UNKNOWN, err.reason)
        if not task.done:
            return RemoteJob(one.name, TASK + hint, IDLE, SUBMITTING, "the submit task goes on")
        result = outcome(one.name, task, hint)
        # Neither squeue nor sacct need know it already; later it is asked for by its id.
        return (
            RemoteJob(one.name, result.id, IDLE, SUBMITTED)
            if isinstance(result, Accepted)
            else None
        )

    def _by_accounts(self, jobs: list[Wanted]) -> dict[str, RemoteJob]:
        """Without an answer of sacct they are as alive as before; the others' states count."""
        found: dict[str, RemoteJob] = {}
        for start in range(0, len(jobs), MOST_AT_ONCE):
            part = jobs[start : start + MOST_AT_ONCE]
            try:
                told_of = self._rows(True, "jobid=" + ",".join(one.id for one in part))
            except NoNews as err:
                why = f"sacct: {err.reason}"
                found |= {
                    one.name: RemoteJob(one.name, one.id, RUNNING, UNKNOWN, why) for one in part
                }
            else:
                found |= by_id(told_of, part)
        return found

    def _by_accounts_names(self, jobs: list[Wanted]) -> dict[str, RemoteJob]:
        found: dict[str, RemoteJob] = {}
        for start in range(0, len(jobs), MOST_AT_ONCE):
            part = jobs[start : start + MOST_AT_ONCE]
            names = ",".join(one.name for one in part)
            found |= by_name(self._rows(True, f"user={self._user()}", f"name={names}"), part)
        return found

    def _live(self) -> list[RemoteJob]:
        return self._rows(False, f"user={self._user()}")

    def _rows(self, ended: bool, *where: str) -> list[RemoteJob]:
        query = [("sacct", "true" if ended else "false"), ("cached", "false")]
        query += [("kwargs", one) for one in where]
        path = path_of("compute", "jobs", self._facility.machine)
        said = told(self._api.ask("GET", path, query=query))
        words = error_of(said)
        output = said.get("output")
        if words or not isinstance(output, list):
            # An empty list beside an error is no news of jobs that are gone.
            raise NoNews(one_line(words) or "answer has an unexpected form")
        return jobs_of(output, time.time())

    def _user(self) -> str:
        """The account that the client acts for; asked once for each login."""
        made, _, name = self._kept.get("user").partition(" ")
        mark = login_mark(self._facility)
        if made == mark and USER.fullmatch(name):
            return name
        asked = told(self._api.ask("GET", "/account/")).get("name")
        if not isinstance(asked, str) or not USER.fullmatch(asked):
            raise NoNews("the service does not tell the account's name")
        self._kept.put("user", f"{mark} {asked}")
        return asked


def _better(old: RemoteJob | None, new: RemoteJob) -> RemoteJob:
    """Of squeue's or the task's word and that of sacct, which lags behind."""
    if old is None or new.ended or (old.word == SUBMITTED and new.word != UNKNOWN):
        return new
    return old
