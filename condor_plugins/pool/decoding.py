# SPDX-License-Identifier: Apache-2.0
"""Values that came back from JSON become what they were, by the types of the named tuple."""

import math
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_origin, get_type_hints

Read = Callable[[Any], Any]


def decoded(kind: Any, value: Any) -> Any:
    """A `kind` from plain values; None when it cannot be one. What is wrong inside is left out:
    a field takes its default, an element of a mapping or a tuple of any length is dropped.
    """
    return _reader(kind)(value)


def _reader(kind: Any) -> Read:
    """Made once for a type and then used for each of its values, of which there are thousands."""
    if hasattr(kind, "_fields"):
        return _record(kind)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Mapping:
        return _mapping(_reader(parts[1]))
    if origin is tuple:
        return _many(_reader(parts[0])) if parts[-1] is ... else _few([_reader(p) for p in parts])
    return {float: _real, int: _whole, str: _text, bool: _truth}[kind]


def _record(kind: type) -> Read:
    readers = {name: _reader(hint) for name, hint in get_type_hints(kind).items()}

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            return None
        found = {name: readers[name](one) for name, one in value.items() if name in readers}
        try:
            return kind(**{name: one for name, one in found.items() if one is not None})
        except TypeError:  # a field without a default is not there
            return None

    return read


def _mapping(reader: Read) -> Read:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            return None
        found = {key: reader(one) for key, one in value.items()}
        return {key: one for key, one in found.items() if one is not None}

    return read


def _many(reader: Read) -> Read:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            return None
        return tuple(one for one in map(reader, value) if one is not None)

    return read


def _few(readers: list[Read]) -> Read:
    def read(value: Any) -> Any:
        if not isinstance(value, list) or len(value) != len(readers):
            return None
        found = tuple(reader(one) for reader, one in zip(readers, value, strict=True))
        return None if None in found else found

    return read


def _real(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) else None


def _whole(value: Any) -> int | None:
    number = _real(value)
    return None if number is None else int(number)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
