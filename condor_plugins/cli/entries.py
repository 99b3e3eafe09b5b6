# SPDX-License-Identifier: Apache-2.0
"""glidein entries: the ways into sites, and whether they are open."""

import click

from condor_plugins.cli.facts.entries import EntryFacts
from condor_plugins.cli.facts.entries import entries as entry_facts
from condor_plugins.cli.looking import look
from condor_plugins.cli.options import json_option, pass_world
from condor_plugins.cli.tables import Column, Sheet, say_json, show
from condor_plugins.cli.times import lasting, stamp
from condor_plugins.cli.words import counted
from condor_plugins.cli.world import World
from condor_plugins.pool.plan_file import plain

_COLUMNS = (
    Column("Entry"),
    Column("Site"),
    Column("Grid resource", folds=11),
    Column("Pilot", folds=11),
    Column("Wall time", right=True),
    Column("At most"),
    Column("Groups", folds=11),
    Column("Pilots", folds=11),
    Column("State", folds=30),
)


@click.command(short_help="The ways into sites, and whether they are open.")
@json_option
@pass_world
def entries(world: World, as_json: bool) -> int:
    """Every entry: its shape, limits and groups, its pilots, and whether it is open.

    \b
    glidein entries
    glidein entries --json | jq -r '.entries[] | select(.state == "down") | .name'
    """
    sight = look(world)
    facts = entry_facts(sight)
    if as_json:
        say_json({"entries": plain(facts)})
    else:
        rows = [_row(one, sight.seen.now_s) for one in facts]
        show(Sheet("Entries", _COLUMNS, rows, "none: GLIDEIN_ENTRY_NAMES is empty"))
    return 0


def _row(one: EntryFacts, now_s: float) -> tuple[str, ...]:
    return (
        one.name,
        one.site,
        one.grid_resource,
        _shape(one),
        lasting(one.wall_time_s) if one.shape else "",
        f"{one.max_pilots}, {one.max_idle_pilots} idle" if one.shape else "",
        " ".join(one.groups),
        _pilots(one),
        _state(one, now_s),
    )


def _shape(one: EntryFacts) -> str:
    if one.shape is None:
        return ""
    gpus = f", {counted(one.shape.gpus, 'GPU')}" if one.shape.gpus else ""
    return f"{counted(one.shape.cpus, 'core')}, {one.shape.memory_mb} MiB{gpus}"


def _pilots(one: EntryFacts) -> str:
    counts = {"waiting": one.pilots.waiting, "running": one.pilots.running, "held": one.pilots.held}
    return ", ".join(f"{number} {state}" for state, number in counts.items() if number) or "none"


def _state(one: EntryFacts, now_s: float) -> str:
    site = f" with site {one.down_site}" if one.down_site else ""
    state = one.state + site if one.state == "down" else one.state
    words = f"{state}: {one.reason}" if one.reason else state
    if one.down_from_s is not None and one.down_from_s > now_s:
        words += f", down{site} from {stamp(one.down_from_s)}"
    until = f" until {stamp(one.down_until_s)}" if one.down_until_s else ""
    return words + until + (f", every {lasting(one.down_every_s)}" if one.down_every_s else "")
