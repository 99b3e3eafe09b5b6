# SPDX-License-Identifier: Apache-2.0
"""glidein up: end a downtime."""

from functools import partial
from pathlib import Path

import click

from condor_plugins.cli.downtime_file import change, without_downtime
from condor_plugins.cli.naming import Subject, known_subject
from condor_plugins.cli.options import json_option, pass_world
from condor_plugins.cli.tables import say, say_json
from condor_plugins.cli.world import World
from condor_plugins.core.configuration import read_policy
from condor_plugins.core.errors import Misconfigured


@click.command(short_help="End the downtime of an entry or a site.")
@click.argument("name", metavar="ENTRY|SITE")
@json_option
@pass_world
def up(world: World, name: str, as_json: bool) -> int:
    """Take away the downtime of an entry or a site, also one to come or one that comes back. The
    provisioner sees it in its next run.

    \b
    glidein up Perlmutter
    """
    knobs = world.texts()
    policy = read_policy(knobs)
    subject = known_subject(name, knobs, policy)
    path = Path(policy.settings.downtime_file)
    changed = False
    if subject.knob.upper() in knobs:
        edit = partial(without_downtime, name=subject.name)
        changed = change(path, policy.settings.timeout_s, edit)
        world.reread()
    if subject.knob.upper() in world.texts():
        raise Misconfigured(_elsewhere(world, subject, policy.settings.timeout_s))
    if as_json:
        whose = {"entry": subject.entry or None, "site": subject.site or None}
        say_json({**whose, "file": str(path), "changed": changed})
    elif changed:
        say(f"{subject.title} is up. The provisioner sees it in its next run.")
    else:
        say(f"{subject.title} is up already: it has no downtime.")
    entry = policy.entries.get(subject.entry)
    if entry and entry.site != subject.name and entry.site in policy.downtimes and not as_json:
        say(f"Its site {entry.site} has a downtime of its own: glidein up {entry.site}")
    return 0


def _elsewhere(world: World, subject: Subject, timeout_s: float) -> str:
    place = world.places(timeout_s).get(subject.knob.upper())
    where = str(place) if place else "another configuration file"
    return f"the downtime of {subject} is written in {where}: take it out there"
