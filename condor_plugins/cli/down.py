# SPDX-License-Identifier: Apache-2.0
"""glidein down: ask an entry for no more pilots, for a while."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from condor_plugins.cli.downtime_file import change, checked_reason, with_downtime
from condor_plugins.cli.naming import known_entry
from condor_plugins.cli.options import json_option, pass_world
from condor_plugins.cli.tables import say, say_json
from condor_plugins.cli.times import parse_duration, parse_time, stamp
from condor_plugins.cli.world import World
from condor_plugins.core.configuration import read_policy
from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.policy import Downtime

_TIMES = "TIME is ISO 8601, local or with a zone; DURATION is like 45m, 2h30m, 1d."


def _time(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    try:
        return None if text is None else parse_time(text)
    except (ValueError, OverflowError) as err:
        what = "write it like 2026-12-01T08:00 or 2026-12-01T08:00Z"
        raise click.BadParameter(f"{text!r} is no time: {what}") from err


def _duration(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    try:
        return None if text is None else parse_duration(text)
    except ValueError as err:
        raise click.BadParameter(str(err)) from err


def _reason(context: click.Context, parameter: click.Parameter, text: str) -> str:
    try:
        return checked_reason(text)
    except ValueError as err:
        raise click.BadParameter(str(err)) from err


@click.command(short_help="Ask an entry for no more pilots.", epilog=_TIMES)
@click.argument("entry")
@click.option("--reason", required=True, callback=_reason, help="Why, for people.")
@click.option("--until", metavar="TIME", callback=_time, help="When it ends.")
@click.option("--for", "lasts_s", metavar="DURATION", callback=_duration, help="How long it lasts.")
@click.option("--from", "begin_s", metavar="TIME", callback=_time, help="When it begins; else now.")
@json_option
@pass_world
def down(world: World, /, entry: str, as_json: bool, **given: int | str | None) -> int:
    """Ask ENTRY for no pilots: waiting ones are taken back, running ones finish.

    Without --until or --for it lasts until `glidein up`. The provisioner sees it in its next run.

    \b
    glidein down Perlmutter --reason "maintenance" --for 8h
    glidein down Perlmutter --reason "OS update" --from 2026-12-01T08:00 --until 2026-12-02
    """
    knobs = world.texts()
    entry = known_entry(entry, knobs)
    policy = read_policy(knobs)
    settings = policy.settings
    if entry not in policy.entries:
        raise Misconfigured(f"entry {entry} is not used while it is wrong: see glidein check")
    downtime = _downtime(given, int(world.now_s()), world.user())
    path = Path(settings.downtime_file)
    if not _alike(_present(world, entry), downtime, given):
        change(path, settings.timeout_s, partial(with_downtime, entry=entry, downtime=downtime))
        world.reread()
    told = _present(world, entry)
    if told is None or (told.reason, told.end_s) != (downtime.reason, downtime.end_s):
        raise Misconfigured(
            f"{path} is written, but HTCondor does not read it or a later file overrides it:"
            " GLIDEIN_DOWNTIME_FILE should be the last file of a directory in LOCAL_CONFIG_DIR"
        )
    if as_json:
        say_json({"entry": entry, "file": str(path), "downtime": asdict(told)})
    else:
        say(_words(entry, told, world.now_s()))
        say(f"Written to {path}; the provisioner sees it in its next run, no reconfig is needed.")
    return 0


def _downtime(given: Mapping[str, int | str | None], now_s: int, user: str) -> Downtime:
    """Raises a usage error when the times make no sense."""
    until_s, lasts_s, begin_s = given["until"], given["lasts_s"], given["begin_s"]
    if until_s is not None and lasts_s is not None:
        raise click.UsageError("give --until or --for, not both")
    start_s = now_s if begin_s is None else int(begin_s)
    end_s = start_s + int(lasts_s) if lasts_s is not None else int(until_s or 0)
    if end_s and end_s <= max(start_s, now_s):
        raise click.UsageError(f"the downtime would end at {stamp(end_s)}, before it begins")
    return Downtime(str(given["reason"]), start_s, end_s, user)


def _present(world: World, entry: str) -> Downtime | None:
    return read_policy(world.texts()).downtimes.get(entry)


def _alike(old: Downtime | None, new: Downtime, given: Mapping[str, int | str | None]) -> bool:
    """Whether the entry is down already as it is asked; then nothing is written."""
    if old is None or (old.reason, old.end_s) != (new.reason, new.end_s):
        return False
    return old.start_s == new.start_s or (given["begin_s"] is None and old.covers(new.start_s))


def _words(entry: str, told: Downtime, now_s: float) -> str:
    begins = "" if told.start_s <= now_s else f" from {stamp(told.start_s)}"
    ends = f"until {stamp(told.end_s)}" if told.end_s else f"until glidein up {entry}"
    return f"Entry {entry} is down{begins} {ends}: {told.reason}"
