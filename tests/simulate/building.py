# SPDX-License-Identifier: Apache-2.0
"""Small worlds whose every event can be worked out by hand, and decisions made beforehand."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from condor_plugins.core.plan import Action, Edit, Plan, RemoveWaiting, Submit
from condor_plugins.core.snapshot import Snapshot
from condor_plugins.simulate.figures import Figures, figures
from condor_plugins.simulate.knobs import policy_of
from condor_plugins.simulate.reading import read_scenario
from condor_plugins.simulate.scenario import Scenario
from condor_plugins.simulate.world import World

Script = Mapping[int, tuple[Action, ...]]


def entry(**changes: Any) -> dict[str, Any]:
    """4 cores, 100 s of waiting, 30 s to join; leaves after 600 s, or 300 s after its last job."""
    made = {
        "name": "A",
        "cpus": 4,
        "memory_mb": 8000,
        "walltime_s": 86400,
        "max_pilots": 10,
        "wait_s": 100,
        "idle_timeout_s": 600,
    }
    return made | changes


def jobs(**changes: Any) -> dict[str, Any]:
    """4 jobs at the beginning: one core, 1000 s."""
    return {"at_s": 0, "count": 4, "cpus": 1, "memory_mb": 2000, "runtime_s": 1000} | changes


def text(**changes: Any) -> str:
    """The JSON of a world of one entry and one batch of jobs."""
    made = {"horizon_s": 7200, "entries": [entry()], "jobs": [jobs()]}
    return json.dumps(made | changes)


def scenario(**changes: Any) -> Scenario:
    return read_scenario(text(**changes))


def submit(max_idle: int = 1, most: int = 1, name: str = "A") -> Submit:
    return Submit("jobs", name, "simulated", max_idle, most, ())


def edit(cluster: int = 1, **changes: int) -> Edit:
    """`idle` and `most` of a cluster."""
    names = {"idle": "JobMaterializeMaxIdle", "most": "JobMaterializeLimit"}
    pairs = tuple((names[name], str(value)) for name, value in changes.items())
    return Edit(cluster, "jobs", "A", pairs)


def take_back(pilots: int, cluster: int = 1) -> RemoveWaiting:
    return RemoveWaiting(cluster, "jobs", "A", pilots, "surplus")


def played(made: Scenario, script: Script, look: Callable[[Snapshot], None] | None = None) -> World:
    """The world after this script: the actions of cycles, by their number from 0."""
    cycle = 0

    def decide(seen: Snapshot) -> Plan:
        nonlocal cycle
        if look:
            look(seen)
        cycle += 1
        return Plan(seen.now_s, actions=script.get(cycle - 1, ()))

    world = World(made, policy_of(made, {}), decide)
    world.run()
    return world


def result(made: Scenario, script: Script) -> Figures:
    return figures(played(made, script))
