# SPDX-License-Identifier: Apache-2.0
"""glidein plan: what the next cycle would do, without doing it."""

from dataclasses import asdict

import click

from condor_plugins.cli.facts import plan as facts
from condor_plugins.cli.looking import Sight, look
from condor_plugins.cli.options import json_option, pass_world
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
_UNMET = (
    Column("Job"),
    Column("Owner"),
    Column("Group"),
    *(Column(title, right=True) for title in ("Cores", "MiB", "Idle", "Unmet")),
    Column("Reason", folds=30),
)


@click.command(short_help="What the next cycle would do.")
@json_option
@pass_world
def plan(world: World, as_json: bool) -> int:
    """Look at the queue and the pool now, decide as the provisioner does, change nothing.

    \b
    glidein plan
    glidein plan --json | jq '.requests[] | {entry, granted, cut_by}'
    """
    sight = look(world)
    if as_json:
        say_json({
            "now_s": sight.plan.now_s,
            "frozen": sight.plan.frozen,
            "requests": [asdict(one) for one in sight.plan.requests],
            "actions": list(facts.actions(sight)),
            "unmet": [asdict(one) for one in facts.unmet(sight)],
        })
    else:
        _tell(sight)
    return 0


def _tell(sight: Sight) -> None:
    idle, unmet = sight.plan.jobs(), sum(fate.unmet for fate in sight.plan.fates)
    say(f"{counted(idle, 'idle job')}, {unmet} of them unmet.")
    if sight.plan.frozen:
        say(f"Nothing would be changed: {sight.plan.frozen}", "yellow")
    rows = [_request(sight, one) for one in sight.plan.requests]
    show(Sheet("Requests", _REQUESTS, rows, "no group is served by an entry"))
    say("")
    say("Actions", "bold")
    for line in [one["text"] for one in facts.actions(sight)] or ["nothing to do"]:
        say(f"  {line}")
    left = [tuple(asdict(one).values()) for one in facts.unmet(sight)]
    show(Sheet("Jobs that get nothing now, by kind", _UNMET, left))


def _request(sight: Sight, one: Request) -> tuple[str | int, ...]:
    shut = sight.unmade.get(one.entry, one.shut) if one.shut else ""
    cut = shut or ", ".join(one.cut_by)
    counts = (one.waiting, one.wanted, one.granted, one.most, one.surplus, one.removing)
    return (one.entry, one.group, *counts, cut)
