# SPDX-License-Identifier: Apache-2.0
"""Limits are rows; the least room wins and the rows that leave nothing are named."""

from condor_plugins.core.limits import Limit, Threshold, cutting, room, stops, take


def test_the_least_room_wins_and_taking_books_on_every_row() -> None:
    rows = [Limit("a", 10, 4), Limit("b", 3, 0)]
    assert room(rows) == 3
    take(rows, 3)
    assert [row.used for row in rows] == [7, 3]
    assert cutting(rows) == ("b (3 of 3)",)


def test_a_row_beyond_its_ceiling_leaves_nothing() -> None:
    assert Limit("a", 2, 5).room == 0


def test_a_row_that_does_not_grow_is_open_or_shut() -> None:
    held = Threshold("held", 2, 1)
    assert held.room > 1000
    take([held], 50)
    assert held.used == 1
    assert Threshold("held", 2, 2).room == 0


def test_room_that_is_kept_back_is_not_given() -> None:
    row = Limit("a", 10, 4)
    row.kept = 5
    assert row.room == 1
    take([row], 1)
    assert cutting([row]) == ("a (5 of 10)",)


def test_figures_are_those_of_now_and_the_name_stands_before_them() -> None:
    row = Limit("entry A Breaker", 0, 0, kind="other", figures="failed {twice}; again in 5 s")
    assert cutting([row]) == ("entry A Breaker (failed {twice}; again in 5 s)",)
    rate = Limit("rate", 5, 1, kind="rate", figures="{used} of {ceiling} a minute")
    take([rate], 2)
    assert str(rate) == "rate (3 of 5 a minute)"


def test_what_a_schedd_would_pass_by_replacing_pilots_stops_it() -> None:
    full = [Limit("a", 2, 2), Limit("b", 2, 2, kind="waiting")]
    assert not stops(full)
    assert not stops([*full, Limit("c", 2, 1, kind="rate"), Limit("d", 1, 0, kind="other")])
    assert stops([Limit("c", 2, 2, kind="rate")])
    assert stops([Threshold("d", 2, 2, kind="other")])
