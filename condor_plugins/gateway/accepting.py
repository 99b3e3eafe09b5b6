# SPDX-License-Identifier: Apache-2.0
"""HTCondor's wish for a job becomes a record on disk."""

from condor_plugins.gateway.desk import Desk, request_text
from condor_plugins.gateway.ledger import Transaction
from condor_plugins.gateway.script import name_of
from condor_plugins.gateway.values import (
    CANCELLED,
    DONE,
    INTENDED,
    REFUSED,
    SENT,
    SUBMITTED,
    JobRequest,
    Record,
)


def accept(desk: Desk, request: JobRequest) -> Record:
    """Nothing is sent before this returned; see Engine.accept."""
    with desk.ledger.transaction() as rows:
        last = next(iter(rows.rows("WHERE key = ? ORDER BY rowid DESC LIMIT 1", request.key)), None)
        if last and not _is_over(last):
            return last
        name = _unused_name(rows, request.key)
        made = Record(
            name=name,
            key=request.key,
            handle=name,
            phase=INTENDED,
            request=request_text(request),
            made_s=desk.clock(),
        )
        rows.insert(made)
        return made


def tell(desk: Desk, name: str) -> str:
    """See Engine.tell."""
    with desk.ledger.transaction() as rows:
        found = rows.get(name)
        if found is None:
            return name
        if not found.told:
            rows.update(name, (INTENDED, SENT, SUBMITTED), told=1)
        return found.handle


def _is_over(record: Record) -> bool:
    """HTCondor knows that this one is over: when it asks for the key again, it wants a new job.

    It asks for a status only once it has the handle on disk, so a submit after the end was told
    is no repeated one.
    """
    if record.phase in {CANCELLED, REFUSED} or record.cancel_wanted:
        return True
    return record.phase == DONE and record.told > 0


def _unused_name(rows: Transaction, key: str) -> str:
    attempt = len(rows.rows("WHERE key = ?", key)) + 1
    while rows.get(name_of(key, attempt)):
        attempt += 1
    return name_of(key, attempt)
