# SPDX-License-Identifier: Apache-2.0
"""glidein up: end a downtime."""

from functools import partial
from pathlib import Path

import click

from condor_plugins.cli.downtime_file import change, without_downtime
from condor_plugins.cli.naming import known_entry
from condor_plugins.cli.options import json_option, pass_world
from condor_plugins.cli.tables import say, say_json
from condor_plugins.cli.world import World
from condor_plugins.core.configuration import read_policy
from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.table import DOWNTIME


@click.command(short_help="End the downtime of an entry.")
@click.argument("entry")
@json_option
@pass_world
def up(world: World, entry: str, as_json: bool) -> int:
    """Take away the downtime of ENTRY, also one to come. The provisioner sees it in its next run.

    \b
    glidein up Perlmutter
    """
    knobs = world.texts()
    entry = known_entry(entry, knobs)
    settings = read_policy(knobs).settings
    path = Path(settings.downtime_file)
    changed = False
    if DOWNTIME.prefix + entry.upper() in knobs:
        changed = change(path, settings.timeout_s, partial(without_downtime, entry=entry))
        world.reread()
    if DOWNTIME.prefix + entry.upper() in world.texts():
        raise Misconfigured(_elsewhere(world, entry, settings.timeout_s))
    if as_json:
        say_json({"entry": entry, "file": str(path), "changed": changed})
    elif changed:
        say(f"Entry {entry} is up. The provisioner sees it in its next run.")
    else:
        say(f"Entry {entry} is up already: it has no downtime.")
    return 0


def _elsewhere(world: World, entry: str, timeout_s: float) -> str:
    place = world.places(timeout_s).get(DOWNTIME.prefix + entry.upper())
    where = str(place) if place else "another configuration file"
    return f"the downtime of entry {entry} is written in {where}: take it out there"
