# SPDX-License-Identifier: Apache-2.0
"""What HTCondor is told of a job; almost always out of memory."""

import re

from condor_plugins.facility.values import COMPLETED, HELD, IDLE, RUNNING, RemoteJob
from condor_plugins.gateway.desk import Desk, remote_of, words
from condor_plugins.gateway.values import (
    CANCELLED,
    DONE,
    INTENDED,
    REFUSED,
    SENT,
    SUBMITTED,
    Answer,
    Record,
    WrongJob,
)

Attributes = dict[str, str | int | float | bool]
_HANDLE = re.compile(r"[A-Za-z0-9._:\[\]-]{1,63}")
_OURS = re.compile(r"gl-[0-9a-f]{20}(-[0-9]+)?")
_SENTENCES = {
    "completed": "The job ended by itself",
    "failed": "The job ended by itself and failed",
    "cancelled": "The job was cancelled at the facility, not by HTCondor",
    "time-limit": "The batch system ended the job at its time limit",
    "out-of-memory": "The batch system ended the job for using too much memory",
    "node-failure": "The job ended because its node failed",
    "lost": "The facility knows nothing of the job any more",
}


def answer(desk: Desk, handle: str) -> Answer:
    """See Engine.answer."""
    record = known_or_adopted(desk, handle)
    if record.phase == REFUSED:
        return _refused(desk, record)
    if record.phase == DONE:
        if not record.told:
            desk.ledger.update(record.name, (DONE,), told=1)
        return Answer(COMPLETED, _how_it_ended(record))
    if record.phase == CANCELLED:
        taken_back = "The job was taken back by HTCondor"
        return Answer(COMPLETED, {"ExitBySignal": True, "ExitSignal": 15, "ExitReason": taken_back})
    if not record.told:
        # It was given to HTCondor, by whichever name.
        phases = (INTENDED, SENT, SUBMITTED)
        desk.ledger.update(record.name, phases, told=1, handle=handle)
    return Answer(_live_status(record), {})


def known_or_adopted(desk: Desk, handle: str) -> Record:
    """The record; one is made where HTCondor knows of a job that this ledger does not.

    Raises WrongJob for what this gateway can never have given as a handle.
    """
    found = desk.memory.find(handle) or desk.ledger.find(handle)
    if found:
        return found
    if not _HANDLE.fullmatch(handle):
        raise WrongJob(f"{handle[:80]!r} is no handle of a job")
    now, ours = desk.clock(), _OURS.fullmatch(handle)
    made = Record(
        name=handle,
        key="",
        handle=handle,
        phase=SUBMITTED,
        request="",
        remote_id="" if ours else handle,
        told=1,
        made_s=now,
        sent_s=now,
        submitted_s=now,
    )
    with desk.ledger.transaction() as rows:
        if rows.get(handle) is None:
            rows.insert(made)
    return desk.ledger.get(handle) or made


def _live_status(record: Record) -> int:
    job = remote_of(record)
    if job is None or record.phase in {INTENDED, SENT}:
        return IDLE
    # Ended over there, its files still to be fetched: for HTCondor it still runs.
    return job.status if job.status in {IDLE, RUNNING} else RUNNING


def _refused(desk: Desk, record: Record) -> Answer:
    """The gridmanager takes no notice of "held" as its first answer, so it comes second."""
    desk.ledger.update(record.name, (REFUSED,), told=record.told + 1)
    if record.told % 2 == 0:
        return Answer(IDLE, {})
    reason = words(record.error) or "The facility refused the job and gave no reason"
    return Answer(HELD, {"HoldReason": reason, "HoldReasonCode": 0, "HoldReasonSubCode": 0})


def _how_it_ended(record: Record) -> Attributes:
    job = remote_of(record) or RemoteJob(record.name, record.remote_id, COMPLETED, "", ended="lost")
    return {**_exit(job), "ExitReason": _reason(record, job), **_wall_clock(record, job)}


def _exit(job: RemoteJob) -> Attributes:
    if job.signal:
        return {"ExitBySignal": True, "ExitSignal": job.signal}
    # A success is only what the batch system itself calls one.
    code = job.exit_code or (0 if job.ended == "completed" else 1)
    return {"ExitBySignal": False, "ExitCode": code}


def _reason(record: Record, job: RemoteJob) -> str:
    told = ", ".join(text for text in (job.word, job.reason) if text and text != "None")
    sentence = _SENTENCES.get(job.ended, "The job ended")
    return words(f"{sentence}{f' ({told})' if told else ''}. {record.error}")


def _wall_clock(record: Record, job: RemoteJob) -> Attributes:
    if not 0 < job.start_s < record.ended_s:
        return {}
    return {"RemoteWallClockTime": float(round(record.ended_s - job.start_s))}
