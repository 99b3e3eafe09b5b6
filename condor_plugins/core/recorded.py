# SPDX-License-Identifier: Apache-2.0
"""A cycle as plain values: all that the decision looked at and what it decided, to be kept.

The form follows the types: a value is the list of its fields' values by name. Fields that are left
out of a record take their defaults, and names that are not known here are passed over, so that
records outlive small changes of the types. An ad is its text.
"""

import types
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import classad2

from condor_plugins.core.limit_rows import Pair
from condor_plugins.core.plan import Memory, Plan
from condor_plugins.core.snapshot import Snapshot

RECORD_VERSION = 1


class UnreadableError(Exception):
    """The text says what is wrong with a record."""


class Decided(NamedTuple):
    """One request of the recorded decision."""

    group: str
    entry: str
    wanted: int
    granted: int
    removing: int
    cut_by: tuple[str, ...] = ()
    shut: str = ""


class Decision(NamedTuple):
    """What came of a cycle, as far as a replay compares it."""

    frozen: str = ""
    doubt: str = ""
    requests: tuple[Decided, ...] = ()


class Record(NamedTuple):
    """One cycle: the world it saw, its configuration and memory, and what it decided."""

    seen: Snapshot
    knobs: Mapping[str, str]
    digests: Mapping[Pair, str]
    before: Memory
    decision: Decision
    schedd: str = ""


def decision_of(plan: Plan) -> Decision:
    """What a replay compares of a plan."""
    requests = (
        Decided(r.group, r.entry, r.wanted, r.granted, r.removing, r.cut_by, r.shut)
        for r in plan.requests
    )
    return Decision(plan.frozen, plan.doubt, tuple(requests))


def document_of(record: Record) -> dict[str, Any]:
    """The record as values that JSON knows."""
    return {
        "record": RECORD_VERSION,
        "schedd": record.schedd,
        "seen": plain(record.seen),
        "knobs": dict(record.knobs),
        "digests": [[*pair, digest] for pair, digest in record.digests.items()],
        "before": plain(record.before),
        "decision": plain(record.decision),
    }


def record_of(document: object) -> Record:
    """The record in such values. Raises UnreadableError."""
    if not isinstance(document, dict) or "record" not in document:
        raise UnreadableError("is no record of a cycle")
    if document["record"] != RECORD_VERSION:
        raise UnreadableError(
            f"is a record of form {document['record']}, not of form {RECORD_VERSION}"
        )
    try:
        return Record(
            built(Snapshot, document["seen"]),
            built(Mapping[str, str], document["knobs"]),
            {(group, entry): str(digest) for group, entry, digest in document["digests"]},
            built(Memory, document["before"]),
            built(Decision, document["decision"]),
            str(document.get("schedd", "")),
        )
    except (KeyError, TypeError, ValueError, classad2.ClassAdException) as err:
        raise UnreadableError(f"is damaged: {type(err).__name__}: {err}") from err


def plain(value: object) -> Any:
    """A value of the core as numbers, texts, lists and mappings."""
    if isinstance(value, classad2.ClassAd):
        return str(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, map(plain, value), strict=True))
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def built(kind: Any, value: Any) -> Any:
    """The value of this type that `plain` took apart. Raises TypeError where it does not fit."""
    if hasattr(kind, "_fields"):
        return _object(kind, value)
    if kind is classad2.ClassAd:
        return classad2.ClassAd(_fitting(str, value))
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        return _tuple(inner, _fitting(list, value))
    if origin in _UNIONS:
        return _either(inner, value)
    if origin is not None:
        return {key: built(inner[1], one) for key, one in _fitting(dict, value).items()}
    return float(_fitting(int | float, value)) if kind is float else _fitting(kind, value)


_UNIONS = (Union, types.UnionType)


def _object(kind: Any, value: Any) -> Any:
    known = _hints(kind)
    given = _fitting(dict, value)
    return kind(**{name: built(known[name], one) for name, one in given.items() if name in known})


def _tuple(inner: Sequence[Any], value: list[Any]) -> tuple[Any, ...]:
    if inner[-1] is Ellipsis:
        return tuple(built(inner[0], one) for one in value)
    return tuple(built(kind, one) for kind, one in zip(inner, value, strict=True))


def _either(inner: Sequence[Any], value: Any) -> Any:
    """One type or None; nothing here knows other unions."""
    if value is None and types.NoneType in inner:
        return None
    return built(next(kind for kind in inner if kind is not types.NoneType), value)


def _fitting(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{value!r:.40} is no {getattr(kind, '__name__', kind)}")
    return value


@lru_cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)
