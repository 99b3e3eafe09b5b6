# SPDX-License-Identifier: Apache-2.0
"""glidein facility: sites behind an HTTP API; how they are, whether they work, one more."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import click

from condor_plugins.cli.facility_add import add
from condor_plugins.cli.facts.facilities import (
    FacilityFacts,
    answered_in_words,
    credential_in_words,
    credential_warnings,
    error_in_words,
    facilities,
    state_in_words,
)
from condor_plugins.cli.gateway import ENDED_EARLY
from condor_plugins.cli.options import json_option, pass_world
from condor_plugins.cli.tables import Column, Sheet, say, say_json, show
from condor_plugins.cli.world import World
from condor_plugins.core.configuration import read_policy
from condor_plugins.core.errors import GiveUp
from condor_plugins.core.reading import nearest

_LAST_STEP = "clean up"  # of glidein-gateway test, however the others went
_COLUMNS = (
    Column("Facility"),
    Column("API"),
    Column("Face"),
    Column("State", folds=16),
    Column("Last answer", folds=8),
    Column("Pilots", folds=12),
    Column("Credential", folds=11),
    Column("Last error", folds=20),
)


@click.group(short_help="Sites behind an HTTP API: add, list, test.")
def facility() -> None:
    """Facilities: sites that are reached through an HTTP API (docs/facilities.md).

    \b
    glidein facility add nersc --api sfapi --url https://api.nersc.gov/api/v1.2 ...
    glidein facility test nersc
    glidein facility list
    """


facility.add_command(add)


@facility.command("list", short_help="How the facilities are.")
@json_option
@pass_world
def list_command(world: World, as_json: bool) -> int:
    """Every facility as its gateway saw it last, with the pilots by phase of its ledger.

    \b
    glidein facility list
    glidein facility list --json | jq -r '.facilities[] | select(.error != "") | .name'
    """
    found = facilities(world, read_policy(world.texts()))
    if as_json:
        say_json({"now_s": world.now_s(), "facilities": [asdict(one) for one in found]})
    else:
        show_facilities(found, world.now_s())
    return 0


def show_facilities(found: list[FacilityFacts], now_s: float) -> None:
    """The table, and a line for each credential that ends soon; `glidein status` has it, too."""
    rows = [_row(one, now_s) for one in found]
    show(Sheet("Facilities", _COLUMNS, rows, "none: GLIDEIN_FACILITY_NAMES is empty"))
    for text, colour in credential_warnings(found, now_s):
        say(text, colour)


def _row(one: FacilityFacts, now_s: float) -> tuple[str, ...]:
    return (
        one.name,
        one.api,
        one.face,
        state_in_words(one, now_s),
        answered_in_words(one, now_s),
        ", ".join(f"{count} {phase}" for phase, count in one.jobs.items()),
        credential_in_words(one, now_s),
        error_in_words(one, now_s),
    )


@facility.command("test", short_help="Try every step with two tiny jobs.")
@click.argument("name", metavar="FACILITY")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.IntRange(10, 86400),
    default=300,
    show_default=True,
    help="Longest wait for a job, in seconds.",
)
@json_option
@pass_world
def test(world: World, name: str, timeout_s: int, as_json: bool) -> int:
    """Log in, look, write a file, run a job, fetch its output, cancel another, clean up.

    It costs two jobs of a core, as the first entry of the facility would submit them. Run it as
    root or as GLIDEIN_ACCOUNT. Exit 1 if a step failed; its line says what to do.

    \b
    glidein facility test nersc
    """
    policy = read_policy(world.texts())
    known = {one.lower(): one for one in policy.facilities}
    if name.lower() not in known:
        hint = nearest(name, policy.facilities)
        raise click.BadParameter(f"{name!r} is no facility that can be used{hint}")
    lines = world.facility_test(policy, known[name.lower()], timeout_s)
    steps = list(_told(lines) if as_json else _shown(_told(lines)))
    if not steps or steps[-1]["step"] != _LAST_STEP:
        raise GiveUp(ENDED_EARLY)
    good = all(step["ok"] for step in steps)
    if as_json:
        say_json({"facility": known[name.lower()], "ok": good, "steps": steps})
    elif good:
        say(f"Facility {known[name.lower()]} works.", "green")
    return 0 if good else 1


def _told(lines: Iterable[str]) -> Iterator[dict[str, object]]:
    """Steps; a line that is none is left out."""
    for line in lines:
        try:
            step = json.loads(line)
        except ValueError:
            continue
        if isinstance(step, dict) and {"step", "ok", "seconds", "words"} <= step.keys():
            yield step


def _shown(steps: Iterable[dict[str, object]]) -> Iterator[dict[str, object]]:
    """Each as it comes."""
    for step in steps:
        mark = "+" if step["ok"] else "-"
        line = f"{mark} {step['step']!s:9}{step['seconds']!s:>8} s  {step['words']}"
        say(line, "" if step["ok"] else "red")
        yield step
