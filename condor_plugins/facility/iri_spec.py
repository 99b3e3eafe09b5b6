# SPDX-License-Identifier: Apache-2.0
"""A pilot as IRI's JobSpec: only what every facility takes, and switches for the rest."""

import base64
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from condor_plugins.facility.sfapi_script import FEATURES, LIST, WORD, WrongValue, checked
from condor_plugins.facility.values import Facility, Rejected, Resources, Submission

# One word of a command line is at most 128 KiB on Linux.
LONGEST_WORD = 96 * 1024
PAIR = re.compile(r"(?:--)?([A-Za-z_][A-Za-z0-9_-]*)=([^\s\"'\\]+)")


def switch(facility: Facility, name: str, default: bool) -> bool:
    """A switch of the facility's ad; Rejected if it is neither true nor false."""
    said = facility.options.get(name, "").strip().lower()
    if said not in {"", "true", "false"}:
        raise Rejected(f"{name} of facility {facility.name} is {said}, should be true or false")
    return said == "true" if said else default


def job_spec(job: Submission, facility: Facility) -> dict[str, Any]:
    """The body of POST compute/job, without empty fields: some facilities refuse them.

    Rejected where the job asks for what cannot be said.
    """
    root = PurePosixPath(facility.root)
    spec = {
        "executable": "/bin/bash",
        "arguments": arguments(job.script, facility.options.get("Login", "") or "-c"),
        # Where files cannot be moved nobody has made the root before the first pilot does.
        "directory": str(root if switch(facility, "Files", True) else root.parent),
        "name": job.name,
        "stdout_path": job.log,
        "stderr_path": job.log,
        "environment": _pairs("Environment", facility.options.get("Environment", "")),
        "resources": _resources(job.resources),
        "attributes": _attributes(job.resources, facility.options),
    }
    return {name: value for name, value in spec.items() if value}


def arguments(script: str, login: str) -> list[str]:
    """Words for bash that run the script with an untouched standard input.

    The script travels in base64, for ALCF takes no quotes, backslashes and line ends; a short one
    without "$" too, should something over there expand it. exec: signals reach the script itself.
    Rejected for a script that is not ASCII.
    """
    if not script.isascii():
        raise Rejected("the script is not ASCII")
    code = base64.b64encode(script.encode()).decode()
    pieces = [code[at : at + LONGEST_WORD] for at in range(0, len(code), LONGEST_WORD)]
    if len(pieces) <= 1:
        return [login, f"exec /bin/sh <(echo {code} | base64 -d)"]
    words = "".join(f"${{{number}}}" for number in range(1, len(pieces) + 1))
    return [login, f"exec /bin/sh <(echo {words} | base64 -d)", "pilot", *pieces]


def _resources(wanted: Resources) -> dict[str, int]:
    """A count of one is left out where it is the rule: ALCF refuses even to be told."""
    asked = {
        "node_count": wanted.nodes,
        "cpu_cores_per_process": wanted.cpus if wanted.cpus > 1 else 0,
        "gpu_cores_per_process": wanted.gpus,
        "memory": wanted.memory_mb * 1024 * 1024,
    }
    return {name: value for name, value in asked.items() if value > 0}


def _attributes(wanted: Resources, options: Mapping[str, str]) -> dict[str, Any]:
    try:
        _check(wanted, options)
    except WrongValue as err:
        raise Rejected(str(err)) from err
    custom = _pairs("BatchExtraSubmitArgs", wanted.extra) | {
        "constraint": wanted.constraint,
        "licenses": wanted.licenses,
        "filesystems": options.get("Filesystems", ""),
    }
    asked = {
        "duration": wanted.wall_s,
        "queue_name": wanted.queue,
        "account": wanted.project,
        "reservation_id": wanted.reservation,
        "custom_attributes": {name: value for name, value in custom.items() if value},
    }
    return {name: value for name, value in asked.items() if value}


def _check(wanted: Resources, options: Mapping[str, str]) -> None:
    """What a facility may put into a script of its own must not become more than a value."""
    texts = (
        ("queue", wanted.queue, WORD),
        ("project", wanted.project, WORD),
        ("constraint", wanted.constraint, FEATURES),
        ("reservation", wanted.reservation, LIST),
        ("licenses", wanted.licenses, LIST),
        ("Filesystems", options.get("Filesystems", ""), LIST),
    )
    for attribute, value, good in texts:
        if value:
            checked(attribute, value, good)


def _pairs(where: str, text: str) -> dict[str, str]:
    """name=value words, also written as options; nothing else fits into the API's table."""
    found = {}
    for word in text.split():
        pair = PAIR.fullmatch(word)
        if not pair:
            raise Rejected(f"{where}: {word} cannot be sent through this API; write name=value")
        found[pair[1]] = pair[2]
    return found
