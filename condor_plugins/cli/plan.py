# SPDX-License-Identifier: Apache-2.0
"""glidein plan: what the next cycle would do, without doing it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import click

from condor_plugins.cli.facts import plan as facts
from condor_plugins.cli.facts.changes import Change, in_force, planned
from condor_plugins.cli.facts.changes import changes as changes_of
from condor_plugins.cli.facts.gates import supplied
from condor_plugins.cli.looking import Sight, look, look_twice
from condor_plugins.cli.options import json_option, knobs_option, pass_world
from condor_plugins.cli.tables import Column, Sheet, say, say_json, show
from condor_plugins.cli.words import counted
from condor_plugins.cli.world import World
from condor_plugins.core.plan import Request

_REQUESTS = (
    Column("Entry"),
    Column("Group"),
    *(Column(title, right=True) for title in ("Waiting", "Wanted", "Granted", "Most", "Surplus")),
    Column("Removing", right=True),
    Column("Cut by", folds=30),
)
_CHANGES = (
    Column("Entry"),
    Column("Group"),
    *(Column(t, right=True) for t in ("Waiting", "Wanted", "Granted", "Most", "Removing")),
    Column("Cut by", folds=30),
)
# Each with its reason: of more kinds nobody reads it, and ten thousand would take a minute.
_MOST_KINDS = 100
_UNMET = (
    Column("Job"),
    Column("Owner"),
    Column("Group"),
    *(Column(title, right=True) for title in ("Cores", "MiB", "Idle", "Unmet")),
    Column("Reason", folds=30),
)


@click.command(short_help="What the next cycle would do.")
@click.option("--diff", is_flag=True, help="Only what changes: see above.")
@knobs_option
@json_option
@pass_world
def plan(world: World, diff: bool, changes: Mapping[str, str], as_json: bool) -> int:
    """Look at the queue and the pool now, decide as the provisioner does, change nothing.

    --diff shows the requests that would differ from what is in force in the queue (the pilot
    clusters as they are now). With --set the plan is made as if the knobs were set so, or one
    attribute of the ad in a knob (macros are not expanded); with both, --diff shows what these
    settings change: the plan without them, and with them, on the same look at the queue.

    \b
    glidein plan
    glidein plan --diff
    glidein plan --diff --set GLIDEIN_ENTRY_Perlmutter.MaxPilots=50 --set GLIDEIN_HEDGE=0
    glidein plan --json | jq '.requests[] | {entry, granted, cut_by}'
    """
    if diff:
        return _diff(world, changes, as_json)
    sight = look(world, changes)
    if as_json:
        say_json({
            "now_s": sight.plan.now_s,
            "frozen": sight.plan.frozen,
            "doubt": sight.plan.doubt,
            "set": changes,
            "requests": [one._asdict() for one in sight.plan.requests],
            "actions": list(facts.actions(sight)),
            "unmet_kinds": sum(1 for fate in sight.plan.fates if fate.unmet),
            "unmet": [asdict(one) for one in facts.unmet(sight, _MOST_KINDS)],
        })
    else:
        _tell(sight)
    return 0


def _diff(world: World, settings: Mapping[str, str], as_json: bool) -> int:
    if settings:
        now, sight = look_twice(world, settings)
        before, what = planned(now.plan), "these settings"
    else:
        sight = look(world)
        before, what = in_force(sight.seen.clusters), "the next cycle"
    found = changes_of(before, planned(sight.plan), sight.plan.requests)
    if as_json:
        say_json({
            "now_s": sight.plan.now_s,
            "frozen": sight.plan.frozen,
            "doubt": sight.plan.doubt,
            "set": settings,
            "before": "plan" if settings else "queue",
            "unchanged": len(sight.plan.requests) - _common(found, sight),
            "changes": [asdict(one) for one in found],
        })
        return 0
    _say_state(sight)
    rows = [_change(one) for one in found]
    left = len(sight.plan.requests) - _common(found, sight)
    show(Sheet(f"What {what} would change", _CHANGES, rows, "nothing"))
    say("")
    say(f"{counted(len(found), 'request')} would change, {left} stay as they are.")
    return 0


def _common(found: Sequence[Change], sight: Sight) -> int:
    """How many of these changes are of requests that the plan has."""
    pairs = {(one.group, one.entry) for one in sight.plan.requests}
    return sum(1 for one in found if (one.group, one.entry) in pairs)


def _change(one: Change) -> tuple[str | int, ...]:
    old, new = asdict(one.before), asdict(one.after)
    told = [_from_to(old[name], new[name]) for name in ("wanted", "granted", "most", "removing")]
    cut = _from_to(one.before.cut_by or "-", one.after.cut_by or "-")
    return (one.entry, one.group, one.waiting, *told, "" if cut == "-" else cut)


def _from_to(old: str | int, new: str | int) -> str:
    return str(new) if old == new else f"{old} → {new}"


def _say_state(sight: Sight) -> None:
    if sight.plan.frozen:
        say(f"Nothing would be changed: {sight.plan.frozen}", "yellow")
    if sight.plan.doubt:
        say(f"What vanished is not believed yet: {sight.plan.doubt}", "yellow")


def _tell(sight: Sight) -> None:
    total = supplied(sight.plan.fates)
    settling = f", {total.settling} not idle for long enough" if total.settling else ""
    say(f"{counted(total.jobs, 'idle job')}, {total.unmet} of them unmet{settling}.")
    _say_state(sight)
    rows = [_request(sight, one) for one in sight.plan.requests]
    show(Sheet("Requests", _REQUESTS, rows, "no group is served by an entry"))
    say("")
    say("Actions", "bold")
    for line in [one["text"] for one in facts.actions(sight)] or ["nothing to do"]:
        say(f"  {line}")
    left = [tuple(asdict(one).values()) for one in facts.unmet(sight, _MOST_KINDS)]
    show(Sheet("Jobs that get nothing now, by kind", _UNMET, left))
    kinds = sum(1 for fate in sight.plan.fates if fate.unmet)
    if kinds > len(left):
        say(f"and {kinds - len(left)} more kinds, with fewer jobs each")


def _request(sight: Sight, one: Request) -> tuple[str | int, ...]:
    shut = sight.unmade.get(one.entry, one.shut) if one.shut else ""
    cut = shut or ", ".join(one.cut_by)
    counts = (one.waiting, one.wanted, one.granted, one.most, one.surplus, one.removing)
    return (one.entry, one.group, *counts, cut)
