# SPDX-License-Identifier: Apache-2.0
"""The plan of the last cycle as a JSON file, for people's commands and the next cycle."""

import json
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from condor_plugins.core.plan import SCHEMA_VERSION, Fate, Memory, Plan
from condor_plugins.pool.decoding import decoded
from condor_plugins.pool.files import write_atomically

_NAME = "plan.json"
# Of a fate: what only the decision itself can read.
_LONG = frozenset({"signature", "mask", "entries"})


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan as plain values, with its schema version; actions carry their sort as `do`."""
    long = {
        "fates": _fates(plan.fates),
        "actions": [{"do": type(one).__name__} | plain(one) for one in plan.actions],
    }
    names = [name for name in Plan._fields if name not in {*long, "grounds"}]
    short = {name: plain(getattr(plan, name)) for name in names}
    return {"schema": SCHEMA_VERSION} | short | long


def plain(value: Any) -> Any:
    """Named tuples, dataclasses, mappings and sequences as what JSON knows."""
    names = getattr(value, "_fields", None) or getattr(value, "__dataclass_fields__", None)
    if names:
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def _fates(fates: Iterable[Fate]) -> list[dict[str, Any]]:
    """There may be ten thousand, and all that is kept of them is plain already."""
    names = [name for name in Fate._fields if name not in _LONG]
    values_of = attrgetter(*names)
    return [
        dict(zip(names, values_of(fate), strict=True), asked=dict(fate.asked)) for fate in fates
    ]


def write_plan(state_dir: str, plan: Plan, outcomes: Sequence[Mapping[str, str]]) -> None:
    """Replace the file of the last cycle. `outcomes`: what became of each action."""
    document = plan_document(plan) | {"outcomes": list(outcomes)}
    text = json.dumps(document, separators=(",", ":"), check_circular=False)
    write_atomically(Path(state_dir, _NAME), text + "\n")


def read_plan(state_dir: str) -> dict[str, Any]:
    """The last cycle's document; empty when there is none that can be read."""
    try:
        document = json.loads(Path(state_dir, _NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    readable = isinstance(document, dict) and document.get("schema") == SCHEMA_VERSION
    return document if readable else {}


def read_memory(state_dir: str) -> Memory:
    """What the last cycle left for this one; what of it cannot be read is left out, and delays."""
    found = decoded(Memory, read_plan(state_dir).get("memory"))
    return found if isinstance(found, Memory) else Memory()
