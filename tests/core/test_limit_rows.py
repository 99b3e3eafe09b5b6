# SPDX-License-Identifier: Apache-2.0
"""The rows of a policy: whose they are, what they count, and what they say."""

import time
from collections.abc import Mapping
from typing import Any

import pytest

from condor_plugins.core.learned import Learned
from condor_plugins.core.limit_rows import Rows
from condor_plugins.core.limits import Limit, take
from condor_plugins.core.policy import Entry, Group, Policy, Site
from condor_plugins.core.resources import Resources
from condor_plugins.core.snapshot import PilotCluster, Snapshot, Start
from tests.core.building import GROUP, NOW_S, cluster, entry, group, policy, settings


def rows_of(
    wanted: Policy, *clusters: PilotCluster, learned: Learned | None = None
) -> Mapping[str, Limit]:
    """The rows of the first group at the first entry, by name."""
    first: Entry = next(iter(wanted.entries.values()))
    mine: Group = next(iter(wanted.groups.values()))
    marks = {(mine.name, first.name): "d1"}
    rows = Rows(Snapshot(NOW_S, clusters=clusters), wanted, marks, learned or Learned())
    return {row.name: row for row in rows.limits(mine, first)}


def row_of(name: str, *clusters: PilotCluster, learned: Learned | None = None, **of: Any) -> Limit:
    """One row of entry A with these attributes."""
    return rows_of(policy([entry("A", **of)]), *clusters, learned=learned)[name]


def test_rows_are_filled_from_the_queue() -> None:
    wanted = policy([entry("A"), entry("B")], settings=settings(max_pilots=50, max_idle_pilots=20))
    clusters = (
        cluster(1, "A", waiting=2, running=3, held=1, leaving=1),
        cluster(2, "B", waiting=4, running=5),
    )
    assert {name: (row.used, row.kind) for name, row in rows_of(wanted, *clusters).items()} == {
        "entry A MaxPilots": (7, "present"),
        "entry A MaxIdlePilots": (2, "waiting"),
        "entry A MaxHeldPilots": (1, "other"),
        "group everyone MaxPilots": (16, "present"),
        "group everyone MaxIdlePilots": (6, "waiting"),
        "GLIDEIN_MAX_PILOTS": (16, "present"),
        "GLIDEIN_MAX_IDLE_PILOTS": (6, "waiting"),
    }


def test_a_row_that_several_requests_share_is_one() -> None:
    sites = {"S": Site("S", 5, 5, 5)}
    one, two = entry("A", site="S"), entry("B", site="S")
    rows = Rows(Snapshot(NOW_S), policy([one, two], sites=sites), {}, Learned())
    at_a = {row.name: row for row in rows.limits(group("g"), one)}
    at_b = {row.name: row for row in rows.limits(group("g"), two)}
    other = {row.name: row for row in rows.limits(group("h"), one)}
    assert at_a["group g MaxPilots"] is at_b["group g MaxPilots"]
    assert at_a["entry A MaxPilots"] is other["entry A MaxPilots"]
    assert at_a["GLIDEIN_MAX_PILOTS"] is other["GLIDEIN_MAX_PILOTS"]
    assert at_a["site S MaxPilots"] is at_b["site S MaxPilots"]


def test_held_pilots_of_an_entry_as_it_was_do_not_count() -> None:
    assert row_of("entry A MaxHeldPilots", cluster(held=4, digest="older")).used == 0


def test_a_site_counts_the_pilots_of_all_its_entries() -> None:
    wanted = policy(
        [entry("A", site="NERSC"), entry("B", site="nersc"), entry("C")],
        sites={"Nersc": Site("Nersc", 20, 10, 5)},
    )
    found = rows_of(
        wanted,
        cluster(1, "A", waiting=1, running=2, submitted=1),
        cluster(2, "B", waiting=3, submitted=2),
        cluster(3, "C", waiting=7, submitted=7),
    )
    assert [str(found[f"site Nersc {of}"]) for of in ("MaxPilots", "MaxIdlePilots")] == [
        "site Nersc MaxPilots (6 of 20)",
        "site Nersc MaxIdlePilots (4 of 10)",
    ]
    assert str(found["site Nersc SubmitRate"]) == "site Nersc SubmitRate (3 of 5 a minute)"


def test_a_site_that_cannot_be_read_lets_nothing_more_through() -> None:
    row = rows_of(policy([entry("A")], broken=frozenset({"site SiteA"})))["site SiteA"]
    assert (row.room, row.kind) == (0, "other")
    assert str(row) == "site SiteA (its knob cannot be read, see glidein check)"


def test_a_group_at_one_entry_has_a_row_where_it_can_cut() -> None:
    name = f"group {GROUP} MaxPilotsPerEntry at entry A"
    clusters = (cluster(1, "A", waiting=3), cluster(2, "B", waiting=4))
    entries = [entry("A", max_pilots=100), entry("B")]
    tight = rows_of(policy(entries, [group(max_pilots_per_entry=99)]), *clusters)
    assert (tight[name].used, tight[name].ceiling, tight[name].kind) == (3, 99, "present")
    loose = rows_of(policy(entries, [group(max_pilots_per_entry=100)]), *clusters)
    assert name not in loose


@pytest.mark.parametrize("per_minute", [0, 5])
def test_submit_rates(per_minute: int) -> None:
    wanted = policy(
        [entry("A", submit_rate=per_minute)], settings=settings(submit_rate=2 * per_minute)
    )
    found = rows_of(wanted, cluster(1, "A", submitted=4), cluster(2, "B", submitted=3))
    rates = {name: (row.used, row.ceiling) for name, row in found.items() if row.kind == "rate"}
    both = {"entry A SubmitRate": (4, 5), "GLIDEIN_SUBMIT_RATE": (7, 10)}
    assert rates == (both if per_minute else {})


@pytest.mark.parametrize(("wait_s", "ceiling"), [(None, 4), (0, 4), (60, 4), (61, 5), (600, 40)])
def test_a_ramp_lets_as_many_wait_as_start_so_fast(wait_s: float | None, ceiling: int) -> None:
    learned = Learned(waits_s={} if wait_s is None else {"A": wait_s})
    row = row_of("entry A Ramp", cluster(waiting=3, running=9), learned=learned, ramp=4)
    assert (row.ceiling, row.used, row.kind) == (ceiling, 3, "waiting")
    assert ("not known" in str(row)) == (wait_s is None)


# 8 cores on two nodes for an hour and a half: 24 core-hours a pilot
_PILOT = {"shape": Resources(8, 16_000, 20_000, 0), "nodes": 2, "wall_time_s": 5400}


@pytest.mark.parametrize(
    ("spent", "room"), [(0, 3), (28, 2), (28.1, 1), (52, 1), (52.1, 0), (100, 0), (200, 0)]
)
def test_a_budget_pays_every_pilot_for_its_whole_wall_time(spent: float, room: int) -> None:
    learned = Learned(spent={"A": spent})
    of: dict[str, Any] = {"budget_core_hours": 100, **_PILOT}
    row = row_of("entry A BudgetCoreHours", cluster(running=1), learned=learned, **of)
    assert (row.room, row.kind) == (room, "other")


def test_a_budget_says_its_core_hours() -> None:
    learned = Learned(spent={"A": 51.6})
    row = row_of(
        "entry A BudgetCoreHours",
        cluster(waiting=1),
        learned=learned,
        budget_core_hours=100,
        **_PILOT,
    )
    take([row], 1)
    assert str(row) == (
        "entry A BudgetCoreHours (52 of 100 core-hours spent,"
        " the rest pays 2 pilots of 24 and 2 are there)"
    )
    assert row.room == 0


def test_without_a_budget_there_is_no_row() -> None:
    found = rows_of(policy([entry("A")]), learned=Learned(spent={"A": 1e9}))
    assert not [name for name in found if "Budget" in name]


def test_an_open_breaker_lets_nothing_through_and_says_why() -> None:
    learned = Learned(breakers={"A": ("open", 0, "the last 3 pilots failed; again in 60 s")})
    row = row_of("entry A Breaker", learned=learned)
    assert (row.room, row.kind) == (0, "other")
    assert str(row) == "entry A Breaker (the last 3 pilots failed; again in 60 s)"


@pytest.mark.parametrize(
    ("states", "room"),
    [({}, 1), ({"running": 5}, 1), ({"waiting": 1}, 0), ({"running": 5, "starting": 1}, 0)],
)
def test_a_probing_breaker_lets_one_pilot_through_at_a_time(
    states: Mapping[str, Any], room: int
) -> None:
    learned = Learned(breakers={"A": ("probing", 1, "one pilot at a time")})
    assert row_of("entry A Breaker", cluster(**states), learned=learned).room == room


def test_a_probe_that_has_joined_is_not_proved_yet() -> None:
    learned = Learned(breakers={"A": ("probing", 1, "one pilot at a time")})
    young, old = (Start(NOW_S - age_s, 10.0) for age_s in (60.0, 3000.0))
    assert row_of("entry A Breaker", cluster(running=1, starts=(young,)), learned=learned).room == 0
    assert row_of("entry A Breaker", cluster(running=1, starts=(old,)), learned=learned).room == 1


def test_a_closed_breaker_has_no_row() -> None:
    learned = Learned(breakers={"A": ("closed", 1_000_000, "")})
    assert "entry A Breaker" not in rows_of(policy([entry("A")]), learned=learned)


@pytest.mark.parametrize(
    ("present", "room"), [(0, 100), (79, 21), (80, 10), (89, 6), (98, 1), (99, 1), (100, 0)]
)
def test_a_curb_halves_what_is_left(present: int, room: int) -> None:
    wanted = policy([entry("A", max_pilots=100)], settings=settings(curb=80))
    row = rows_of(wanted, cluster(running=present))["entry A MaxPilots"]
    assert row.room == room
    assert ("curbed" in str(row)) == (present >= 80)


def test_a_curb_is_not_passed_pilot_by_pilot() -> None:
    wanted = policy([entry("A", max_pilots=100)], settings=settings(curb=80))
    row = rows_of(wanted, cluster(running=90))["entry A MaxPilots"]
    take([row], 5)
    assert row.room == 0
    assert str(row) == "entry A MaxPilots (95 of 100, curbed)"


def test_without_a_curb_the_last_room_is_given() -> None:
    row = rows_of(policy([entry("A", max_pilots=100)]), cluster(running=99))["entry A MaxPilots"]
    assert row.room == 1


def test_a_thousand_entries_cost_little() -> None:
    """Measured 15 ms on a slow machine; the bound only catches another order of growth."""
    entries = [entry(f"E{number}", site=f"S{number // 4}", ramp=1) for number in range(1000)]
    groups = [group(f"g{number}", max_pilots_per_entry=50) for number in range(3)]
    wanted = policy(entries, groups, sites={"S1": Site("S1", 9, 9, 9)})
    clusters = tuple(
        cluster(number * 1000 + at, one.name, waiting=2, running=5)._replace(group=each.name)
        for at, one in enumerate(entries)
        for number, each in enumerate(groups)
    )
    seen = Snapshot(NOW_S, clusters=clusters)
    begin_s = time.process_time()
    rows = Rows(seen, wanted, {}, Learned())
    found = [rows.limits(each, one) for one in entries for each in groups]
    took_s = time.process_time() - begin_s
    assert len(found) == 3000
    assert took_s < 0.2
