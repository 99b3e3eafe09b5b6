# SPDX-License-Identifier: Apache-2.0
"""Jobs that HTCondor takes back: the wish is on disk first, and is carried out until it is."""

from collections.abc import Collection, Sequence

from condor_plugins.facility.values import NoNews, Rejected, Wanted
from condor_plugins.gateway.answering import known_or_adopted
from condor_plugins.gateway.desk import Desk, Retry, words
from condor_plugins.gateway.values import (
    CANCELLED,
    ENDED,
    FINAL,
    INTENDED,
    SUBMITTED,
    Record,
)

_PURPOSE = "cancel"
_MOST_AT_ONCE = 100


def wish(desk: Desk, handle: str) -> Record | None:
    """See Engine.wish."""
    return _wish(desk, known_or_adopted(desk, handle).name)


def cancel(desk: Desk, handle: str) -> bool:
    """See Engine.cancel; a job that has ended needs nothing more from the facility."""
    record = wish(desk, handle)
    if record is None or record.phase in FINAL:
        return True
    if record.phase != SUBMITTED or desk.pace.wait_s() > 0:
        return False
    return _ask(desk, [record])


def anything(desk: Desk) -> bool:
    return any(_is_due(desk, one) or _is_unsent(one) for one in desk.memory.records())


def carry_out(desk: Desk, names: Collection[str] | None = None) -> None:
    """The wishes that the facility has not taken yet, and those that it took and did not fulfil.

    `names`: of these records only.
    """
    records = [one for one in desk.memory.records() if names is None or one.name in names]
    for one in records:
        if _is_unsent(one):
            _wish(desk, one.name)
    due = [one for one in records if _is_due(desk, one)][:_MOST_AT_ONCE]
    if due and desk.pace.wait_s() <= 0:
        _ask(desk, due)


def _wish(desk: Desk, name: str) -> Record | None:
    with desk.ledger.transaction() as rows:
        found = rows.get(name)
        if found is None or (found.cancel_wanted and not _is_unsent(found)):
            return found
        values: dict[str, str | int | float] = {"cancel_wanted": 1}
        if found.phase == INTENDED:
            values |= given_up(found.sends, desk.clock())
        elif found.phase == ENDED:
            values["phase"] = CANCELLED
        rows.update(name, (found.phase,), **values)
        return rows.get(name)


def given_up(sends: int, now_s: float) -> dict[str, str | int | float]:
    """What becomes of a job that is not to be sent; an earlier copy may still turn up."""
    values: dict[str, str | int | float] = {"phase": CANCELLED}
    if not sends:
        values["ended_s"] = now_s
    return values


def _is_unsent(record: Record) -> bool:
    """Wished away, and nobody is sending it: no facility has to be asked."""
    return bool(record.phase == INTENDED and record.cancel_wanted)


def _is_due(desk: Desk, record: Record) -> bool:
    """Submitted and wished away, or taken back long ago and still there."""
    live = record.phase == SUBMITTED or (record.phase == CANCELLED and not record.ended_s)
    return bool(live and record.cancel_wanted and desk.due(_PURPOSE, record.name))


def _ask(desk: Desk, records: Sequence[Record]) -> bool:
    """Whether the facility has taken all of these wishes."""
    before = {one.name: desk.retries.get((_PURPOSE, one.name), Retry()) for one in records}
    for one in records:
        desk.later(_PURPOSE, one.name, first_s=2 * desk.facility.poll_s)
    try:
        told = desk.backend.cancel([Wanted(one.name, one.remote_id, one.hint) for one in records])
    except NoNews as news:
        desk.pace.asked_for(news)
        for one in records:
            desk.retries[_PURPOSE, one.name] = before[one.name]
            desk.later(_PURPOSE, one.name, first_s=5.0, most_s=desk.facility.poll_s)
        return False
    except Rejected as err:
        told = dict.fromkeys([one.name for one in records], str(err))
    with desk.ledger.transaction() as rows:
        for one in records:
            said = told.get(one.name, "no answer for this job")
            if not said:
                rows.update(one.name, (SUBMITTED,), phase=CANCELLED)
            elif words(said) != one.error:
                rows.update(one.name, (SUBMITTED, CANCELLED), error=words(said))
    return all(told.get(one.name) == "" for one in records)
