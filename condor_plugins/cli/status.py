# SPDX-License-Identifier: Apache-2.0
"""glidein status: demand, pilots, glideins and the last cycle."""

from dataclasses import asdict

import click

from condor_plugins.cli.facility import show_facilities
from condor_plugins.cli.facts import status as facts
from condor_plugins.cli.facts.cycle import Cycle, last_cycle
from condor_plugins.cli.facts.facilities import FacilityFacts, facilities
from condor_plugins.cli.looking import Sight, look
from condor_plugins.cli.options import json_option, pass_world
from condor_plugins.cli.tables import Column, Sheet, say, say_json, show
from condor_plugins.cli.words import counted
from condor_plugins.cli.world import World


def _numbers(*titles: str) -> tuple[Column, ...]:
    return tuple(Column(title, right=True) for title in titles)


_DEMAND = (
    Column("Group"),
    *_numbers("Idle", "Settling", "In slots", "In coming", "Asked for", "Unmet"),
)
_PILOTS = (
    Column("Entry"),
    Column("Group"),
    *_numbers("Waiting", "Starting", "Running", "Held", "Wanted", "Granted"),
    Column("Cut by", folds=30),
)
_SLOTS = (Column("Entry"), Column("Group"), *_numbers("Glideins", "Cores", "Busy", "Free"))
_HELD = (Column("Entry"), *_numbers("Pilots"), Column("Reason", folds=30))


@click.command(short_help="Demand, pilots, glideins, the last cycle.")
@json_option
@pass_world
def status(world: World, as_json: bool) -> int:
    """Idle jobs by group, pilots by entry and group, glideins in the pool, the last cycle; the
    facilities, where there are any.

    Wanted and granted are those of a decision made now, which the provisioner's next cycle
    makes as well.

    \b
    glidein status
    watch glidein status
    glidein status --json | jq .pilots
    """
    sight = look(world)
    slots = facts.slots(world.glidein_slots())
    cycle = last_cycle(world.last_plan(sight.policy), world.texts(), sight.seen.now_s)
    sites = facilities(world, sight.policy)
    if as_json:
        say_json(_document(sight, slots, cycle, sites))
    else:
        _tell(sight, slots, cycle)
        if sites:
            show_facilities(sites, sight.seen.now_s)
    return 0


def _document(
    sight: Sight, slots: list[facts.SlotsAt], cycle: Cycle, sites: list[FacilityFacts]
) -> dict[str, object]:
    rows = facts.pilots(sight)
    return {
        "now_s": sight.seen.now_s,
        "frozen": sight.plan.frozen,
        "doubt": sight.plan.doubt,
        "demand": [asdict(one) for one in facts.demand(sight)],
        "pilots": [asdict(one) for one in rows],
        "totals": facts.totals(rows),
        "slots": [asdict(one) for one in slots],
        "held": [asdict(one) for one in facts.held(sight)],
        "facilities": [asdict(one) for one in sites],
        "cycle": asdict(cycle),
        "problems": list(facts.problems(sight)),
    }


def _tell(sight: Sight, slots: list[facts.SlotsAt], cycle: Cycle) -> None:
    say(f"Last cycle: {cycle.in_words()}", "red" if cycle.overdue else "")
    for failure in cycle.failures:
        say(f"  {failure.group} at {failure.entry}: {failure.text}", "red")
    if sight.plan.frozen:
        say(f"Nothing would be changed now: {sight.plan.frozen}", "yellow")
    if sight.plan.doubt:
        say(f"What vanished is not believed yet: {sight.plan.doubt}", "yellow")
    if sight.problems:
        say(
            f"The configuration has {counted(len(sight.problems), 'problem')}: glidein check",
            "yellow",
        )
    demand = [tuple(asdict(one).values()) for one in facts.demand(sight)]
    demand = [(row[0] or "(no group)", *row[1:]) for row in demand]
    show(Sheet("Idle jobs", _DEMAND, demand, "no group is configured"))
    pilots = [_pilots_row(one) for one in facts.pilots(sight)]
    show(Sheet("Pilots", _PILOTS, pilots, "no group is served by an entry"))
    show(Sheet("Glideins in the pool", _SLOTS, [tuple(asdict(one).values()) for one in slots]))
    held = [tuple(asdict(one).values()) for one in facts.held(sight)]
    if held:
        show(Sheet("Held pilots", _HELD, held))


def _pilots_row(one: facts.PilotsAt) -> tuple[str | int, ...]:
    cut = one.shut or ", ".join(one.cut_by)
    counts = (one.waiting, one.starting, one.running, one.held, one.wanted, one.granted)
    return (one.entry, one.group, *counts, cut)
