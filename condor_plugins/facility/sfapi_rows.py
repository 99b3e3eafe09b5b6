# SPDX-License-Identifier: Apache-2.0
"""Rows of squeue and sacct as the Superfacility API gives them: every value is text.

A row that is malformed is left out; the others count.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from condor_plugins.facility.reply import one_line
from condor_plugins.facility.values import COMPLETED, IDLE, RUNNING, RemoteJob, Wanted

ENDED = {
    "COMPLETED": "completed",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
    "PREEMPTED": "cancelled",
    "REVOKED": "cancelled",
    "TIMEOUT": "time-limit",
    "DEADLINE": "time-limit",
    "OUT_OF_MEMORY": "out-of-memory",
    "NODE_FAIL": "node-failure",
    "BOOT_FAIL": "node-failure",
}
WAITING = {
    *("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD"),
    "SPECIAL_EXIT",
}
GOING = {
    *("RUNNING", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED"),
}
NOTHING = {"", "none", "n/a", "(null)", "unknown", "none assigned"}
# An id of a job, not of a step ("12.batch") nor of a whole array ("12_[1-9]").
ID = re.compile(r"[0-9]{1,18}(?:[_+][0-9]{1,9})?")
ELAPSED = re.compile(r"(?:(\d{1,5})-)?(?:(\d{1,5}):)?(\d{1,5}):(\d{1,2})(?:\.\d+)?")

Row = Mapping[str, Any]


def jobs_of(rows: Iterable[Any], now_s: float) -> list[RemoteJob]:
    """One per usable row, in order."""
    usable = [row for row in rows if isinstance(row, Mapping)]
    zone_s = _zone_s(usable, now_s)
    found = (_job(row, now_s, zone_s) for row in usable)
    return [job for job in found if job]


def by_id(jobs: Iterable[RemoteJob], wanted: Iterable[Wanted]) -> dict[str, RemoteJob]:
    """By name: those of `wanted` whose id is among the jobs, whatever else bears their name."""
    known = {job.id: job for job in jobs}
    # The row's own name may be cut; the caller knows its job by the name it gave.
    return {one.name: known[one.id]._replace(name=one.name) for one in wanted if one.id in known}


def by_name(jobs: Iterable[RemoteJob], wanted: Iterable[Wanted]) -> dict[str, RemoteJob]:
    """By name. Of several jobs a live one, else any; among those the oldest."""
    known = {job.name: job for job in sorted(jobs, key=_worth, reverse=True)}
    return {one.name: known[one.name] for one in wanted if one.name in known}


def _worth(job: RemoteJob) -> tuple[bool, int]:
    return bool(job.ended), int(re.split(r"[_+]", job.id)[0])


def _job(row: Row, now_s: float, zone_s: float | None) -> RemoteJob | None:
    number = _text(row, "jobid")
    name = _text(row, "name", "jobname")
    word = _text(row, "state")
    if not ID.fullmatch(number) or not name or not word:
        return None
    nodes = _text(row, "nodelist", "exec_host")
    kind = re.split(r"[ +]", word.upper())[0]
    ended = ENDED.get(kind, "")
    code, signal = _exit(row) if ended else (None, None)
    return RemoteJob(
        name,
        number,
        COMPLETED if ended else _status(kind, nodes),
        word,
        _text(row, "reason"),
        nodes,
        _start_s(row, kind, now_s, zone_s),
        code,
        signal,
        ended,
    )


def _status(kind: str, nodes: str) -> int:
    """A word that is not known is alive: a job is given up only for a word that says so."""
    if kind in WAITING:
        return IDLE
    return RUNNING if kind in GOING or nodes else IDLE


def _text(row: Row, *names: str) -> str:
    """The first of these that holds something."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str | int) and str(value).strip().lower() not in NOTHING:
            return one_line(str(value))
    return ""


def _exit(row: Row) -> tuple[int | None, int | None]:
    """Code and signal; squeue tells neither."""
    found = re.fullmatch(r"(\d{1,5}):(\d{1,5})", _text(row, "exitcode"))
    return (int(found[1]), int(found[2])) if found else (None, None)


def _start_s(row: Row, kind: str, now_s: float, zone_s: float | None) -> float:
    """Clocks of the machine bear no time zone; the run time of a running job needs none."""
    elapsed_s = _elapsed_s(row)
    if kind in GOING and elapsed_s is not None:
        return now_s - elapsed_s
    start_s = _clock_s(row)
    return start_s - zone_s if start_s and zone_s is not None else 0.0


def _zone_s(rows: Iterable[Row], now_s: float) -> float | None:
    """Seconds by which the machine's clock is ahead of UTC, by a job that runs; None if unknown."""
    for row in rows:
        start_s, elapsed_s = _clock_s(row), _elapsed_s(row)
        if _text(row, "state").upper() == "RUNNING" and start_s and elapsed_s is not None:
            return round((start_s + elapsed_s - now_s) / 900) * 900.0
    return None


def _elapsed_s(row: Row) -> float | None:
    found = ELAPSED.fullmatch(_text(row, "time", "elapsed"))
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def _clock_s(row: Row) -> float:
    try:
        said = datetime.fromisoformat(_text(row, "start_time", "start"))
    except ValueError:
        return 0.0
    return said.replace(tzinfo=UTC).timestamp()
