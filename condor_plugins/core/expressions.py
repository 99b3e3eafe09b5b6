# SPDX-License-Identifier: Apache-2.0
"""Texts of ClassAd expressions: where brackets close, the conjuncts, the attributes they need."""

import re
from collections.abc import Iterable, Iterator

import classad2

_OPEN, _CLOSE, _QUOTES = "([{", ")]}", "\"'"
# Strings and `=?=` are read over as a whole.
_MARKS = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|=\?=|&&|[|?()\[\]{}]', re.S)
_CHANGES = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


def outside_quotes(text: str) -> Iterator[tuple[int, str, int]]:
    """(position, character, depth of brackets after it) of what is not inside quotes."""
    depth, quote, escaped = 0, "", False
    for at, char in enumerate(text):
        if quote:
            if not escaped and char == quote:
                quote = ""
            escaped = not escaped and char == "\\"
        elif char in _QUOTES:
            quote = char
        else:
            depth += (char in _OPEN) - (char in _CLOSE)
            yield at, char, depth


def depth_change(text: str) -> int:
    """Brackets opened minus closed, outside of quotes."""
    return sum((char in _OPEN) - (char in _CLOSE) for _, char, _ in outside_quotes(text))


def conjuncts(text: str) -> list[str]:
    """The parts between the outermost `&&`, enclosing brackets taken off, inner ones opened too.

    An expression with `||` or `?:` outside of brackets is one part: it has no conjuncts.
    """
    text = text.strip()
    cuts, begin, depth, closed = [], 0, 0, -1
    for mark in _MARKS.finditer(text):
        char = mark[0]
        if char in _CHANGES:
            depth += _CHANGES[char]
            if depth == 0 and closed < 0:
                closed = mark.start()
        elif depth == 0 and char in {"|", "?"}:
            return [text]
        elif depth == 0 and char == "&&":
            cuts.append(text[begin : mark.start()])
            begin = mark.end()
    if cuts:
        return [inner for part in (*cuts, text[begin:]) for inner in conjuncts(part)]
    enclosed = text.startswith("(") and closed == len(text) - 1
    return conjuncts(text[1:-1]) if enclosed else [text]


def needed_of_target(ad: classad2.ClassAd, names: Iterable[str]) -> set[str]:
    """Attributes that the expressions under these names want from the other ad."""
    found = {ref for expression in _present(ad, names) for ref in ad.externalRefs(expression)}
    return {ref.rpartition(".")[2] for ref in found if ref and not ref.upper().startswith("MY.")}


def needed_of_itself(ad: classad2.ClassAd, names: Iterable[str]) -> set[str]:
    """Attributes that the expressions under these names want from their own ad, present or not."""
    found: set[str] = set()
    for expression in _present(ad, names):
        found |= set(ad.internalRefs(expression))
        found |= {ref for ref in ad.externalRefs(expression) if "." not in ref}
    return found - {""}  # what a literal gives


def _present(ad: classad2.ClassAd, names: Iterable[str]) -> list[classad2.ExprTree]:
    return [ad.lookup(name) for name in names if name in ad]
