# SPDX-License-Identifier: Apache-2.0
"""Two frequent conditions decided without an evaluation, where both values are plain literals:
a comparison of numbers, and a word in a list of words. Equal to ClassAd semantics by test.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from typing import NamedTuple

from condor_plugins.core.reaching import OTHER, Side, Table

# Whole numbers below 2**53 and finite reals: Python and ClassAd compare them alike.
_NUMBER = r"-?\d{1,15}|-?\d\.\d+E[+-]\d\d"
_LITERAL = rf'{_NUMBER}|"[^"\\]*"'
_OPERAND = rf"(?:(?:MY|TARGET)\.)?[A-Z_]\w*|{_LITERAL}"
_CHARS = r"[A-Za-z0-9_.:/@+-]+"
_IS_NUMBER = re.compile(_NUMBER)
_IS_LITERAL = re.compile(_LITERAL)
_IS_WORD = re.compile(rf'"{_CHARS}"')
_IS_WORDS = re.compile(rf'"{_CHARS}(?:, ?{_CHARS})*"')
_SEPARATOR = re.compile(", ?")
_COMPARISON = re.compile(rf"({_OPERAND}) (<=|<|>=|>) ({_OPERAND})", re.I | re.A)
_MEMBER = re.compile(rf"stringList(I?)Member\(({_OPERAND}),({_OPERAND})\)", re.I | re.A)
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}

Verdict = tuple[int, int]
"""Slots for which it is true, slots for which it is decided."""
UNDECIDED: Verdict = (0, 0)


class Operand(NamedTuple):
    """An attribute of one side, or (without a side) a literal."""

    side: Side | None
    text: str


class Shortcut(NamedTuple):
    """`verdict` takes the text of the job's operand."""

    job: Operand
    verdict: Callable[[str], Verdict]


class Numbers:
    """Slots ordered by a number, so that a comparison is two look-ups."""

    def __init__(self, texts: Iterable[tuple[str, int]]) -> None:
        found: dict[float, int] = {}
        for text, slots in texts:
            if _IS_NUMBER.fullmatch(text):
                found[number(text)] = found.get(number(text), 0) | slots
        self._values = sorted(found)
        self._below = [0]
        for value in self._values:
            self._below.append(self._below[-1] | found[value])

    def compare(self, operator: str, text: str) -> Verdict:
        """Slots whose number stands in this relation to the number in `text`."""
        if not _IS_NUMBER.fullmatch(text):
            return UNDECIDED
        beside = bisect_left if operator in ("<", ">=") else bisect_right
        below, every = self._below[beside(self._values, number(text))], self._below[-1]
        return (below if operator[0] == "<" else every & ~below), every


class Words:
    """Slots by a word of theirs."""

    def __init__(self, texts: Iterable[tuple[str, int]], fold: bool) -> None:
        self._fold, self._every = fold, 0
        self._of: dict[str, int] = {}
        for text, slots in texts:
            if _IS_WORD.fullmatch(text):
                word = self._folded(text[1:-1])
                self._of[word] = self._of.get(word, 0) | slots
                self._every |= slots

    def _folded(self, text: str) -> str:
        return text.lower() if self._fold else text

    def listed(self, text: str) -> Verdict:
        """Slots whose word is in the list in `text`."""
        if not _IS_WORDS.fullmatch(text):
            return UNDECIDED
        holds = 0
        for word in _SEPARATOR.split(self._folded(text[1:-1])):
            holds |= self._of.get(word, 0)
        return holds, self._every


def number(text: str) -> float:
    """A literal as Python's number; a whole one stays whole."""
    return float(text) if "." in text else int(text)


class Shortcuts:
    """Finds the shortcut of a condition; slots are put in order once for each attribute."""

    def __init__(self, tables: dict[Side, Table]) -> None:
        self.tables = tables
        self._numbers: dict[str, Numbers] = {}
        self._words: dict[tuple[str, bool], Words] = {}

    def of(self, text: str, side: Side) -> Shortcut | None:
        """The shortcut of this condition of `side`; None: it has to be evaluated."""
        if found := _COMPARISON.fullmatch(text):
            left, right = self._operand(found[1], side), self._operand(found[3], side)
            if right.side == "slot" or left.side == "job":
                return self._comparison(right, _MIRRORED[found[2]], left)
            return self._comparison(left, found[2], right)
        if found := _MEMBER.fullmatch(text):
            word, words = self._operand(found[2], side), self._operand(found[3], side)
            return self._membership(word, words, bool(found[1]))
        return None

    def _comparison(self, slot: Operand, operator: str, job: Operand) -> Shortcut | None:
        if slot.side == "job" or job.side == "slot":
            return None
        numbers = self._numbers.get(slot.text)
        if numbers is None:
            numbers = self._numbers[slot.text] = Numbers(self._slots_by(slot))
        return Shortcut(job, lambda text: numbers.compare(operator, text))

    def _membership(self, slot: Operand, job: Operand, fold: bool) -> Shortcut | None:
        if slot.side == "job" or job.side == "slot":
            return None
        words = self._words.get((slot.text, fold))
        if words is None:
            words = self._words[slot.text, fold] = Words(self._slots_by(slot), fold)
        return Shortcut(job, words.listed)

    def _slots_by(self, operand: Operand) -> Iterable[tuple[str, int]]:
        """Values of a slot's attribute, with the slots that have each; a literal is of all."""
        if operand.side is None:
            return [(operand.text, self.tables["slot"].all)]
        return [
            (text, slots) for text, slots in self.tables["slot"].masks(operand.text).items() if text
        ]

    def _operand(self, text: str, side: Side) -> Operand:
        if _IS_LITERAL.fullmatch(text):
            return Operand(None, text)
        scope, _, name = text.lower().rpartition(".")
        others = scope != "my" and self.tables[side].distinct(name) == {None}
        return Operand(OTHER[side] if scope == "target" or others else side, name)
