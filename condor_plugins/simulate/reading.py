# SPDX-License-Identifier: Apache-2.0
"""From the JSON of docs/simulate.md to a Scenario."""

import json
import re
from collections.abc import Mapping
from typing import Any

import classad2

from condor_plugins.core.errors import Misconfigured
from condor_plugins.simulate.draws import Draw
from condor_plugins.simulate.fields import (
    Key,
    draw,
    expression,
    number,
    read_list,
    read_object,
    refused,
    text,
    whole,
)
from condor_plugins.simulate.scenario import Batch, Scenario, SiteModel

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_JOIN_S = 30.0
_PRESENT = 10_000
# What condor_submit gives a job that names no size.
_JOB_MEMORY_MB = 128
_JOB_DISK_MB = 1


def _name(where: str, value: object) -> str:
    found = text(where, value)
    if not _NAME.match(found):
        raise refused(where, "should be of letters, digits, '_', '-' and '.' only", value)
    return found


def _values(where: str, value: object) -> Mapping[str, str | int | float | bool]:
    """An object of plain values."""
    if not isinstance(value, dict):
        raise refused(where, "should be an object { }", value)
    for name, one in value.items():
        if not isinstance(one, str | int | float | bool):
            raise refused(f"{where}.{name}", "should be a text, a number, true or false", one)
    return value


def _record(where: str, value: object) -> str:
    """An object as a nested ClassAd."""
    return str(classad2.ClassAd(dict(_values(where, value)))).replace("\n", " ")


def _knobs(where: str, value: object) -> Mapping[str, str]:
    return {name.upper(): str(one) for name, one in _values(where, value).items()}


# The keys that are attributes of the entry; without a value the table's default holds.
_ATTRIBUTES = {
    "site": "Site",
    "cpus": "Cpus",
    "memory_mb": "Memory",
    "disk_mb": "Disk",
    "walltime_s": "WallTime",
    "idle_timeout_s": "IdleTimeout",
    "tail_timeout_s": "TailTimeout",
    "max_pilots": "MaxIdlePilots",
    "max_present": "MaxPilots",
    "weight": "Weight",
    "cost": "Cost",
    "start": "Start",
    "attributes": "Attributes",
}
_ENTRY = {
    "name": Key(_name, required=True),
    "site": Key(text),
    "cpus": Key(whole(1), required=True),
    "memory_mb": Key(whole(1), required=True),
    "disk_mb": Key(whole(1)),
    "walltime_s": Key(whole(300), required=True),
    "idle_timeout_s": Key(whole(1)),
    "tail_timeout_s": Key(whole(1)),
    "max_pilots": Key(whole(0)),
    "max_present": Key(whole(0), _PRESENT),
    "weight": Key(number(0)),
    "cost": Key(number(0)),
    "start": Key(expression),
    "attributes": Key(_record),
    "wait_s": Key(draw, required=True),
    "join_s": Key(draw, Draw("constant", _JOIN_S)),
    "fails": Key(number(0, 1), 0.0),
    "capacity": Key(whole(0)),
}
_JOBS = {
    "at_s": Key(number(0), 0.0),
    "count": Key(whole(1), required=True),
    "runtime_s": Key(draw, required=True),
    "cpus": Key(whole(1), 1),
    "memory_mb": Key(whole(1), _JOB_MEMORY_MB),
    "disk_mb": Key(whole(1), _JOB_DISK_MB),
    "requirements": Key(expression, "true"),
    "owner": Key(text, "user"),
}
_WORLD = {
    "seed": Key(whole(0), 1),
    "horizon_s": Key(number(1), required=True),
    "cycle_s": Key(number(1), 60.0),
    "negotiate_s": Key(number(1), 60.0),
    "entries": Key(lambda where, value: read_list(where, value, _ENTRY), required=True),
    "jobs": Key(lambda where, value: read_list(where, value, _JOBS), required=True),
    "knobs": Key(_knobs, {}),
}


def read_scenario(content: str) -> Scenario:
    """Raises Misconfigured with the key that is wrong, and the nearest known one."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as err:
        raise Misconfigured(f"is no JSON: {err}") from err
    world = read_object("", found, _WORLD)
    entries = world["entries"]
    _each_name_once([entry["name"] for entry in entries])
    return Scenario(
        seed=world["seed"],
        horizon_s=world["horizon_s"],
        cycle_s=world["cycle_s"],
        negotiate_s=world["negotiate_s"],
        entries={entry["name"]: _attributes(entry) for entry in entries},
        sites={entry["name"]: _site(entry) for entry in entries},
        jobs=tuple(Batch(**batch) for batch in world["jobs"]),
        knobs=world["knobs"],
    )


def _each_name_once(names: list[str]) -> None:
    """Names of knobs: those that differ in case only are one."""
    seen: set[str] = set()
    for at, name in enumerate(names):
        if name.upper() in seen:
            raise Misconfigured(f"entries[{at}].name: {name} is there already")
        seen.add(name.upper())


def _attributes(entry: Mapping[str, Any]) -> dict[str, str]:
    chosen = dict(entry) | {"site": entry["site"] or entry["name"]}
    given = {key: chosen[key] for key in _ATTRIBUTES if chosen[key] is not None}
    plain = ("start", "attributes")  # ClassAd text already
    return {
        _ATTRIBUTES[key]: value
        if key in plain
        else str(classad2.quote(value))
        if isinstance(value, str)
        else str(value)
        for key, value in given.items()
    }


def _site(entry: Mapping[str, Any]) -> SiteModel:
    return SiteModel(entry["wait_s"], entry["join_s"], entry["capacity"], entry["fails"])
