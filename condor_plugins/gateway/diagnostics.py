# SPDX-License-Identifier: Apache-2.0
"""What people can see of a facility: attributes of the pilots' jobs, and one file for its state.

Nothing depends on either. Attributes (condor_q -l): GlideinRemoteId; GlideinRemoteState, the word
of the facility's batch system; GlideinRemoteReason; GlideinRemoteNodes; GlideinRemoteStart, UNIX
seconds of the start or its estimate; GlideinFacilityError, why the job is not where it should be;
GlideinCredentialExpires, UNIX seconds at which a person must have renewed the facility's secret.
"""

import json
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from condor_plugins.core.errors import TryAgain
from condor_plugins.gateway.desk import remote_of
from condor_plugins.gateway.disk import write_atomically
from condor_plugins.gateway.gahp import sentence
from condor_plugins.gateway.opening import Opened
from condor_plugins.gateway.values import (
    ENDED,
    FINAL,
    INTENDED,
    SENT,
    SUBMITTED,
    FacilityState,
    Record,
)

if TYPE_CHECKING:
    from condor_plugins.pool.job_ads import JobAds

Attributes = dict[str, str | int | None]
STATE_FILE = "facility-state.json"
_EVERY_S = 10.0
_WHOLE_S = 60.0  # the file's time tells that a gateway is alive
_MOST_JOBS = 100  # in one turn: each takes the schedd some milliseconds
_AFTER_FAILURE_S = 300.0
_WORDS = {INTENDED: "not sent yet", SENT: "sent, no answer yet", SUBMITTED: "submitted"}
# JobDirectory is "home_bl_<pool>_<GlobalJobId>", with "_" for what a path should not have.
_KEY = re.compile(r"home_bl_.*_(?P<job>\d+\.\d+)_\d+\Z")


class Diagnostics:
    """Of one facility, from one process. `job_ads`: how the schedd is reached."""

    def __init__(
        self,
        job_ads: "Callable[[], JobAds] | None" = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._job_ads = job_ads or _job_ads
        self._clock = clock
        self._told_s = -_EVERY_S
        self._file_s = -_WHOLE_S
        self._written = ""
        self._schedd: JobAds | None = None
        self._schedd_s = -_AFTER_FAILURE_S
        self._failed: dict[str, float] = {}

    def tell(self, opened: Opened, log: logging.Logger) -> None:
        """What has changed; now and then only. A failure is logged, and forgotten."""
        if self._clock() - self._told_s < _EVERY_S:
            return
        self._told_s = self._clock()
        records, state = opened.engine.live(), opened.engine.state()
        try:
            self._write(opened, records, state)
            self._publish(opened, records, state, log)
        except (OSError, TryAgain) as problem:
            log.warning("diagnostics: %s", problem)

    def _write(self, opened: Opened, records: Iterable[Record], state: FacilityState) -> None:
        jobs = Counter(one.phase for one in records)
        text = json.dumps({**state._asdict(), "name": opened.facility.name, "jobs": jobs})
        if text == self._written and self._clock() - self._file_s < _WHOLE_S:
            return
        write_atomically(opened.directory / STATE_FILE, text.encode(), 0o600)
        self._written, self._file_s = text, self._clock()

    def _publish(
        self, opened: Opened, records: list[Record], state: FacilityState, log: logging.Logger
    ) -> None:
        new = {one.name: attributes(one, state) for one in records}
        changed = [
            one for one in records if _text(new[one.name]) != one.published and self._is_due(one)
        ]
        if not changed or not (schedd := self._reach(log)):
            return
        jobs = {job_of(one.key, schedd.name): one for one in changed[:_MOST_JOBS]}
        jobs.pop("", None)  # another schedd's, or one that was adopted
        failed = schedd.set({job: _difference(one, new[one.name]) for job, one in jobs.items()})
        for job, why in failed.items():
            self._failed[jobs[job].name] = self._clock() + _AFTER_FAILURE_S
            log.info("job %s does not show how it is: %s", job, why)
        with opened.ledger.transaction() as rows:
            for one in changed[:_MOST_JOBS]:
                if one.name not in self._failed:
                    rows.update(one.name, _PHASES, published=_text(new[one.name]))

    def _is_due(self, record: Record) -> bool:
        if self._failed.get(record.name, 0.0) > self._clock():
            return False
        self._failed.pop(record.name, None)
        return True

    def _reach(self, log: logging.Logger) -> "JobAds | None":
        """None: there is no schedd on this host, or none that answers."""
        if self._schedd is None and self._clock() - self._schedd_s >= _AFTER_FAILURE_S:
            self._schedd_s = self._clock()
            try:
                self._schedd = self._job_ads()
            except TryAgain as problem:
                log.info("jobs do not show how they are: %s", problem)
        return self._schedd


_PHASES = (INTENDED, SENT, SUBMITTED, ENDED, *FINAL)


def attributes(record: Record, state: FacilityState) -> Attributes:
    """The facility's own words, made fit for a ClassAd string."""
    job = remote_of(record)
    waits = record.phase in {INTENDED, SENT}
    error = record.error or (state.error if waits else "")
    found: Attributes = {
        "GlideinRemoteId": record.remote_id,
        "GlideinRemoteState": job.word if job and not waits else _WORDS.get(record.phase, ""),
        "GlideinRemoteReason": job.reason if job else "",
        "GlideinRemoteNodes": job.nodes if job else "",
        "GlideinRemoteStart": int(job.start_s) if job else 0,
        "GlideinFacilityError": error,
        "GlideinCredentialExpires": int(state.credential_expires_s),
    }
    return {
        name: (sentence(value, 300) if isinstance(value, str) else value) if value else None
        for name, value in found.items()
    }


def job_of(key: str, schedd: str) -> str:
    """ "cluster.proc" of a JobDirectory; "" if it is none, or of another schedd."""
    found = _KEY.match(key)
    if not found:
        return ""
    plain = re.sub(r"[^A-Za-z0-9]", "_", schedd)
    return found["job"] if f"_{plain}_" in re.sub(r"[^A-Za-z0-9]", "_", key) else ""


def _difference(record: Record, new: Attributes) -> Attributes:
    """Attributes that were never set are not unset."""
    old = json.loads(record.published) if record.published else dict.fromkeys(new)
    return {name: value for name, value in new.items() if old.get(name) != value}


def _text(values: Attributes) -> str:
    """As it is kept in the ledger; "" where there is nothing to tell."""
    return json.dumps(values) if any(values.values()) else ""


def _job_ads() -> "JobAds":
    from condor_plugins.pool.job_ads import JobAds  # noqa: PLC0415 (htcondor2 takes 50 ms)

    return JobAds()
