# SPDX-License-Identifier: Apache-2.0
"""Read knobs and ads by the table: every wrong value becomes a `Problem` that names it."""

import re
from collections.abc import Iterable
from typing import Any, TypeAlias

import classad2

from condor_plugins.core.expressions import depth_change
from condor_plugins.core.problems import Problem
from condor_plugins.core.table import Attribute, Kind, Knob, ObjectKind

Value: TypeAlias = Any  # what the attribute's kind in the table says

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_BEGINS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\s*=(?![=?!])")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class WrongValueError(Exception):
    """The text says what is wrong with one value; the reader adds where."""


def nearest(name: str, known: Iterable[str]) -> str:
    """' (did you mean X?)', or a list of the known names when none is near."""
    from difflib import get_close_matches  # noqa: PLC0415  # only for what is wrong

    by_lower = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {by_lower[close[0]]}?"
    return f"; known: {', '.join(sorted(by_lower.values()))}" if by_lower else ""


def knob_value(knob: Knob, text: str) -> int | bool | str | tuple[str, ...]:
    """The typed value of a knob's text."""
    text = text.strip()
    match knob.kind:
        case "integer":
            return int(_at_least(_integer(text), knob.least, knob.unit))
        case "boolean":
            if text.lower() not in _TRUTH:
                raise WrongValueError(f"should be true or false, is {text!r}")
            return _TRUTH[text.lower()]
        case "names":
            return names(text)
        case _:
            return text


def names(text: str) -> tuple[str, ...]:
    """A list of names as HTCondor writes it, blanks or commas between, each once."""
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


def parse_ad(text: str) -> classad2.ClassAd:
    """The ad in a knob, written with or without square brackets.

    Raises WrongValueError with the first line that does not parse.
    """
    lines = [line for line in text.splitlines() if line.strip() and not _comment(line)]
    if not lines:
        raise WrongValueError("is empty")
    body = "\n".join(lines) if lines[0].strip().startswith("[") else bracketed(lines)
    try:
        return classad2.ClassAd(body)
    except (classad2.ClassAdException, ValueError) as err:
        raise WrongValueError(f"does not parse as a ClassAd{_first_bad_line(lines)}") from err


def bracketed(lines: Iterable[str]) -> str:
    """Lines `Name = expression` as one bracketed ad; an expression may go on over lines."""
    return "[\n" + ";\n".join(_statements(lines)) + "\n]"


def _statements(lines: Iterable[str]) -> list[str]:
    """One text for each `Name = expression`; other lines, or lines inside brackets, go on."""
    done: list[str] = []
    depth = 0
    for line in lines:
        text = line.strip()
        if done and (depth > 0 or not _BEGINS.match(text)):
            done[-1] += " " + text
        else:
            done.append(text)
        depth += depth_change(text)
    return [statement.rstrip("; ") for statement in done]


def _comment(line: str) -> bool:
    return line.lstrip().startswith(("#", "//"))


def _first_bad_line(lines: Iterable[str]) -> str:
    for statement in _statements(lines):
        try:
            classad2.ClassAd(f"[{statement}]")
        except (classad2.ClassAdException, ValueError):
            return f": {statement!r}"
    return ""


def object_values(
    kind: ObjectKind, knob: str, ad: classad2.ClassAd
) -> tuple[dict[str, Value], list[Problem]]:
    """The typed values of an ad by attribute, defaults filled in, and what is wrong with it."""
    names_of = [one.name for one in kind.attributes]
    known = {name.lower() for name in names_of}
    problems = [
        Problem(knob, name, f"no such attribute of {_an(kind.word)}{nearest(name, names_of)}")
        for name in ad
        if name.lower() not in known
    ]
    values: dict[str, Value] = {}
    given = {name.lower(): name for name in ad}
    for attribute in kind.attributes:
        try:
            values[attribute.name] = _value(attribute, ad, given.get(attribute.name.lower()))
        except WrongValueError as wrong:
            problems.append(Problem(knob, attribute.name, str(wrong)))
    return values, problems


def _value(attribute: Attribute, ad: classad2.ClassAd, name: str | None) -> Value:
    if name is not None:
        return _typed(attribute, ad, name)
    if attribute.default is None:
        raise WrongValueError(f"is missing: {attribute.sentence}")
    return _typed(
        attribute, classad2.ClassAd(f"[ {attribute.name} = {attribute.default} ]"), attribute.name
    )


def _typed(attribute: Attribute, ad: classad2.ClassAd, name: str) -> Value:
    if attribute.kind == "expression":
        return ad.lookup(name)
    value = ad.eval(name)
    match attribute.kind:
        # classad2.Value (undefined, error) is an int as well
        case "integer" if isinstance(value, int) and not isinstance(value, bool | classad2.Value):
            return _at_least(value, attribute.least, attribute.unit)
        case "real" if isinstance(value, int | float) and not isinstance(
            value, bool | classad2.Value
        ):
            return _at_least(float(value), attribute.least, attribute.unit)
        case "boolean" if isinstance(value, bool):
            return value
        case "string" if isinstance(value, str):
            return _choice(attribute, value)
        case "record" | "amounts" if isinstance(value, classad2.ClassAd):
            return _nested(attribute, value)
    raise WrongValueError(f"should be {_an(_named(attribute.kind))}, is {ad.lookup(name)}")


def _nested(attribute: Attribute, ad: classad2.ClassAd) -> Value:
    if attribute.kind == "amounts":
        return tuple(sorted((_attribute_name(key), _amount(ad, key)) for key in ad))
    return {_attribute_name(key): ad.lookup(key) for key in ad}


def _amount(ad: classad2.ClassAd, name: str) -> int:
    value = ad.eval(name)
    if not isinstance(value, int) or isinstance(value, bool | classad2.Value) or value < 0:
        raise WrongValueError(f"{name} should be a whole number, is {ad.lookup(name)}")
    return value


def _attribute_name(name: str) -> str:
    if not _NAME.match(name):
        raise WrongValueError(f"has {name!r}, which is no attribute name")
    return name


def _choice(attribute: Attribute, value: str) -> str:
    if attribute.choices and value not in attribute.choices:
        raise WrongValueError(f"is {value!r}{nearest(value, attribute.choices)}")
    return value


def _named(kind: Kind) -> str:
    names_of = {
        "integer": "whole number",
        "real": "number",
        "record": "nested ad in [ ]",
        "amounts": "nested ad of whole numbers",
    }
    return names_of.get(kind, kind)


def _an(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as err:
        raise WrongValueError(f"should be a whole number, is {text!r}") from err


def _at_least(value: float, least: int | None, unit: str) -> float:
    if least is not None and value < least:
        raise WrongValueError(f"is {value:g}, should be at least {least} {unit}".rstrip())
    return value
