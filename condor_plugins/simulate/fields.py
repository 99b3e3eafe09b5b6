# SPDX-License-Identifier: Apache-2.0
"""Read JSON by tables of keys: every wrong value is refused with its key and what was expected."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import classad2

from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.reading import nearest
from condor_plugins.simulate.draws import Draw, Shape

# where the value stands in the file, the value → the value as it is used
Reader = Callable[[str, Any], Any]
_PARAMETERS: Mapping[Shape, tuple[str, ...]] = {
    "lognormal": ("median", "sigma"),
    "exponential": ("mean",),
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an object; without `required` its `default` stands in where it is missing."""

    read: Reader
    default: Any = None
    required: bool = False


def read_object(where: str, value: object, keys: Mapping[str, Key]) -> dict[str, Any]:
    """The values of an object by key. Raises Misconfigured for the first one that is wrong."""
    if not isinstance(value, dict):
        raise refused(where, "should be an object { }", value)
    for name in value:
        if name not in keys:
            raise Misconfigured(f"{_within(where, name)}: no such key{nearest(name, keys)}")
    for name, key in keys.items():
        if key.required and name not in value:
            raise Misconfigured(f"{_within(where, name)}: is missing")
    return {
        name: key.read(_within(where, name), value[name]) if name in value else key.default
        for name, key in keys.items()
    }


def read_list(where: str, value: object, keys: Mapping[str, Key]) -> list[dict[str, Any]]:
    """A list of objects, at least one."""
    if not isinstance(value, list) or not value:
        raise refused(where, "should be a list [ ] of at least one object", value)
    return [read_object(f"{where}[{at}]", one, keys) for at, one in enumerate(value)]


def whole(least: int) -> Reader:
    def read(where: str, value: object) -> int:
        if not _is_number(value) or value != int(value) or value < least:
            raise refused(where, f"should be a whole number of at least {least}", value)
        return int(value)

    return read


def number(least: float, most: float = math.inf) -> Reader:
    span = f"of at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"

    def read(where: str, value: object) -> float:
        if not _is_number(value) or not least <= value <= most:
            raise refused(where, f"should be a number {span}", value)
        return float(value)

    return read


def text(where: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise refused(where, "should be a text", value)
    return value


def expression(where: str, value: object) -> str:
    found = text(where, value)
    try:
        classad2.ExprTree(found)
    except (classad2.ClassAdException, ValueError) as err:
        raise refused(where, "should be a ClassAd expression", value) from err
    return found


def draw(where: str, value: object) -> Draw:
    """A number of seconds, or one distribution by its name."""
    if _is_number(value):
        return Draw("constant", number(0)(where, value))
    if not isinstance(value, dict) or len(value) != 1:
        raise refused(where, "should be a number of seconds or one distribution", value)
    shape, given = next(iter(value.items()))
    within = f"{where}.{shape}"
    if shape == "uniform":
        return _uniform(within, given)
    if shape not in _PARAMETERS:
        raise Misconfigured(
            f"{within}: no such distribution{nearest(shape, [*_PARAMETERS, 'uniform'])}"
        )
    keys = {name: Key(_positive, required=True) for name in _PARAMETERS[shape]}
    return Draw(shape, *read_object(within, given, keys).values())


def refused(where: str, expected: str, value: object) -> Misconfigured:
    shown = repr(value)
    return Misconfigured(f"{where}: {expected}, is {shown[:60]}{'…' * (len(shown) > 60)}")


def _uniform(where: str, given: object) -> Draw:
    if not isinstance(given, list) or len(given) != 2:
        raise refused(where, "should be [least, most]", given)
    least, most = (number(0)(where, one) for one in given)
    if least > most:
        raise refused(where, "should be [least, most]", given)
    return Draw("uniform", least, most)


def _positive(where: str, value: object) -> float:
    if not _is_number(value) or value <= 0:
        raise refused(where, "should be a number above 0", value)
    return float(value)


def _is_number(value: object) -> TypeGuard[int | float]:
    """JSON's true is an int to Python, and its NaN a float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _within(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
