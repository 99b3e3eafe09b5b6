# SPDX-License-Identifier: Apache-2.0
"""After the end: files are fetched before the end is told, then the facility is cleaned up."""

from collections.abc import Sequence

from condor_plugins.facility.values import NoAccess, NoNews, Rejected
from condor_plugins.gateway.desk import Desk, remote_of, remote_text, words
from condor_plugins.gateway.disk import alone
from condor_plugins.gateway.fetching import Fetched, fetch
from condor_plugins.gateway.script import place_of
from condor_plugins.gateway.values import (
    CANCELLED,
    DONE,
    ENDED,
    FINAL,
    SUBMITTED,
    Record,
)

_PURPOSE = "fetch"
_MOST_CLEANED = 50
_KEPT_S, _FORGOTTEN_S = 7 * 86400.0, 60 * 86400.0
# So long the files of an ended job are tried for.
_PATIENCE_S = 3 * 86400.0


def finish(desk: Desk, most: int) -> int:
    """See Engine.finish; one at a time for all processes, or one would clean what another reads."""
    if desk.pace.wait_s() > 0 or not anything(desk):
        return 0
    with alone(desk.ledger.path.with_suffix(".finish")) as mine:
        if not mine:
            return 0
        ended = [one for one in desk.memory.records() if _is_due(desk, one)][:most]
        desk.each(lambda record: _end(desk, record), ended)
        _clean(desk)
    after = [desk.ledger.get(one.name) for one in ended]
    return sum(one is not None and one.phase == DONE for one in after)


def anything(desk: Desk) -> bool:
    return any(_is_due(desk, one) or _is_to_clean(desk, one) for one in desk.memory.records())


def purge(desk: Desk) -> None:
    """Final jobs shrink after a week, and are forgotten when their names cannot matter any more."""
    now, phases = desk.clock(), "', '".join(FINAL)
    old = f"phase IN ('{phases}') AND ended_s > 0 AND ended_s < ?"
    weeks = desk.ledger.rows(f"WHERE {old} AND request != '' LIMIT 1000", now - _KEPT_S)
    try:
        # A copy that came late may have left something, and the bar itself is to go.
        _remove_all(desk, [one for one in weeks if _may_come_again(one)])
    except (NoNews, Rejected):
        return
    with desk.ledger.transaction() as rows:
        for one in weeks:
            rows.update(one.name, FINAL, request="", remote="", cleaned=1)
        rows.delete(old, now - _FORGOTTEN_S)


def _remove_all(desk: Desk, records: Sequence[Record]) -> None:
    places = [place_of(desk.facility, one.name) for one in records]
    paths = [path for place in places for path in (place.directory, place.log, place.over)]
    if paths and desk.backend.keeps_files:
        desk.backend.remove(paths)


def _is_due(desk: Desk, record: Record) -> bool:
    return record.phase == ENDED and desk.due(_PURPOSE, record.name)


def _end(desk: Desk, record: Record) -> None:
    # Before anything is tried: what fails in an unforeseen way has to wait as well.
    desk.later(_PURPOSE, record.name)
    try:
        got = fetch(desk, record)
    except Rejected as err:
        if _is_patient(desk, record) and _is_general(desk, err):
            return
        got = Fetched(note=f"Its files cannot be fetched: {err}")
    except NoNews as news:
        desk.pace.asked_for(news)
        if _is_patient(desk, record):
            return
        got = Fetched(note=f"Its files could not be fetched for three days: {news.reason}")
    desk.retries.pop((_PURPOSE, record.name), None)
    with desk.ledger.transaction() as rows:
        rows.update(record.name, (ENDED,), **_outcome(got))
        if got.staging_broken:
            desk.store.forget(rows)
        if got.directory_doubtful:
            desk.store.forget_directory(rows)


def _is_patient(desk: Desk, record: Record) -> bool:
    return desk.clock() - record.ended_s < _PATIENCE_S


def _is_general(desk: Desk, err: Rejected) -> bool:
    """A credential or a right that a person can mend; not what is wrong with one job's path."""
    if isinstance(err, NoAccess):
        return True
    try:
        desk.store.look()
    except (NoNews, Rejected):
        return True
    return False


def _outcome(got: Fetched) -> dict[str, str | int | float]:
    if got.other_id:
        # What ended was a second copy; the job is the one that holds the directory.
        job: dict[str, str | int | float] = {"phase": SUBMITTED, "remote_id": got.other_id}
        return job | {"ended_s": 0.0, "missing_s": 0.0, "remote": ""}
    values: dict[str, str | int | float] = {"phase": DONE, "error": words(got.note), "told": 0}
    return values | ({"remote": remote_text(got.job), "remote_id": got.job.id} if got.job else {})


def _is_to_clean(desk: Desk, record: Record) -> bool:
    over = record.phase in FINAL and (record.phase != CANCELLED or record.ended_s > 0)
    return over and not record.cleaned and desk.due("clean", record.name)


def _clean(desk: Desk) -> None:
    records = [one for one in desk.memory.records() if _is_to_clean(desk, one)][:_MOST_CLEANED]
    if not records:
        return
    fine: list[bool] = []
    desk.guarded(lambda: fine.append(_clean_up(desk, records)))
    if fine != [True] and len(records) > 1:
        desk.each(lambda record: _clean_up(desk, [record]), records)


def _clean_up(desk: Desk, records: Sequence[Record]) -> bool:
    """False: it will be tried again, but one of these may be to blame for all."""
    for one in records:
        desk.later("clean", one.name, first_s=30.0, most_s=3600.0)
    error = ""
    try:
        if desk.backend.keeps_files:
            _remove(desk, records)
    except NoNews as news:
        desk.pace.asked_for(news)
        return True
    except Rejected as err:
        if any(_is_patient(desk, one) for one in records):
            return _is_general(desk, err)
        error = words(f"Its files at the facility cannot be removed: {err}")
    _note_cleaned(desk, records, error)
    return True


def _note_cleaned(desk: Desk, records: Sequence[Record], error: str) -> None:
    with desk.ledger.transaction() as rows:
        for one in records:
            values = {"error": f"{one.error} {error}".strip()} if error else {}
            rows.update(one.name, (one.phase,), cleaned=1, **values)
            for purpose in ("clean", "cancel"):
                desk.retries.pop((purpose, one.name), None)


def _remove(desk: Desk, records: Sequence[Record]) -> None:
    """Raises NoNews, Rejected. Where a second copy may still start, its way is barred first."""
    paths: list[str] = []
    for record in records:
        place = place_of(desk.facility, record.name)
        if _may_come_again(record):
            desk.backend.put(place.over, b"over\n")
        if record.sends or not record.request:
            paths += [place.directory, place.log]
    if paths:
        desk.backend.remove(paths)


def _may_come_again(record: Record) -> bool:
    """More requests were made for it than jobs are known, or it was there and is not found."""
    job = remote_of(record)
    return record.sends > (1 if record.remote_id else 0) or (
        job is not None and job.ended == "lost"
    )
