# SPDX-License-Identifier: Apache-2.0
"""Asking IRI for states: by the list, and singly for what the list does not settle.

A job counts as not there only if the facility says so in a complete answer. Where it says nothing
of one job while others are answered, the job's last known state is given back.
"""

from collections.abc import Collection, Sequence
from urllib.parse import quote

from condor_plugins.facility.iri_api import COMPUTE, IriApi, body
from condor_plugins.facility.iri_rows import Row, matched, rows_of
from condor_plugins.facility.iri_spec import switch
from condor_plugins.facility.reply import Reply
from condor_plugins.facility.values import (
    IDLE,
    Facility,
    NoAccess,
    NoNews,
    Rejected,
    RemoteJob,
    Wanted,
)

PAGE = 1000
MOST_PAGES = 30
# So many are asked singly in one call; the others keep their last known state for now.
MOST_SINGLY = 200
AT_ONCE = 4
# How much of the question a facility takes: with job_spec, with a filter. ALCF refused either.
WAYS = ((True, True), (False, True), (True, False), (False, False))
# Answers to a question that is too much for the facility.
TOO_MUCH = {400, 422, 501}
MOST_REMEMBERED = 5000


class States:
    """The backend's `states`."""

    def __init__(self, api: IriApi, facility: Facility) -> None:
        self._api = api
        self._bulk = switch(facility, "Bulk", True)
        self._way = 0
        self._last: dict[str, RemoteJob] = {}

    def of(self, wanted: Collection[Wanted]) -> dict[str, RemoteJob]:
        """Raises NoNews, Rejected."""
        known = [job for job in wanted if job.id]
        nameless = [job for job in wanted if not job.id]
        found = self._listed([*known, *nameless]) if self._bulk else self._by_name(nameless)
        found |= self._singly([job for job in known if job.name not in found])
        self._remember(found)
        return found

    def _listed(self, wanted: Sequence[Wanted]) -> dict[str, RemoteJob]:
        """Alive first: a facility's past is a slow question."""
        found: dict[str, RemoteJob] = {}
        for historical in (False, True):
            left = [job for job in wanted if job.name not in found]
            if left:
                found |= self._pages(left, historical)
        return found

    def _by_name(self, nameless: Sequence[Wanted]) -> dict[str, RemoteJob]:
        """Where there is no list, the only way to find a name is to try it all the same."""
        try:
            return self._listed(nameless)
        except NoAccess:  # tells nothing of a list
            raise
        except (NoNews, Rejected):
            return self._as_before(nameless, "the facility has no list to find it in")

    def _pages(self, wanted: Sequence[Wanted], historical: bool) -> dict[str, RemoteJob]:
        """Some servers ignore limit, offset or the filter: what comes is matched, never trusted."""
        rows: dict[str, Row] = {}
        nameless = [job for job in wanted if not job.id]
        unread = 0
        for page in range(MOST_PAGES):
            listed = self._page(wanted, page * PAGE, historical)
            good = rows_of(listed)
            unread += len(listed) - len(good)
            new = {row.id: row for row in good if row.id not in rows}
            rows |= new
            found = matched(rows.values(), wanted)
            if len(found) == len(wanted) or len(listed) < PAGE or not new:
                break
        else:
            if any(job.name not in found for job in nameless):
                raise NoNews("the facility lists more jobs than can be looked through")
        if not unread and all(row.name() for row in rows.values()):
            return found
        # A row without a name may be the one: better to wait for it than to submit it twice.
        lost = [job for job in nameless if job.name not in found]
        return found | self._as_before(lost, "the facility lists jobs without their names")

    def _page(self, wanted: Sequence[Wanted], offset: int, historical: bool) -> list[object]:
        while True:
            spec, filtered = WAYS[self._way]
            ids = [job.id for job in wanted] if filtered else []
            query = {
                "offset": str(offset),
                "limit": str(PAGE),
                "historical": str(historical).lower(),
                **({"include_spec": "true"} if spec else {}),
            }
            how = body({"jobIds": ids} if ids and all(ids) else {})
            how["query"] = list(query.items())
            reply = self._api.at(COMPUTE, "POST", "compute/status/{}", **how)
            if reply.status not in TOO_MUCH or self._way + 1 == len(WAYS):
                break
            self._way += 1
        listed = reply.check().json()
        if not isinstance(listed, list):
            raise NoNews("the facility's answer is no list of jobs")
        return listed

    def _singly(self, jobs: Sequence[Wanted]) -> dict[str, RemoteJob]:
        """Only a plain "not found" counts; jobs without an answer keep their last known state."""
        now, later = jobs[:MOST_SINGLY], jobs[MOST_SINGLY:]
        if not now:
            return {}
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - most polls need none

        with ThreadPoolExecutor(min(AT_ONCE, len(now))) as threads:
            answers = list(threads.map(self._one, now))
        silent = [answer for answer in answers if isinstance(answer, NoNews)]
        if len(silent) == len(now):
            raise silent[0]
        pairs = list(zip(now, answers, strict=True))
        found = {job.name: one for job, one in pairs if isinstance(one, RemoteJob)}
        unsaid = [job for job, one in pairs if isinstance(one, NoNews)]
        return found | self._as_before([*unsaid, *later], "the facility did not answer for it")

    def _one(self, job: Wanted) -> RemoteJob | NoNews | None:
        path = f"compute/status/{{}}/{quote(job.id, safe='')}"
        try:
            reply = self._api.at(COMPUTE, "GET", path, query=[("historical", "true")])
            if is_unknown(reply):
                return None
            said = reply.check().json()
        except NoNews as err:
            return err
        rows = [row for row in rows_of([said]) if row.id == job.id]
        return rows[0].as_job(job.name) if rows else NoNews("the facility sent another job's state")

    def _as_before(self, jobs: Collection[Wanted], why: str) -> dict[str, RemoteJob]:
        blank = {job.name: RemoteJob(job.name, job.id, IDLE, "unknown", why) for job in jobs}
        return {name: self._last.get(name, one) for name, one in blank.items()}

    def _remember(self, found: dict[str, RemoteJob]) -> None:
        """In the order of the last news, so that the oldest are forgotten first."""
        kept = {name: one for name, one in self._last.items() if name not in found} | found
        self._last = dict(list(kept.items())[-MOST_REMEMBERED:])


def is_unknown(reply: Reply) -> bool:
    """A job that is not there: the API's own 404, and at ALCF 400 with a sentence."""
    absent = reply.status == 404 or "not found" in reply.words().lower()
    return reply.status in {400, 404} and absent and reply.is_own()
