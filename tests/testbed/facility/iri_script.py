# SPDX-License-Identifier: Apache-2.0
"""A JobSpec as a batch job of Slurm."""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from .scheduler import Batch

MIB = 1024 * 1024
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OPTION = re.compile(r"[a-z][a-z-]*")
# For facilities without Slurm: which file systems a job needs.
IGNORED = frozenset({"filesystems"})


class WrongSpec(Exception):
    """A valid JobSpec that cannot become a batch job."""


def batch(spec: Mapping[str, Any], queue_option: str) -> Batch:
    """`queue_option`: what a queue is there, "partition" or "qos". Raises WrongSpec.

    Nodes are shared with other jobs, also where exclusive_node_use has its default.
    """
    attributes = spec.get("attributes") or {}
    options = {
        "job-name": spec.get("name"),
        "chdir": spec.get("directory"),
        "output": spec.get("stdout_path"),
        "error": spec.get("stderr_path"),
        "time": _duration(attributes.get("duration")),
        queue_option: attributes.get("queue_name"),
        "account": attributes.get("account"),
        "reservation": attributes.get("reservation_id"),
        "export": None if spec.get("inherit_environment", True) else "NONE",
        **_resources(spec.get("resources") or {}),
        **_custom(attributes.get("custom_attributes") or {}),
    }
    words = [f"--{name}={value}" for name, value in options.items() if value is not None]
    return Batch(_script(spec), options=words)


def _duration(seconds: int | None) -> str | None:
    return None if seconds is None else f"{seconds // 60}:{seconds % 60:02}"


def _resources(wanted: Mapping[str, Any]) -> dict[str, Any]:
    memory = wanted.get("memory")
    return {
        "nodes": wanted.get("node_count"),
        "ntasks": wanted.get("process_count"),
        "ntasks-per-node": wanted.get("processes_per_node"),
        "cpus-per-task": wanted.get("cpu_cores_per_process"),
        "gpus-per-task": wanted.get("gpu_cores_per_process"),
        "mem": None if memory is None else f"{-(-memory // MIB)}M",
    }


def _custom(attributes: Mapping[str, str]) -> dict[str, str]:
    wrong = [name for name in attributes if not OPTION.fullmatch(name)]
    if wrong:
        raise WrongSpec(f"Unknown custom attribute: {wrong[0]}")
    return {name: value for name, value in attributes.items() if name not in IGNORED}


def _script(spec: Mapping[str, Any]) -> str:
    environment = spec.get("environment") or {}
    wrong = [name for name in environment if not NAME.fullmatch(name)]
    if wrong:
        raise WrongSpec(f"Not the name of a variable: {wrong[0]}")
    command = shlex.join([spec["executable"], *(spec.get("arguments") or ())])
    if spec.get("launcher"):
        command = f"{spec['launcher']} {command}"
    if spec.get("stdin_path"):
        command = f"{command} <{shlex.quote(spec['stdin_path'])}"
    after = spec.get("post_launch")
    lines = [
        "#!/bin/bash",
        *(f"export {name}={shlex.quote(value)}" for name, value in environment.items()),
        *([spec["pre_launch"]] if spec.get("pre_launch") else []),
        *([command, "code=$?", after, "exit $code"] if after else [f"exec {command}"]),
    ]
    return "\n".join(lines) + "\n"
