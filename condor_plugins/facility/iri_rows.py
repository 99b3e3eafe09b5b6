# SPDX-License-Identifier: Apache-2.0
"""Rows of IRI's compute/status in our words; a row that is not well-formed is passed over."""

import re
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from condor_plugins.facility.reply import one_line
from condor_plugins.facility.sfapi_rows import jobs_of
from condor_plugins.facility.values import COMPLETED, IDLE, RUNNING, RemoteJob, Wanted

WAITS = {"new", "queued", "held"}
ENDED = {"completed": "completed", "failed": "failed", "canceled": "cancelled"}
# PBS adds 256 to the number of the signal that ended a job.
PBS_SIGNALS = range(257, 257 + 64)
GOOD_ID = re.compile(r"[^\s/@]{1,63}")
# Names of the same thing in squeue's, sacct's and qstat's rows.
NAMES = ("name", "jobname", "job_name")
NODES = ("nodelist", "exec_host")


class Row:
    """One Job of the API, read with suspicion.

    `meta_data` is the batch system's own row, at NERSC squeue's or sacct's; it tells a time limit
    from a crash, and it alone has nodes, reason, start and signal.
    """

    def __init__(self, row: Mapping[str, Any]) -> None:
        status = _object(row.get("status"))
        said = _object(status.get("meta_data"))
        state = status.get("state")
        self.id = job_id(row)
        self.state = one_line(state, 60).lower() if isinstance(state, str) else ""
        self._status = status
        self._spec = _object(row.get("job_spec"))
        self._said = {str(name).lower(): value for name, value in said.items()}
        slurm = jobs_of([self._said], time.time())
        self._slurm = slurm[0] if slurm else None

    def name(self) -> str:
        """The job's own name, "" where the facility does not repeat it."""
        found = (self._spec.get("name"), *(self._said.get(name) for name in NAMES))
        return next((name for name in found if isinstance(name, str) and name), "")

    def as_job(self, name: str) -> RemoteJob:
        """`name`: ours, by which the caller knows the job."""
        slurm = self._slurm
        nodes = slurm.nodes if slurm else self._text(*NODES)
        message = self._status.get("message")
        job = RemoteJob(
            name,
            self.id,
            RUNNING if self.state == "active" or (nodes and self.state not in WAITS) else IDLE,
            slurm.word if slurm else self.state,
            (slurm.reason if slurm else "")
            or one_line(message if isinstance(message, str) else ""),
            nodes,
            slurm.start_s if slurm else 0.0,
        )
        return self._at_end(job) if self.state in ENDED else job

    def _at_end(self, job: RemoteJob) -> RemoteJob:
        """ALCF says completed whatever the exit code is; that one has failed for us."""
        code, signal = self._codes()
        ended = (self._slurm.ended if self._slurm else "") or ENDED[self.state]
        if ended == "completed" and (code or signal):
            ended = "failed"
        return job._replace(status=COMPLETED, exit_code=code, signal=signal, ended=ended)

    def _codes(self) -> tuple[int | None, int | None]:
        """The batch system's pair if it gives one, for it has the signal; else the API's number."""
        if self._slurm and self._slurm.exit_code is not None:
            return self._slurm.exit_code, self._slurm.signal
        said = self._status.get("exit_code")
        if not isinstance(said, int) or isinstance(said, bool):
            return None, None
        return (None, said - 256) if said in PBS_SIGNALS else (said, None)

    def _text(self, *names: str) -> str:
        said = (self._said.get(name) for name in names)
        return next((one_line(one) for one in said if isinstance(one, str) and one), "")


def _object(said: Any) -> dict[Any, Any]:
    return said if isinstance(said, dict) else {}


def job_id(row: Any) -> str:
    """The job's id if it can be one of ours, else ""."""
    said = row.get("id") if isinstance(row, dict) else None
    found = str(said) if isinstance(said, int | str) and not isinstance(said, bool) else ""
    return found if GOOD_ID.fullmatch(found) else ""


def rows_of(answer: Any) -> list[Row]:
    """Those rows of a bulk answer that name a job and a state."""
    listed = answer if isinstance(answer, list) else []
    rows = [Row(row) for row in listed if isinstance(row, dict)]
    return [row for row in rows if row.id and row.state]


def matched(rows: Iterable[Row], wanted: Collection[Wanted]) -> dict[str, RemoteJob]:
    """By name, those that are wanted; strictly by id where it is known, by name where not.

    Should two jobs bear one name, the living one counts.
    """
    by_id = {job.id: job.name for job in wanted if job.id}
    nameless = {job.name for job in wanted if not job.id}
    found: dict[str, RemoteJob] = {}
    for row in rows:
        name = by_id.get(row.id, "") or (row.name() if row.name() in nameless else "")
        if name and (name not in found or found[name].ended):
            found[name] = row.as_job(name)
    return found
