# SPDX-License-Identifier: Apache-2.0
"""Globus Compute's envelopes around plain source and JSON, so that no dill is needed.

A buffer is a two-letter id, a line end and a body; code and arguments go as buffers with their
length in front, results without.
"""

import json
from typing import Any

from condor_plugins.facility.globus_functions import Function
from condor_plugins.facility.values import NoNews

# Plain source, and JSON.
SOURCE, JSON = "st\n", "11\n"
SERIALIZERS = ["globus_compute_sdk.serialize.JSONData"]


def code(function: Function) -> str:
    """The function_code of a registration."""
    return _packed(f"{SOURCE}{function.name}:{function.source}")


def arguments(asked: Any) -> str:
    """A payload: one positional argument and no other. ASCII: nobody need agree on a charset."""
    return _packed(JSON + json.dumps([asked])) + _packed(JSON + "{}")


def result(text: Any) -> dict[str, Any]:
    """The object that one of our functions returned; NoNews if it is anything else."""
    try:
        found = json.loads(text.removeprefix(JSON))
    except (AttributeError, TypeError, ValueError, RecursionError) as err:
        raise NoNews("the task's result is no JSON") from err
    if not text.startswith(JSON) or not isinstance(found, dict):
        raise NoNews("the task's result is none of ours")
    return found


def _packed(buffer: str) -> str:
    return f"{len(buffer)}\n{buffer}"
