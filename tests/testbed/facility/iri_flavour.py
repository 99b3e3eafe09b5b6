# SPDX-License-Identifier: Apache-2.0
"""How facilities differ behind the same API; the switches that imitate them."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Flavour(NamedTuple):
    """`absent`: groups of paths that answer 404. `refused`: what answers 501 in a JobSpec or query.

    `gone`: the status for a job that is not known. `rows`: meta_data holds the scheduler's row.
    `careless`: arguments go unescaped into another language. `zero_ends`: "completed" is a job that
    ended by itself, whatever its exit code. `suffix`: of each job's id. `error_key`: where a failed
    task has its words.
    """

    name: str
    absent: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    bulk: bool = True
    gone: int = 404
    rows: bool = False
    outputs_needed: bool = False
    filesystems_needed: bool = False
    careless: bool = False
    agent_needed: bool = False
    any_exit_completes: bool = False
    suffix: str = ""
    error_key: str = "output"


FLAVOURS = {
    "nersc": Flavour("nersc", rows=True, error_key="error"),
    "alcf": Flavour(
        "alcf",
        absent=frozenset({"capabilities"}),
        refused=frozenset({
            "environment", "stdin_path", "pre_launch", "post_launch", "launcher", "container",
            "inherit_environment", "process_count", "processes_per_node", "cpu_cores_per_process",
            "gpu_cores_per_process", "exclusive_node_use", "reservation_id", "include_spec",
        }),
        gone=400,
        outputs_needed=True,
        filesystems_needed=True,
        careless=True,
        agent_needed=True,
        any_exit_completes=True,
        suffix=".polaris-pbs-01",
    ),
    "olcf": Flavour(
        "olcf",
        absent=frozenset({"filesystem", "account", "task"}),
        bulk=False,
    ),
}  # fmt: skip
# A value that is the model's default asks for nothing.
NOTHING: tuple[Any, ...] = (None, {}, [], "")
HARMLESS: Mapping[str, bool] = {"inherit_environment": True, "exclusive_node_use": True}
CARELESS = ('"', "\n", "\\", "'")


def objection(flavour: Flavour, spec: Mapping[str, Any]) -> tuple[int, str] | None:
    """Why this facility does not take a valid spec, with the status that it answers."""
    attributes = spec.get("attributes") or {}
    asked = {**spec, **(spec.get("resources") or {}), **attributes}
    for name in flavour.refused:
        value = asked.get(name)
        if value not in NOTHING and HARMLESS.get(name) != value:
            return 501, f"{name} is not implemented at this facility."
    if not spec.get("executable"):
        return 400, "executable must be specified."
    if flavour.outputs_needed and not (spec.get("stdout_path") and spec.get("stderr_path")):
        return 400, "stdout_path and stderr_path must be specified."
    custom = attributes.get("custom_attributes") or {}
    if flavour.filesystems_needed and not custom.get("filesystems"):
        return 400, "custom_attributes.filesystems must be specified."
    if flavour.careless and any(sign in one for one in _texts(spec) for sign in CARELESS):
        return 400, "Syntax Error GraphQL: Unexpected character."
    return None


def _texts(spec: Mapping[str, Any]) -> list[str]:
    return [str(one) for one in (*(spec.get("arguments") or ()), spec.get("name") or "")]
