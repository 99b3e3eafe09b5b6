# SPDX-License-Identifier: Apache-2.0
"""From intended to submitted: claimed on disk first, sent once, and the answer written down."""

import sqlite3
from collections.abc import Sequence

from condor_plugins.facility.values import (
    Accepted,
    NoNews,
    NotSent,
    Outcome,
    Refused,
    Rejected,
    Submission,
    Unclear,
    Wanted,
)
from condor_plugins.gateway.cancelling import given_up
from condor_plugins.gateway.desk import Desk, request_of, words
from condor_plugins.gateway.ledger import Transaction
from condor_plugins.gateway.polling import ANOTHER_REFUSED
from condor_plugins.gateway.script import render
from condor_plugins.gateway.values import (
    CANCELLED,
    INTENDED,
    REFUSED,
    SENT,
    SUBMITTED,
    Record,
    WrongJob,
)

# A claim older than this part of the grace period is not sent: others may think it lost already.
_OLD_CLAIM = 0.5
_MOST_A_ROUND = 64


def anything(desk: Desk) -> bool:
    return any(_is_waiting(one) for one in desk.memory.records())


def send_waiting(desk: Desk) -> None:
    """What was accepted and not sent, the oldest first."""
    waiting = [one for one in desk.memory.records() if _is_waiting(one)]
    waiting.sort(key=lambda one: one.made_s)
    send(desk, [one.name for one in waiting[:_MOST_A_ROUND]])


def send(desk: Desk, names: Sequence[str]) -> None:
    """See Engine.send; jobs that cannot be sent now stay intended."""
    found = [one for name in names if (one := desk.ledger.get(name)) and _is_waiting(one)]
    most = max(1, desk.backend.most_at_once)
    bunches = [found[start : start + most] for start in range(0, len(found), most)]
    desk.each(lambda bunch: _send_bunch(desk, bunch), bunches)


def _is_waiting(record: Record) -> bool:
    return record.phase == INTENDED and not record.cancel_wanted


def _send_bunch(desk: Desk, records: Sequence[Record]) -> None:
    if desk.pace.sends_in_s() > 0:
        return
    try:
        prepared = [one for record in records if (one := _prepare(desk, record))]
    except NoNews as news:
        _not_now(desk, records, news)
        return
    except (Rejected, OSError, sqlite3.Error) as err:
        # A credential, a right or a disk of the gateway's, not the job's: a person has to act.
        _not_now(desk, records, NoNews(str(err)))
        return
    claimed_s = desk.clock()
    jobs = _claim(desk, prepared, claimed_s)
    if not jobs:
        return
    if not 0 <= desk.clock() - claimed_s < desk.facility.grace_s * _OLD_CLAIM:
        return
    outcomes = {one.name: one for one in desk.backend.submit(jobs)}
    surplus = _write_down(desk, jobs, outcomes)
    if surplus:
        _take_back(desk, surplus)


def _not_now(desk: Desk, records: Sequence[Record], news: NoNews) -> None:
    """Nothing was sent; the jobs say why, for other answers of the facility may be good."""
    why = words(news.reason)
    with desk.ledger.transaction() as rows:
        desk.pace.sends_later(rows, news)
        for one in records:
            if one.error != why:
                rows.update(one.name, (INTENDED,), error=why)


def _prepare(desk: Desk, record: Record) -> Submission | None:
    """Stage its files and make its script; a job that cannot be made is refused.

    Raises NoNews, Rejected, and what the gateway's own disk raises.
    """
    try:
        request = request_of(record)
        if request is None:
            return None
        stored = desk.store.of_request(request)
        return render(request, desk.facility, record.name, stored)
    except WrongJob as err:
        _refuse(desk, record.name, words(err))
    except (NoNews, Rejected, OSError, sqlite3.Error):
        raise
    except Exception as err:
        log = desk.log()
        log.exception("%s cannot be made", record.name)
        why = f"the job cannot be carried over: {type(err).__name__}: {err}"
        _refuse(desk, record.name, words(why))
    return None


def _refuse(desk: Desk, name: str, why: str) -> None:
    desk.ledger.update(name, (INTENDED,), **_refusal(desk, why))


def _refusal(desk: Desk, why: str) -> dict[str, str | int | float]:
    return {"phase": REFUSED, "error": why, "told": 0, "ended_s": desk.clock()}


def _claim(desk: Desk, jobs: Sequence[Submission], now_s: float) -> list[Submission]:
    """Those that this caller alone is to send now; on disk before it does."""
    claimed = []
    with desk.ledger.transaction() as rows:
        for job in jobs:
            record = rows.get(job.name)
            if record is None or not _is_waiting(record):
                continue
            sends = record.sends + 1
            if rows.update(job.name, (INTENDED,), phase=SENT, sent_s=now_s, sends=sends, hint=""):
                claimed.append(job)
    return claimed


def _write_down(
    desk: Desk, jobs: Sequence[Submission], outcomes: dict[str, Outcome]
) -> list[Wanted]:
    """One transaction for the whole bunch; returns jobs that run although they should not."""
    surplus = []
    with desk.ledger.transaction() as rows:
        for job in jobs:
            outcome = outcomes.get(job.name) or Unclear(job.name, "no answer for this job")
            surplus += _apply(desk, rows, outcome)
        if any(isinstance(one, Accepted | Refused) for one in outcomes.values()):
            desk.pace.sent(rows)
        unsent = [one for one in outcomes.values() if isinstance(one, NotSent)]
        if unsent:
            desk.pace.sends_later(rows, max(unsent, key=lambda one: one.retry_after_s))
    return surplus


def _apply(desk: Desk, rows: Transaction, outcome: Outcome) -> list[Wanted]:
    match outcome:
        case Accepted(name, id):
            return _accepted(desk, rows, name, id)
        case Refused(name, reason):
            _refused(desk, rows, name, reason)
        case NotSent(name, reason):
            _not_sent(desk, rows, name, reason)
        case Unclear(name, reason, hint):
            rows.update(name, (SENT,), hint=hint, error=words(reason))
    return []


def _not_sent(desk: Desk, rows: Transaction, name: str, reason: str) -> None:
    """To be sent again, unless it was taken back meanwhile."""
    record = rows.get(name)
    if record is None:
        return
    sends = record.sends - 1
    values: dict[str, str | int | float] = {"phase": INTENDED}
    if record.cancel_wanted:
        values = given_up(sends, desk.clock())
    rows.update(name, (SENT,), sent_s=0.0, sends=sends, error=words(reason), **values)


def _refused(desk: Desk, rows: Transaction, name: str, reason: str) -> None:
    """Where an earlier copy may be there, polls look for it first; polling ends it if none is."""
    record = rows.get(name)
    if record and record.sends > 1:
        rows.update(name, (SENT,), error=words(f"{ANOTHER_REFUSED}{reason}"))
    else:
        rows.update(name, (SENT,), **_refusal(desk, words(reason)))


def _accepted(desk: Desk, rows: Transaction, name: str, remote_id: str) -> list[Wanted]:
    record = rows.get(name)
    if record is None or record.remote_id == remote_id:
        return []
    if record.remote_id:
        # An earlier copy turned up meanwhile; that one is the job.
        return [Wanted(name, remote_id)]
    values: dict[str, str | int | float] = {"remote_id": remote_id, "error": ""}
    if not record.told:
        values["handle"] = remote_id
    if record.phase == CANCELLED:
        # It was thought lost and given up: now there is something to take back.
        values |= {"ended_s": 0.0, "missing_s": 0.0, "cleaned": 0}
    if record.phase in {INTENDED, SENT}:
        values |= {"phase": SUBMITTED, "submitted_s": desk.clock()}
    rows.update(name, (record.phase,), **values)
    return []


def _take_back(desk: Desk, jobs: Sequence[Wanted]) -> None:
    """A second copy; if this fails, its script sees the first one and ends by itself."""
    try:
        desk.backend.cancel(jobs)
    except (NoNews, Rejected) as err:
        desk.ledger.set_fact(f"surplus:{jobs[0].name}", words(err))
