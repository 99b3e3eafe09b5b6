# SPDX-License-Identifier: Apache-2.0
"""HTCondor's ways to write arguments, environments and lists of files in one string."""

import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from condor_plugins.gateway.values import WrongJob

if TYPE_CHECKING:
    import classad2

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BLAHPD_WORD = re.compile(r'\s*"((?:\\"|[^"])*)"')


def one_line(attribute: str, text: str) -> str:
    """The text, if it can be carried over. Raises WrongJob for control characters."""
    found = _CONTROL.search(text)
    if found:
        raise WrongJob(f"{attribute} holds the control character {found.group()!r}")
    return text


def split_v2(attribute: str, text: str) -> list[str]:
    """HTCondor's new syntax: blanks separate, '…' quotes, '' inside of quotes is a quote."""
    words: list[str] = []
    word: list[str] | None = None
    quoted, at = False, 0
    while at < len(text):
        sign = text[at]
        if sign in " \t\r\n" and not quoted:
            if word is not None:
                words.append("".join(word))
            word = None
        else:
            word = [] if word is None else word
            twice = sign == "'" and quoted and text[at + 1 : at + 2] == "'"
            if twice or sign != "'":
                word.append(sign)
            else:
                quoted = not quoted
            at += twice
        at += 1
    if quoted:
        raise WrongJob(f"{attribute}: a single quote is not closed")
    return words if word is None else [*words, "".join(word)]


def split_blahpd(attribute: str, text: str) -> list[str]:
    """What blahpd makes of the new syntax for its scripts: "…" "…", with \\" for a quote in one."""
    words, at = [], 0
    text = text.rstrip()
    while at < len(text):
        found = _BLAHPD_WORD.match(text, at)
        if found is None:
            raise WrongJob(f"{attribute}: blahpd should have quoted all of it")
        # blahpd escapes these once too often for wordexp.
        words.append(re.sub(r'\\(["()&])', r"\1", found.group(1)))
        at = found.end()
    return words


def assignments(attribute: str, words: list[str]) -> tuple[tuple[str, str], ...]:
    """NAME=value; the last of the same name is in force."""
    made = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise WrongJob(f"{attribute}: {word[:60]!r} should be NAME=value")
        made[name] = value
    return tuple(made.items())


def file_list(text: str) -> list[str]:
    """Names between commas."""
    return [name for part in text.split(",") if (name := part.strip())]


def remaps(text: str) -> dict[str, str]:
    """name=path;name=path, with a backslash before a ; or = that belongs to a name."""
    made = {}
    for part in re.split(r"(?<!\\);", text):
        halves = re.split(r"(?<!\\)=", part, maxsplit=1)
        if len(halves) == 2:
            name, path = (re.sub(r"\\([;=])", r"\1", half).strip() for half in halves)
            made[name] = path
    return made


def plain_values(ad: "classad2.ClassAd", literal: Collection[str]) -> Iterator[tuple[str, str]]:
    """Strings and numbers of a submit ad as text, by attribute in lower case.

    `literal`: attributes that may be no expressions. Undefined is not there; what is an error must
    not look so. Raises WrongJob.
    """
    for name in ad:
        # Undefined and Error are of the type Value, which is an int, too.
        if name.lower() in literal and not isinstance(ad.get(name), str | int | float):
            raise WrongJob(f"{name} should be a plain value, not an expression")
        value = ad.eval(name)
        if type(value).__name__ != "Value":
            if isinstance(value, str | int | float):
                yield name.lower(), str(value)
        elif getattr(value, "name", "") == "Error":
            raise WrongJob(f"{name} evaluates to an error")
