# SPDX-License-Identifier: Apache-2.0
"""Limits are rows; the least room wins and the rows that leave nothing are named."""

from condor_plugins.core.limit_rows import Rows
from condor_plugins.core.limits import Limit, cutting, room, take
from condor_plugins.core.snapshot import Snapshot
from tests.core.building import NOW_S, cluster, entry, group, policy, settings


def test_the_least_room_wins_and_taking_books_on_every_row() -> None:
    rows = [Limit("a", 10, 4), Limit("b", 3, 0)]
    assert room(rows) == 3
    take(rows, 3)
    assert [row.used for row in rows] == [7, 3]
    assert cutting(rows) == ("b (3 of 3)",)


def test_a_row_beyond_its_ceiling_leaves_nothing() -> None:
    assert Limit("a", 2, 5).room == 0


def test_a_row_that_does_not_grow_is_open_or_shut() -> None:
    held = Limit("held", 2, 1, grows=False)
    assert held.room > 1000
    take([held], 50)
    assert held.used == 1
    assert Limit("held", 2, 2, grows=False).room == 0


def test_rows_are_filled_from_the_queue() -> None:
    wanted = policy([entry("A"), entry("B")], settings=settings(max_pilots=50, max_idle_pilots=20))
    clusters = (
        cluster(1, "A", waiting=2, running=3, held=1, leaving=1),
        cluster(2, "B", waiting=4, running=5),
    )
    rows = Rows(Snapshot(NOW_S, clusters=clusters), wanted, {(group().name, "A"): "d1"})
    used = {row.name: row.used for row in rows.limits(group(), entry("A"))}
    assert used == {
        "entry A MaxPilots": 7,
        "entry A MaxIdlePilots": 2,
        "entry A MaxHeldPilots": 1,
        "group everyone MaxPilots": 16,
        "group everyone MaxIdlePilots": 6,
        "GLIDEIN_MAX_PILOTS": 16,
        "GLIDEIN_MAX_IDLE_PILOTS": 6,
    }


def test_a_row_that_several_requests_share_is_one() -> None:
    rows = Rows(Snapshot(NOW_S), policy(), {})
    at_a = {row.name: row for row in rows.limits(group("g"), entry("A"))}
    at_b = {row.name: row for row in rows.limits(group("g"), entry("B"))}
    other = {row.name: row for row in rows.limits(group("h"), entry("A"))}
    assert at_a["group g MaxPilots"] is at_b["group g MaxPilots"]
    assert at_a["entry A MaxPilots"] is other["entry A MaxPilots"]
    assert at_a["GLIDEIN_MAX_PILOTS"] is other["GLIDEIN_MAX_PILOTS"]
