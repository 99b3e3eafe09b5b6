# SPDX-License-Identifier: Apache-2.0
"""What pilots spend is booked by the hour and leaves the window with its hour."""

import pytest

from condor_plugins.core.budgets import book, core_hours, pilot_core_hours
from condor_plugins.core.plan import Spent
from condor_plugins.core.snapshot import PilotCluster, Snapshot
from tests.core.building import NOW_S, cluster, entry, policy

_HOUR = NOW_S // 3600
_WINDOW_S = 7200
_WANTED = policy([
    entry("A", nodes=2, budget_core_hours=100, budget_window_s=_WINDOW_S),
    entry("B"),
])


def booked(
    before: dict[str, Spent], *clusters: PilotCluster, before_at_s: float = NOW_S - 60
) -> dict[str, Spent]:
    return book(before, Snapshot(NOW_S, clusters=clusters), _WANTED, before_at_s)


def test_running_pilots_spend_the_cores_of_all_their_nodes() -> None:
    found = booked({}, cluster(1, waiting=9, running=3, held=2), cluster(2, "A", running=1))
    assert found == {"A": Spent(((_HOUR, 4 * 8 * 2 * 60.0),))}


def test_it_adds_to_what_was_spent_in_this_hour() -> None:
    before = {"A": Spent(((_HOUR - 1, 5.0), (_HOUR, 7.0)))}
    found = booked(before, cluster(running=1), before_at_s=NOW_S - 1)
    assert found["A"] == Spent(((_HOUR - 1, 5.0), (_HOUR, 7.0 + 16)))


@pytest.mark.parametrize(
    ("before_at_s", "counted_s"),
    [(0, 0), (NOW_S - 600, 600), (NOW_S - 1800, 1800), (NOW_S - 1e6, 3600), (NOW_S + 60, 0)],
)
def test_a_pause_is_booked_up_to_a_wall_time(before_at_s: float, counted_s: float) -> None:
    """A budget that was not looked after is rather used up too early than overspent."""
    found = booked({}, cluster(running=1), before_at_s=before_at_s)
    assert sum(used for _, used in found["A"].hours) == counted_s * 16


def test_hours_outside_the_window_are_dropped() -> None:
    before = {"A": Spent(((_HOUR - 3, 1.0), (_HOUR - 2, 2.0), (_HOUR - 1, 3.0)))}
    assert booked(before)["A"] == Spent(((_HOUR - 2, 2.0), (_HOUR - 1, 3.0)))


def test_entries_without_a_budget_are_not_booked() -> None:
    before = {"B": Spent(((_HOUR, 5.0),)), "gone": Spent(((_HOUR, 5.0),))}
    assert booked(before, cluster(1, "B", running=4)) == {"A": Spent()}


def test_what_an_entry_has_spent_outlives_a_slip_in_its_ad() -> None:
    spent = {"A": Spent(((_HOUR, 5.0),))}
    unread = policy([], broken=frozenset({"entry A"}))
    assert book(spent, Snapshot(NOW_S), unread, NOW_S - 60) == spent


def test_core_hours_within_a_window() -> None:
    """The oldest hour counts by the part of it that is within the window."""
    now_s = 1000 * 3600.0 + 900
    spent = Spent(((997, 3600.0), (998, 7200.0), (999, 3600.0), (1000, 1800.0)))
    assert core_hours(spent, 7200, now_s) == pytest.approx(2 * 0.75 + 1 + 0.5)
    assert core_hours(spent, 86_400, now_s) == pytest.approx(4.5)
    assert core_hours(Spent(), 86_400, now_s) == 0


def test_a_pilot_takes_all_its_cores_for_its_wall_time() -> None:
    assert pilot_core_hours(entry(nodes=3, wall_time_s=1800)) == 12
