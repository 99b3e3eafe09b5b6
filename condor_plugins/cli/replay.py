# SPDX-License-Identifier: Apache-2.0
"""glidein replay: recorded cycles decided again; needs no HTCondor that runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import click

from condor_plugins.cli.options import json_option, knobs_option
from condor_plugins.cli.tables import Column, Sheet, say, say_json, show
from condor_plugins.cli.words import counted
from condor_plugins.core.errors import GiveUp
from condor_plugins.core.recorded import Record, UnreadableError
from condor_plugins.core.replaying import Replayed, Sums, by_entry, replay
from condor_plugins.pool.record_files import each_record, record_paths

_NOTHING = Sums()
_SUMMARY = (
    Column("Entry"),
    Column("Cycles that differ", right=True),
    Column("Granted, mean", right=True),
    Column("recorded", right=True),
    Column("Removed", right=True),
    Column("recorded", right=True),
)


@dataclass(slots=True)
class Total:
    """One entry over all cycles: sums of what was decided now and then."""

    differ: int = 0
    granted: int = 0
    granted_then: int = 0
    removing: int = 0
    removing_then: int = 0

    def add(self, now: Sums, then: Sums) -> None:
        self.differ += now != then
        self.granted += now.granted
        self.granted_then += then.granted
        self.removing += now.removing
        self.removing_then += then.removing


@dataclass(slots=True)
class Tally:
    """What the replay comes to; `unreadable`: files with what is wrong with them."""

    cycles: int = 0
    differ: int = 0
    entries: dict[str, Total] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    def add(self, one: Replayed) -> None:
        now, then = by_entry(one.now), by_entry(one.then)
        self.cycles += 1
        self.differ += now != then
        for name in now.keys() | then.keys():
            total = self.entries.setdefault(name, Total())
            total.add(now.get(name, _NOTHING), then.get(name, _NOTHING))


@click.command("replay", short_help="What another configuration would have decided.")
@click.argument("paths", nargs=-1, required=True, metavar="DIR|FILE...",
                type=click.Path(path_type=Path))  # fmt: skip
@knobs_option
@json_option
def replay_command(paths: Sequence[Path], changes: Mapping[str, str], as_json: bool) -> int:
    """Decide recorded cycles (GLIDEIN_RECORD_DIR) again, as configured then or with --set.

    Each cycle is a line for every entry: wanted, granted, removing, and what was recorded where
    that differs; a summary follows. The world is the recorded one: it does not follow what is
    decided here (for that: glidein simulate). Exit 1 if a file cannot be read.

    \b
    glidein replay /var/lib/condor/glidein-records
    glidein replay records --set GLIDEIN_HEDGE=0
    glidein replay records --set GLIDEIN_ENTRY_Perlmutter.MaxPilots=50 --json | jq .summary
    """
    tally = Tally()
    files = record_paths(paths)
    if not files:
        raise GiveUp(f"no record is in {', '.join(map(str, paths))}")
    cycles = replay(_readable(files, tally), changes)
    if as_json:
        _say_json(cycles, tally)
    else:
        for one in cycles:
            tally.add(one)
            _tell(one)
        _tell_summary(tally)
    for file, text in tally.unreadable.items():
        click.echo(f"glidein: {file}: {text}", err=True)
    return 1 if tally.unreadable else 0


def _readable(files: Sequence[Path], tally: Tally) -> Iterator[Record]:
    for file, found in each_record(files):
        if isinstance(found, UnreadableError):
            tally.unreadable[str(file)] = str(found)
        else:
            yield found


def _tell(one: Replayed) -> None:
    when = datetime.fromtimestamp(one.now_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    now, then = by_entry(one.now), by_entry(one.then)
    state = one.now.frozen or one.now.doubt
    if state:
        say(f"{when}  {'frozen' if one.now.frozen else 'in doubt'}: {state}", "yellow")
    elif not now and not then:
        say(f"{when}  nothing")
    for name in sorted(now.keys() | then.keys()):
        mine, old = now.get(name, _NOTHING), then.get(name, _NOTHING)
        recorded = "" if mine == old else f"  (recorded {_figures(old)})"
        say(f"{when}  {name}  {_figures(mine)}{recorded}", "" if mine == old else "yellow")


def _figures(sums: Sums) -> str:
    removing = f", {sums.removing} removing" if sums.removing else ""
    return f"{sums.wanted} wanted, {sums.granted} granted{removing}"


def _tell_summary(tally: Tally) -> None:
    rows = [_row(name, one, tally.cycles) for name, one in sorted(tally.entries.items())]
    show(Sheet("Over all cycles", _SUMMARY, rows, "no pilot was wanted"))
    say("")
    say(f"{tally.differ} of {counted(tally.cycles, 'cycle')} differ from what was recorded.")


def _row(name: str, one: Total, cycles: int) -> tuple[str | int, ...]:
    means = f"{one.granted / cycles:.1f}", f"{one.granted_then / cycles:.1f}"
    return (name, one.differ, *means, one.removing, one.removing_then)


def _say_json(cycles: Iterator[Replayed], tally: Tally) -> None:
    told = []
    for one in cycles:
        tally.add(one)
        told.append(_plain(one))
    summary = {
        "cycles": tally.cycles,
        "differ": tally.differ,
        "entries": {name: asdict(total) for name, total in sorted(tally.entries.items())},
    }
    say_json({"cycles": told, "summary": summary, "unreadable": tally.unreadable})


def _plain(one: Replayed) -> dict[str, object]:
    now, then = by_entry(one.now), by_entry(one.then)
    entries = {
        name: asdict(now.get(name, _NOTHING)) | {"recorded": asdict(then.get(name, _NOTHING))}
        for name in sorted(now.keys() | then.keys())
    }
    state = {"frozen": one.now.frozen, "doubt": one.now.doubt}
    return {"now_s": one.now_s, **state, "entries": entries}
