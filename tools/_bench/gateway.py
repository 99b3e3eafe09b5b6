# SPDX-License-Identifier: Apache-2.0
"""tools/bench gateway: the resident gateway and a stand-in of the facilities, real processes."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from _bench.access_point import NoFigures
from _bench.gateway_fire import Heat, fire
from _bench.gateway_measure import Sizes, measured
from _bench.gateway_outage import Outage, outage
from _bench.gateway_place import APIS
from _bench.gateway_shipped import shipped_polls

Figures = dict[str, Any]
SUBMITS_S, SUBMITS = 60.0, 500
# Figure, what it should be at most, by the part that it is in.
MOST: Mapping[str, Mapping[str, float]] = {
    "submits": {"seconds_for_500": SUBMITS_S, "token_requests": 1.0},
    "polls": {"requests_per_interval": 1.0, "token_requests": 1.0, "processes": 0.0},
    "fire": {"missing": 0, "strange": 0, "double": 0, "wrong_ids": 0, "errors": 0},
    "outage": {
        **{"missing": 0, "double": 0, "wrong_ids": 0, "errors": 0, "held": 0},
        **{"believed_ended": 0, "asked_again_late_s": 0.5},
    },
}
LEAST = {"less_cpu": 200.0, "fewer_requests": 1000.0}
# An interval does not end to the second.
ROUNDING = 1.05


def add_arguments(what: argparse.ArgumentParser) -> None:
    """The options of `tools/bench gateway`."""
    add = what.add_argument
    add("--jobs", type=int, default=1000, help="pilots; default 1000")
    add("--api", choices=[*APIS, "all"], default="sfapi", help="default sfapi")
    add("--latency-ms", type=float, default=100.0, help="of every request; default 100")
    add("--rounds", type=int, default=3, help="poll intervals that are measured; default 3")
    add("--poll-s", type=float, default=5.0, help="the facility's PollInterval; default 5")
    add("--shipped", type=Path, metavar="DIR", help="HTCondor's sfapi scripts, if elsewhere")
    add("--shipped-polls", type=int, default=5, metavar="N", help="default 5; 0: without them")
    add("--fire", action="store_true", help="with faults and kills in place of the above")
    add("--chance", type=float, default=0.1, help="with --fire, of each kind; default 0.1")
    add("--seed", type=int, default=1, help="with --fire, of the kills; default 1")
    add("--outage", action="store_true", help="a maintenance, scaled in time, in place of those")
    add("--json", action="store_true", help="one JSON object instead of a table")


def main(chosen: argparse.Namespace) -> int:
    """Exit code 1 if a figure misses its target; raises NoFigures if there are none."""
    apis = APIS if chosen.api == "all" else (chosen.api,)
    found: dict[str, Figures] = {api: _parts(api, chosen) for api in apis}
    if "sfapi" in found and not chosen.fire and not chosen.outage and chosen.shipped_polls:
        found["shipped"] = _shipped(chosen, found["sfapi"])
    missed = [words for api in found for words in misses(api, found[api])]
    if chosen.json:
        sys.stdout.write(json.dumps({**found, "targets": targets(), "missed": missed}) + "\n")
    else:
        _show(found, missed)
    return 1 if missed else 0


def _parts(api: str, chosen: argparse.Namespace) -> Figures:
    if chosen.fire:
        # Twice what it takes on two busy cores.
        heat = Heat(chosen.jobs, chosen.chance, most_s=120 + chosen.jobs, seed=chosen.seed)
        return {"fire": _in_a_directory(lambda base: fire(base, api, heat))}
    if chosen.outage:
        planned = Outage(chosen.jobs)
        return {"outage": _in_a_directory(lambda base: outage(base, api, planned))}
    sizes = Sizes(chosen.jobs, chosen.latency_ms, chosen.rounds, chosen.poll_s)
    found = _in_a_directory(lambda base: measured(base, api, sizes))
    submits = found["submits"]
    submits["seconds_for_500"] = submits["wall_s"] * SUBMITS / submits["pilots"]
    return found


def _shipped(chosen: argparse.Namespace, ours: Figures) -> Figures:
    """What HTCondor's helper costs for the same answer, and how many times that is ours."""
    try:
        found = _in_a_directory(
            lambda base: shipped_polls(base, chosen.shipped, chosen.shipped_polls)
        )
    except NoFigures as why:
        return {"missing": str(why)}
    polls = ours["polls"]
    cpu_s, requests = polls["cpu_s_per_1000_polls"] / 1000, polls["requests"] / polls["polls"]
    ratios = {
        "less_cpu": found["cpu_s_per_poll"] / cpu_s,
        "fewer_requests": found["requests_per_poll"] / requests,
        "jobs": polls["jobs"],
    }
    return {"polls": found, "ratios": ratios}


def _in_a_directory(work: Callable[[Path], Figures]) -> Figures:
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as base:
        return work(Path(base))


def targets() -> Figures:
    """At most; for requests per pilot by API, and for ratios at least."""
    return {"at most": MOST, "requests per pilot, at most": PER_PILOT, "at least": LEAST}


# SFAPI makes a task of a submit, which has to be asked for; Globus takes many pilots in a request.
PER_PILOT = {"sfapi": 2.0, "iri": 1.0, "globus": 0.1}


def misses(api: str, found: Figures) -> list[str]:
    """The figures that are not as they should be, in words."""
    wrong = []
    for part, most in MOST.items():
        figures = found.get(part, {})
        wrong += [
            f"{api}: {name} is {figures[name]:g}, should be at most {limit:g}"
            for name, limit in most.items()
            if name in figures and figures[name] > limit * ROUNDING
        ]
    per_pilot = found.get("submits", {}).get("requests_per_pilot", 0.0)
    if per_pilot > PER_PILOT.get(api, 0.0) * ROUNDING:
        wrong.append(f"{api}: {per_pilot:g} requests per pilot, should be {PER_PILOT[api]:g}")
    ratios = found.get("ratios", {})
    wrong += [
        f"{name.replace('_', ' ')}: {ratios[name]:.0f} times, should be {limit:.0f}"
        for name, limit in LEAST.items()
        if name in ratios and ratios[name] < limit * _part(name, ratios["jobs"])
    ]
    return wrong


def _part(name: str, jobs: float) -> float:
    """The gateway asks for all jobs in one request: with few of them that is not worth so much."""
    return min(jobs / 1000, 1.0) if name == "fewer_requests" else 1.0


def _show(found: Mapping[str, Figures], missed: list[str]) -> None:
    from rich.console import Console  # noqa: PLC0415 (not for --json)
    from rich.table import Table  # noqa: PLC0415

    table = Table("", "figure", "value", "target")
    for api, parts in found.items():
        for part, figures in parts.items():
            rows = figures.items() if isinstance(figures, dict) else [(part, figures)]
            for name, value in rows:
                table.add_row(f"{api}: {part}", name, _shown(value), _target(api, part, name))
            table.add_section()
    console = Console()
    console.print(table)
    for words in missed:
        console.print(words)


def _shown(value: object) -> str:
    return f"{value:,.3g}" if isinstance(value, float) else str(value)


def _target(api: str, part: str, name: str) -> str:
    if part == "ratios":
        return f">= {LEAST[name]:g}" if name in LEAST else ""
    limit = MOST.get(part, {}).get(name)
    if name == "requests_per_pilot":
        limit = PER_PILOT.get(api)
    return "" if limit is None else f"<= {limit:g}"
