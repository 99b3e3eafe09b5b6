# SPDX-License-Identifier: Apache-2.0
"""One question for all live jobs, and what its answer changes; no answer changes nothing."""

from collections.abc import Mapping
from typing import NamedTuple

from condor_plugins.facility.values import (
    COMPLETED,
    IDLE,
    NoNews,
    Rejected,
    RemoteJob,
    Wanted,
)
from condor_plugins.gateway.desk import Desk, remote_of, remote_text
from condor_plugins.gateway.disk import alone
from condor_plugins.gateway.ledger import Transaction
from condor_plugins.gateway.values import (
    CANCELLED,
    ENDED,
    INTENDED,
    REFUSED,
    SENT,
    SUBMITTED,
    Record,
)

Changes = dict[str, str | int | float]
# An answer without any job, though some were taken by it, is believed after this many graces.
_EMPTY_GRACES = 6
# After a longer time without an answer a job is missing only since the first one that came again.
_GAP_POLLS, _LEAST_GAP_S = 3, 30.0
_ANSWERED = "polled:answered"
ANOTHER_REFUSED = "Sent again, and refused: "
# Estimates of the start move all the time; smaller steps are no news.
_START_STEP_S = 300.0


class Round(NamedTuple):
    """One answer: when it was asked for and came; how long a job may be missing before it is lost;

    and for how long one that was never seen has to be missing beyond the grace period. `anew`: the
    answer before this one is long ago, so nobody knows that a job was missing in between.
    """

    asked_s: float
    now_s: float
    grace_s: float
    lost_s: float
    again_s: float
    anew: bool = False


def poll(desk: Desk, force: bool) -> bool:
    """See Engine.poll."""
    if not force and desk.pace.poll_in_s() > 0:
        return False
    wanted = [one for one in desk.memory.records() if _is_wanted(one)]
    if not wanted:
        return False
    with alone(desk.ledger.path.with_suffix(".poll")) as mine:
        return mine and desk.pace.claim_poll(force) and _ask(desk, wanted)


def anything(desk: Desk) -> bool:
    return any(_is_wanted(one) for one in desk.memory.records())


def _is_wanted(record: Record) -> bool:
    return record.phase in {SENT, SUBMITTED} or (record.phase == CANCELLED and not record.ended_s)


def _ask(desk: Desk, wanted: list[Record]) -> bool:
    asked_s = desk.clock()
    jobs = [Wanted(one.name, one.remote_id, one.hint) for one in wanted]
    try:
        found = desk.backend.states(jobs)
    except NoNews as news:
        desk.pace.no_news(news)
        return False
    except Rejected as err:
        desk.pace.no_news(NoNews(str(err)))
        return False
    patience = _patience(desk, wanted, bool(found))
    answer = Round(asked_s, desk.clock(), *patience, _is_long_ago(desk, asked_s))
    _take(desk, wanted, found, answer)
    return True


def _is_long_ago(desk: Desk, asked_s: float) -> bool:
    """Whether the answer before this one was; an outage is no time in which a job was missing."""
    since_s = asked_s - float(desk.ledger.fact(_ANSWERED) or 0)
    return since_s > max(_GAP_POLLS * desk.facility.poll_s, _LEAST_GAP_S)


def _patience(desk: Desk, wanted: list[Record], found: bool) -> tuple[float, float, float]:
    """An answer without any job is doubtful: it has to be given for longer."""
    grace_s = desk.facility.grace_s
    if found:
        return grace_s, grace_s, desk.facility.poll_s / 2
    if any(one.remote_id for one in wanted):
        return grace_s, grace_s * _EMPTY_GRACES, grace_s * _EMPTY_GRACES
    return grace_s, grace_s, grace_s


def _take(desk: Desk, wanted: list[Record], found: Mapping[str, RemoteJob], answer: Round) -> None:
    """Work out first, on copies, what changes: for most polls that is nothing."""
    with desk.ledger.transaction() as rows:
        desk.pace.answered(rows)
        rows.set_fact(_ANSWERED, repr(answer.now_s))
        for old in wanted:
            if _changes(desk, old, found.get(old.name), answer):
                _change(desk, rows, old, found.get(old.name), answer)


def _change(
    desk: Desk, rows: Transaction, old: Record, job: RemoteJob | None, answer: Round
) -> None:
    """Again for the row as it is now: it may have moved on while the facility was asked."""
    record = rows.get(old.name)
    if record is None or (record.phase, record.sent_s) != (old.phase, old.sent_s):
        return
    if made := _changes(desk, record, job, answer):
        rows.update(record.name, (record.phase,), **made)


def _changes(desk: Desk, record: Record, job: RemoteJob | None, answer: Round) -> Changes:
    """Nothing where that cannot be worked out: the other jobs are to have their news."""
    try:
        return changes(record, job, answer)
    except Exception:
        log = desk.log()
        log.exception("the answer for %s cannot be used", record.name)
        return {}


def changes(record: Record, job: RemoteJob | None, answer: Round) -> Changes:
    """What this answer changes in this record; empty for nothing."""
    if job is None:
        return _not_found(record, answer)
    made: Changes = {"missing_s": 0.0} if record.missing_s else {}
    if not record.remote_id and job.id:
        made["remote_id"] = job.id
        if not record.told:
            made["handle"] = job.id
    if _differs(remote_of(record), job):
        made |= {"remote": remote_text(job), "seen_s": answer.now_s}
    if record.phase == SENT:
        made |= {"phase": SUBMITTED, "submitted_s": answer.now_s, "error": ""}
    if job.ended or job.status == COMPLETED:
        made["ended_s"] = answer.now_s
        if record.phase != CANCELLED:
            made["phase"] = ENDED
    return made


def _differs(old: RemoteJob | None, new: RemoteJob) -> bool:
    if old is None:
        return True
    if new.status == IDLE and abs(new.start_s - old.start_s) < _START_STEP_S:
        return old != new._replace(start_s=old.start_s)
    return old != new


def _not_found(record: Record, answer: Round) -> Changes:
    if record.phase == SENT:
        return _never_arrived(record, answer)
    if not record.missing_s or answer.anew:
        return {"missing_s": answer.asked_s}
    if answer.asked_s - record.missing_s < answer.lost_s:
        return {}
    made: Changes = {"ended_s": answer.now_s}
    if record.phase == SUBMITTED:
        last = remote_of(record) or RemoteJob(record.name, record.remote_id, IDLE, "")
        made |= {"phase": ENDED, "remote": remote_text(last._replace(ended="lost"))}
    return made


def _never_arrived(record: Record, answer: Round) -> Changes:
    """Sent, and long enough ago that it would be listed if it had been taken."""
    if answer.asked_s - record.sent_s < answer.grace_s:
        return {}
    if not record.missing_s or answer.anew:
        return {"missing_s": answer.asked_s}
    if answer.asked_s - record.missing_s < answer.again_s:
        return {}
    return _given_up(record, answer)


def _given_up(record: Record, answer: Round) -> Changes:
    if record.cancel_wanted:
        return {"phase": CANCELLED, "ended_s": answer.now_s}
    if not record.request:
        return {"phase": ENDED, "ended_s": answer.now_s}
    if record.error.startswith(ANOTHER_REFUSED):
        return {"phase": REFUSED, "told": 0, "ended_s": answer.now_s}
    why = "sent, but not found at the facility: to be sent again"
    return {"phase": INTENDED, "missing_s": 0.0, "error": why}
