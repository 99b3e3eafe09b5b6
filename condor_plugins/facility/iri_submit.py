# SPDX-License-Identifier: Apache-2.0
"""One POST per pilot, and what its answer means: taken, refused, surely not taken, or unclear."""

import json
import time
from typing import Any, Unpack

from condor_plugins.facility.iri_api import COMPUTE, IriApi
from condor_plugins.facility.iri_rows import job_id
from condor_plugins.facility.iri_spec import job_spec, switch
from condor_plugins.facility.reply import NotTaken, Reply, one_line
from condor_plugins.facility.values import (
    Accepted,
    Facility,
    NoNews,
    NotSent,
    Outcome,
    Refused,
    Rejected,
    Submission,
    Unclear,
)
from condor_plugins.facility.verdict import unsuccessful
from condor_plugins.facility.web import How

# The service's own lock on a key in flight tells to come back after this long.
IN_FLIGHT_S = 2.0
TRIES = 3


class Submitter:
    """The backend's `submit`; remembers whether this service protects against doubles."""

    def __init__(self, api: IriApi, facility: Facility) -> None:
        self._api, self._facility = api, facility
        self._keyed = switch(facility, "Idempotency", True)
        self._protected = False

    def submit(self, job: Submission) -> Outcome:
        """Raises nothing. A lost answer is repeated only if the service has shown, in an earlier
        answer, that it knows the key again."""
        try:
            spec = job_spec(job, self._facility)
        except Rejected as err:
            return Refused(job.name, str(err))
        try:
            # Whatever has to be asked first fails here, while nothing can have been taken.
            self._api.resource(COMPUTE)
            keyed = self._keyed and self._api.version() == "2"
        except NoNews as err:
            return NotSent(job.name, err.reason, err.retry_after_s)
        except Rejected as err:  # true for all jobs: none of them is to blame
            return NotSent(job.name, str(err))
        outcome = self._once(job.name, spec, keyed)
        for _ in range(TRIES - 1):
            if not (isinstance(outcome, Unclear) and keyed and self._protected):
                break
            time.sleep(IN_FLIGHT_S)
            # A key that gets NotSent or Refused now says nothing of the first request.
            again = self._once(job.name, spec, keyed)
            outcome = again if isinstance(again, Accepted) else outcome
        return outcome

    def _once(self, name: str, spec: dict[str, Any], keyed: bool) -> Outcome:
        try:
            reply = self._posted(name, spec, keyed)
        except NotTaken as err:
            return NotSent(name, err.reason, err.retry_after_s)
        except NoNews as err:
            return Unclear(name, err.reason)
        except Rejected as err:  # no token to be had: nothing went out
            return NotSent(name, str(err))
        return outcome_of(name, reply)

    def _posted(self, name: str, spec: dict[str, Any], keyed: bool) -> Reply:
        how: How = {
            "body": json.dumps(spec).encode("ascii"),
            "content_type": "application/json",
            "repeat": False,
        }
        if not keyed:
            return self._post(**how)
        how["headers"] = {"Idempotency-Key": name}
        reply = self._post(**how)
        if "idempotency-key-reply" in reply.headers:
            self._protected = True
        if reply.status == 501 and "idempot" in reply.words().lower():
            # The service knows the header but not how to keep keys: it took nothing.
            self._keyed, how["headers"] = False, None
            return self._post(**how)
        return reply

    def _post(self, **how: Unpack[How]) -> Reply:
        return self._api.at(COMPUTE, "POST", "compute/job/{}", **how)


def outcome_of(name: str, reply: Reply) -> Outcome:
    """What an answer to a submit means for the job."""
    words = _words(reply)
    if 200 <= reply.status < 300:
        return _taken(name, reply)
    if reply.status == 422 and "idempot" in words.lower():
        # This name was sent before with another body: that job exists.
        return Unclear(name, words)
    return unsuccessful(name, reply, words)


def _taken(name: str, reply: Reply) -> Outcome:
    try:
        found = job_id(reply.json())
    except NoNews as err:
        return Unclear(name, err.reason)
    return Accepted(name, found) if found else Unclear(name, "the answer names no usable job id")


def _words(reply: Reply) -> str:
    """The detail, and which parameters are wrong and why."""
    try:
        said = json.loads(reply.body)
    except (ValueError, RecursionError):
        said = None
    wrong = said.get("invalid_params") if isinstance(said, dict) else None
    named = [
        f"{one.get('name')}: {one.get('reason')}"
        for one in (wrong if isinstance(wrong, list) else [])
        if isinstance(one, dict)
    ]
    words = f"HTTP {reply.status} {reply.words()}".rstrip()
    return one_line(f"{words} ({'; '.join(named)})" if named else words)
