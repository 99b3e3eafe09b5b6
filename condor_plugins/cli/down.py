# SPDX-License-Identifier: Apache-2.0
"""glidein down: ask an entry or a site for no more pilots, for a while."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click

from condor_plugins.cli.downtime_file import change, checked_reason, with_downtime
from condor_plugins.cli.naming import Subject, known_subject
from condor_plugins.cli.options import json_option, pass_world
from condor_plugins.cli.tables import say, say_json
from condor_plugins.cli.times import lasting, parse_duration, parse_time, stamp
from condor_plugins.cli.world import World
from condor_plugins.core.configuration import read_policy
from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.policy import Downtime, Policy

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


@click.command(short_help="Ask an entry or a site for no more pilots.", epilog=_TIMES)
@click.argument("name", metavar="ENTRY|SITE")
@click.option("--reason", required=True, callback=_reason, help="Why, for people.")
@click.option("--until", metavar="TIME", callback=_time, help="When it ends.")
@click.option("--for", "lasts_s", metavar="DURATION", callback=_duration, help="How long it lasts.")
@click.option("--from", "begin_s", metavar="TIME", callback=_time, help="When it begins; else now.")
@click.option(
    "--every", "every_s", metavar="DURATION", callback=_duration, help="It comes back after this."
)
@json_option
@pass_world
def down(world: World, /, name: str, as_json: bool, **given: int | str | None) -> int:
    """Ask an entry, or all entries of a site, for no pilots: waiting ones are taken back, running
    ones finish.

    Without --until or --for it lasts until `glidein up`; with --every until then it comes back. A
    name that an entry and a site share means both. The provisioner sees it in its next run.

    \b
    glidein down Perlmutter --reason "maintenance" --for 8h
    glidein down NERSC --reason "OS update" --from 2026-12-01T08:00 --until 2026-12-02
    glidein down NERSC --reason "weekly" --from 2026-12-01T08:00 --for 4h --every 7d
    """
    knobs = world.texts()
    policy = read_policy(knobs)
    subject = known_subject(name, knobs, policy)
    sites = {*policy.sites, *(entry.site for entry in policy.entries.values())}
    if subject.entry not in policy.entries and subject.site not in sites:
        raise Misconfigured(f"{subject} is not used while it is wrong: see glidein check")
    downtime = _downtime(given, int(world.now_s()), world.user())
    path = Path(policy.settings.downtime_file)
    if not _alike(_present(policy, subject), downtime, given):
        edit = partial(with_downtime, name=subject.name, downtime=downtime)
        change(path, policy.settings.timeout_s, edit)
        world.reread()
    told = _present(read_policy(world.texts()), subject)
    if told is None or _what(told) != _what(downtime):
        raise Misconfigured(
            f"{path} is written, but HTCondor does not read it or a later file overrides it:"
            " GLIDEIN_DOWNTIME_FILE should be the last file of a directory in LOCAL_CONFIG_DIR"
        )
    if as_json:
        whose = {"entry": subject.entry or None, "site": subject.site or None}
        say_json({**whose, "file": str(path), "downtime": told._asdict()})
    else:
        say(_words(subject, told, world.now_s()))
        say(f"Written to {path}; the provisioner sees it in its next run, no reconfig is needed.")
    return 0


def _downtime(given: Mapping[str, int | str | None], now_s: int, user: str) -> Downtime:
    """Raises a usage error when the times make no sense."""
    until_s, lasts_s, begin_s = given["until"], given["lasts_s"], given["begin_s"]
    if until_s is not None and lasts_s is not None:
        raise click.UsageError("give --until or --for, not both")
    start_s = now_s if begin_s is None else int(begin_s)
    end_s = start_s + int(lasts_s) if lasts_s is not None else int(until_s or 0)
    every_s = given["every_s"]
    if end_s and end_s <= (start_s if every_s else max(start_s, now_s)):
        raise click.UsageError(f"the downtime would end at {stamp(end_s)}, before it begins")
    if every_s is not None:
        _check_turns(int(every_s), end_s, end_s - start_s)
    return Downtime(str(given["reason"]), start_s, end_s, user, int(every_s or 0))


def _check_turns(every_s: int, end_s: int, lasts_s: int) -> None:
    if not end_s:
        raise click.UsageError("--every needs --for or --until: how long each time lasts")
    if every_s <= lasts_s:
        raise click.UsageError(f"--every should be longer than the downtime ({lasting(lasts_s)})")


def _present(policy: Policy, subject: Subject) -> Downtime | None:
    found = policy.downtimes
    return found.get(subject.entry) or found.get(subject.site)


def _what(one: Downtime) -> tuple[str, int, int]:
    return one.reason, one.end_s, one.every_s


def _alike(old: Downtime | None, new: Downtime, given: Mapping[str, int | str | None]) -> bool:
    """Whether it is down already as it is asked; then nothing is written."""
    if old is None or _what(old) != _what(new):
        return False
    return old.start_s == new.start_s or (given["begin_s"] is None and old.covers(new.start_s))


def _words(subject: Subject, told: Downtime, now_s: float) -> str:
    start_s, end_s = told.window(now_s) or (told.start_s, told.end_s)
    begins = "" if start_s <= now_s else f" from {stamp(start_s)}"
    ends = f"until {stamp(end_s)}" if end_s else f"until glidein up {subject.name}"
    again = f", and again every {lasting(told.every_s)}" if told.every_s else ""
    return f"{subject.title} is down{begins} {ends}{again}: {told.reason}"
