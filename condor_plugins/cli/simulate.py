# SPDX-License-Identifier: Apache-2.0
"""glidein simulate: the decision in a made-up world; needs no HTCondor that runs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from condor_plugins.cli.options import json_option, knobs_option
from condor_plugins.cli.tables import Column, Sheet, say, say_json, show
from condor_plugins.core.errors import GiveUp, Misconfigured
from condor_plugins.simulate.figures import mean
from condor_plugins.simulate.plot import plot
from condor_plugins.simulate.reading import read_scenario
from condor_plugins.simulate.running import Outcome
from condor_plugins.simulate.running import simulate as run
from condor_plugins.simulate.scenario import Scenario

_TIMES = {
    "first_s": "first job starts",
    "t50_s": "half of the jobs have started",
    "t90_s": "90 % of the jobs have started",
}
_COUNTS = {
    "jobs": "jobs",
    "jobs_started": "of them started",
    "jobs_done": "of them done",
    "pilots": "pilots started",
    "useless_pilots": "of them ran no job",
    "requests_reversed": "waiting pilots removed again",
    "peak_waiting": "most pilots waiting",
    "peak_running": "most pilots running",
    "peak_running_jobs": "most jobs running",
}
_CAUSES = {
    "start_up": "start-up",
    "unmatched_idle": "idle beside or between jobs",
    "tail": "after the last job",
    "idle_timeout": "pilots without a job",
    "killed": "killed at the wall time",
}


def _picture(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    if path and path.suffix.lower() not in {".png", ".svg"}:
        raise click.BadParameter("should end with .png or .svg", context, parameter)
    return path


@click.command(short_help="What this configuration would do in a made-up world.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(min=0), help="Instead of the seed in FILE.")
@click.option(
    "--seeds", type=click.IntRange(min=1), default=1, help="Run with so many seeds, tell the mean."
)
@click.option(
    "--plot", "picture", type=click.Path(path_type=Path), callback=_picture, metavar="FILE",
    help="Draw the (first) run over time into FILE.png or FILE.svg.",
)  # fmt: skip
@knobs_option
@json_option
def simulate(
    file: Path,
    as_json: bool,
    changes: Mapping[str, str],
    picture: Path | None,
    **seeds: int | None,
) -> int:
    """Run the provisioner's decision in the world that FILE describes (docs/simulate.md).

    \b
    glidein simulate world.json
    glidein simulate world.json --seeds 10 --json
    glidein simulate world.json --set GLIDEIN_HEDGE=0 --plot without.png
    """
    scenario = _read(file)
    outcomes = _run(scenario, changes, seeds["seed"], seeds["seeds"] or 1)
    if picture:
        plot(outcomes[0].moments, picture)
    facts = facts_of(outcomes)
    if as_json:
        say_json(facts)
    else:
        _tell(facts, len(outcomes))
    return 0


def facts_of(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The figures of one run, or their means with those of each run."""
    each = [outcome.figures for outcome in outcomes]
    if len(each) == 1:
        return asdict(each[0])
    return mean(each) | {"seeds": len(each), "each": [asdict(one) for one in each]}


def _read(file: Path) -> Scenario:
    try:
        content = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise GiveUp(f"{file}: {getattr(err, 'strerror', None) or err}") from err
    try:
        return read_scenario(content)
    except Misconfigured as wrong:
        raise Misconfigured(f"{file}: {wrong}") from wrong


def _run(
    scenario: Scenario, changes: Mapping[str, str], seed: int | None, seeds: int
) -> list[Outcome]:
    first = scenario.seed if seed is None else seed
    return [run(scenario, changes, number) for number in range(first, first + seeds)]


def _tell(facts: Mapping[str, Any], runs: int) -> None:
    say(f"Mean of {runs} runs." if runs > 1 else f"Seed {facts['seed']}.")
    columns = (Column("Figure"), Column("Value", right=True), Column(""))
    times = [(title, _number(facts[name]), "s") for name, title in _TIMES.items()]
    counts = [(title, _number(facts[name]), "") for name, title in _COUNTS.items()]
    show(Sheet("Jobs and pilots", columns, times + counts))
    total = facts["core_hours"]
    rows = [("used by jobs", facts["used_core_hours"])]
    rows += [(title, facts["waste_by_cause"][cause]) for cause, title in _CAUSES.items()]
    show(Sheet(
        "Where the core-hours went",
        (Column("Cause"), Column("Core-hours", right=True), Column("Share", right=True)),
        [(title, f"{hours:,.1f}", _share(hours, total)) for title, hours in rows],
    ))  # fmt: skip
    say("")
    wasted, useless = _share(facts["waste_fraction"], 1), _share(facts["useless_fraction"], 1)
    say(f"Wasted: {wasted} of {total:,.1f} core-hours. Useless pilots: {useless}.")


def _number(value: float | None) -> str:
    if value is None:
        return "never"
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "-"
