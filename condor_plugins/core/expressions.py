# SPDX-License-Identifier: Apache-2.0
"""Texts of ClassAd expressions: where brackets close, the conjuncts, the attributes they need."""

from collections.abc import Iterable, Iterator

import classad2

_OPEN, _CLOSE, _QUOTES = "([{", ")]}", "\"'"


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
    text = _bare(text.strip())
    marks = [(at, char) for at, char, depth in outside_quotes(text) if depth == 0 and char in "&|?"]
    if any(char == "|" or (char == "?" and not _meta_equal(text, at)) for at, char in marks):
        return [text]
    cuts = [at for at, char in marks if text.startswith("&&", at)]
    if not cuts:
        return [text]
    begins = [0, *(at + 2 for at in cuts)]
    ends = [*cuts, len(text)]
    return [
        clause
        for begin, end in zip(begins, ends, strict=True)
        for clause in conjuncts(text[begin:end])
    ]


def _meta_equal(text: str, at: int) -> bool:
    """Whether the `?` at this place belongs to `=?=`."""
    return text[at - 1 : at + 2] == "=?="


def _bare(text: str) -> str:
    while text.startswith("(") and _closing(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closing(text: str) -> int:
    """Where the bracket that opens `text` closes."""
    return next((at for at, _, depth in outside_quotes(text) if depth == 0), -1)


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
