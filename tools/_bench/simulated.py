# SPDX-License-Identifier: Apache-2.0
"""How well the decision does in the simulated worlds of tools/_bench/worlds."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from condor_plugins.simulate.figures import mean
from condor_plugins.simulate.reading import read_scenario
from condor_plugins.simulate.running import simulate

WORLDS = Path(__file__).resolve().parent / "worlds"
_HEAD = ("world", "t50 (s)", "t90 (s)", "waste", "useless pilots", "pilots", "taken back")
_SHOWN = ("t50_s", "t90_s", "waste_fraction", "useless_fraction", "pilots", "requests_reversed")


def worlds(seeds: int) -> dict[str, dict[str, Any]]:
    """By world the mean of every figure over seeds 1, 2, …, and the figures of `each`."""
    found = {}
    for path in sorted(WORLDS.glob("*.json")):
        scenario = read_scenario(path.read_text(encoding="utf-8"))
        each = [simulate(scenario, seed=seed).figures for seed in range(1, seeds + 1)]
        found[path.stem] = mean(each) | {"each": [asdict(one) for one in each]}
    return found


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """In the form of docs/benchmarks.md."""
    lines = [_HEAD, ("---",) * len(_HEAD)]
    lines += [
        (name, *(_shown(title, figures[title]) for title in _SHOWN))
        for name, figures in found.items()
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "never"
    return f"{value:.1%}" if name.endswith("_fraction") else f"{value:,.0f}"
