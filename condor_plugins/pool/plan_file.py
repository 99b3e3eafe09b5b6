# SPDX-License-Identifier: Apache-2.0
"""The plan of the last cycle as a JSON file, for people's commands and the next cycle."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from condor_plugins.core.plan import SCHEMA_VERSION, Memory, Plan, Surplus
from condor_plugins.pool.files import write_atomically

_NAME = "plan.json"


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan as plain values, with its schema version; actions carry their sort as `do`."""
    document = asdict(plan)
    document["actions"] = [{"do": type(one).__name__} | asdict(one) for one in plan.actions]
    return {"schema": SCHEMA_VERSION} | document


def write_plan(state_dir: str, plan: Plan, outcomes: Sequence[Mapping[str, str]]) -> None:
    """Replace the file of the last cycle. `outcomes`: what became of each action."""
    document = plan_document(plan) | {"outcomes": list(outcomes)}
    write_atomically(Path(state_dir, _NAME), json.dumps(document) + "\n")


def read_plan(state_dir: str) -> dict[str, Any]:
    """The last cycle's document; empty when there is none that can be read."""
    try:
        document = json.loads(Path(state_dir, _NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    readable = isinstance(document, dict) and document.get("schema") == SCHEMA_VERSION
    return document if readable else {}


def read_memory(state_dir: str) -> Memory:
    """What the last cycle left for this one; empty when it cannot be read, which only delays."""
    try:
        surplus = read_plan(state_dir)["memory"]["surplus"]
        return Memory({
            key: Surplus(float(one["since_s"]), int(one["least"])) for key, one in surplus.items()
        })
    except (KeyError, TypeError, ValueError, AttributeError):
        return Memory()
