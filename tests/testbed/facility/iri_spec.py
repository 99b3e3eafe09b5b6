# SPDX-License-Identifier: Apache-2.0
"""What a JobSpec may hold, with the reference server's words for what it may not.

Unknown keys are refused at the top only; below it the reference server ignores them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from .iri_forms import EXTRA_KEY, NEEDED

Found = list[tuple[str, str]]
Check = Callable[[str, Any], Found]


def _text(name: str, value: Any) -> Found:
    if not isinstance(value, str):
        return [(name, "Input should be a valid string")]
    return [] if value else [(name, "String should have at least 1 character")]


def _word(name: str, value: Any) -> Found:
    return [] if isinstance(value, str) else [(name, "Input should be a valid string")]


def _truth(name: str, value: Any) -> Found:
    return [] if isinstance(value, bool) else [(name, "Input should be a valid boolean")]


def _count(name: str, value: Any) -> Found:
    if not isinstance(value, int) or isinstance(value, bool):
        return [(name, "Input should be a valid integer")]
    return [] if value >= 1 else [(name, "Input should be greater than or equal to 1")]


def _or_null(check: Check) -> Check:
    return lambda name, value: [] if value is None else check(name, value)


def _words(name: str, value: Any) -> Found:
    if not isinstance(value, list):
        return [(name, "Input should be a valid list")]
    return [wrong for place, one in enumerate(value) for wrong in _word(str(place), one)]


def _table(name: str, value: Any) -> Found:
    if not isinstance(value, dict):
        return [(name, "Input should be a valid dictionary")]
    return [wrong for key, one in value.items() for wrong in _word(key, one)]


def _object(fields: Mapping[str, Check], needed: tuple[str, ...] = ()) -> Check:
    def check(name: str, value: Any) -> Found:
        if not isinstance(value, dict):
            words = "Input should be a valid dictionary or object to extract fields from"
            return [(name, words)]
        missing = [(key, NEEDED) for key in needed if key not in value]
        return missing + [
            wrong for key, rule in fields.items() if key in value for wrong in rule(key, value[key])
        ]

    return check


def _mounts(name: str, value: Any) -> Found:
    if not isinstance(value, list):
        return [(name, "Input should be a valid list")]
    mount = _object(
        {"source": _text, "target": _text, "read_only": _truth}, ("source", "target")
    )  # fmt: skip
    return [wrong for place, one in enumerate(value) for wrong in mount(str(place), one)]


TEXT, COUNT = _or_null(_text), _or_null(_count)
RESOURCES: Mapping[str, Check] = {
    "node_count": COUNT,
    "process_count": COUNT,
    "processes_per_node": COUNT,
    "cpu_cores_per_process": COUNT,
    "gpu_cores_per_process": COUNT,
    "exclusive_node_use": _truth,
    "memory": COUNT,
}
ATTRIBUTES: Mapping[str, Check] = {
    "duration": COUNT,
    "queue_name": TEXT,
    "account": TEXT,
    "reservation_id": TEXT,
    "custom_attributes": _table,
}
FIELDS: Mapping[str, Check] = {
    "executable": TEXT,
    "container": _or_null(_object({"image": _text, "volume_mounts": _mounts}, ("image",))),
    "arguments": _words,
    "directory": TEXT,
    "name": TEXT,
    "inherit_environment": _truth,
    "environment": _table,
    "stdin_path": TEXT,
    "stdout_path": TEXT,
    "stderr_path": TEXT,
    "resources": _or_null(_object(RESOURCES)),
    "attributes": _or_null(_object(ATTRIBUTES)),
    "pre_launch": TEXT,
    "post_launch": TEXT,
    "launcher": TEXT,
}


def check(spec: Mapping[str, Any]) -> Found:
    """All that is wrong, in the order of the model's fields, unknown keys last."""
    found = [wrong for key, rule in FIELDS.items() if key in spec for wrong in rule(key, spec[key])]
    return found + [(key, EXTRA_KEY) for key in spec if key not in FIELDS]
