# SPDX-License-Identifier: Apache-2.0
"""Many kinds of jobs against many slots: each condition is evaluated once for each pair of
values that it can tell apart, never once for each pair of ads.

Both Requirements are cut at their outermost `&&`; jobs and slots match where every part is true.
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import classad2

from condor_plugins.core.expressions import conjuncts
from condor_plugins.core.reaching import OTHER, Reach, Reader, Side, Table, masks_of
from condor_plugins.core.shortcuts import UNDECIDED, Shortcut, Shortcuts, Verdict

# ClassAd gives up on an expression nested deeper than 400; cut up, each part would be evaluated.
_MOST_PARTS = 300
_PART = re.compile(r"&&|\|\||[?([{]")
_REFERENCE = re.compile(r"(?:MY\.)?([A-Z_]\w*)", re.I | re.A)

Class = tuple[int, int]
"""One slot ad, and a mask of all the slots that are like it."""


class Condition(NamedTuple):
    """One conjunct of one side's Requirements. `slots`: those for which it counts at all.

    `classes`: the slots that it can tell apart. `answers` by the texts of what it reaches in a job.
    """

    text: str
    side: Side
    slots: int
    reach: Reach
    shortcut: Shortcut | None
    classes: list[Class]
    answers: dict[Hashable, int]


class Crossing:
    """Kinds of jobs and slots of one call. `evaluated` counts ClassAd evaluations."""

    def __init__(self, jobs: Table, slots: Table) -> None:
        self._tables: dict[Side, Table] = {"job": jobs, "slot": slots}
        self._reader, self._shortcuts = Reader(self._tables), Shortcuts(self._tables)
        self._conditions: dict[tuple[str, int], Condition] = {}
        self._trees: dict[str, classad2.ExprTree] = {}
        self._keys: dict[tuple[str, ...], Sequence[Hashable]] = {}
        self._classes: dict[tuple[str, ...], list[Class]] = {}
        self.evaluated = 0

    def masks(self) -> tuple[list[int], list[bool]]:
        """For each kind: a bit for every slot that it matches, and whether that will last."""
        jobs, slots = self._tables["job"], self._tables["slot"]
        count = len(jobs.signatures)
        demands = _demands(slots)
        able = slots.all & ~demands.pop(None, 0)
        found, lasting = [0] * count, [True] * count
        for text, rows in _rows(jobs.column("requirements")).items():
            if text is not None:
                for at in rows:
                    found[at] = able
                parts = dict.fromkeys(_cut(text))
                self._narrow(found, lasting, rows, [self._condition(one) for one in parts])
        own = [self._condition(text, mask) for text, mask in demands.items() if text is not None]
        self._narrow(found, lasting, range(count), own)
        return found, lasting

    def _narrow(
        self,
        found: list[int],
        lasting: list[bool],
        rows: Sequence[int],
        conditions: Iterable[Condition],
    ) -> None:
        """Take out of these rows the slots for which one of the conditions fails."""
        alike = defaultdict[tuple[str, ...], list[Condition]](list)
        for one in conditions:
            alike[one.reach.job].append(one)
            if one.reach.restless:
                for at in rows:
                    lasting[at] = False
        for names, together in alike.items():
            keys, known = self._keys_of(names), dict[Hashable, int]()
            for at in rows:
                key = keys[at]
                mask = known.get(key)
                if mask is None:
                    mask = known[key] = self._together(together, key, at)
                found[at] &= mask

    def _together(self, conditions: Iterable[Condition], key: Hashable, at: int) -> int:
        mask = -1
        for one in conditions:
            answer = one.answers.get(key)
            if answer is None:
                answer = one.answers[key] = self._answer(one, at) | ~one.slots
            mask &= answer
        return mask

    def _answer(self, one: Condition, at: int) -> int:
        """The slots for which the condition holds with this kind."""
        holds, decided = self._verdict(one.shortcut, at)
        if one.slots & ~decided:
            for slot, alike in one.classes:
                if alike & ~decided and self._holds(one, at, slot):
                    holds |= alike
        return holds & one.slots

    def _verdict(self, shortcut: Shortcut | None, at: int) -> Verdict:
        if shortcut is None:
            return UNDECIDED
        operand = shortcut.job
        text = self._tables["job"].column(operand.text)[at] if operand.side else operand.text
        return UNDECIDED if text is None else shortcut.verdict(text)

    def _holds(self, one: Condition, at: int, slot: int) -> bool:
        self.evaluated += 1
        pair = {"job": self._tables["job"].ad(at), "slot": self._tables["slot"].ad(slot)}
        tree = self._trees.get(one.text)
        if tree is None:
            tree = self._trees[one.text] = classad2.ExprTree(one.text)
        return holds(tree, pair[one.side], pair[OTHER[one.side]])

    def _condition(self, text: str, slots: int = -1) -> Condition:
        """A condition of the jobs, or of these slots."""
        one = self._conditions.get((text, slots))
        if one is None:
            side: Side = "job" if slots < 0 else "slot"
            reach, mask = self._reader.reach(text, side), self._tables["slot"].all & slots
            classes = self._classes_of(reach.slot)
            shortcut = self._shortcuts.of(text, side)
            one = Condition(text, side, mask, reach, shortcut, _within(classes, mask), {})
            self._conditions[text, slots] = one
        return one

    def _classes_of(self, names: tuple[str, ...]) -> list[Class]:
        known = self._classes.get(names)
        if known is None:
            masks = masks_of(_keys(self._tables["slot"], names)).values()
            known = [(_first(mask), mask) for mask in masks]
            self._classes[names] = known
        return known

    def _keys_of(self, names: tuple[str, ...]) -> Sequence[Hashable]:
        known = self._keys.get(names)
        if known is None:
            known = self._keys[names] = _keys(self._tables["job"], names)
        return known


def _within(classes: list[Class], slots: int) -> list[Class]:
    """The classes of these slots, each with one of them to stand for it."""
    if slots == sum(alike for _, alike in classes):
        return classes
    found = (alike & slots for _, alike in classes)
    return [(_first(alike), alike) for alike in found if alike]


def _first(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _keys(table: Table, names: tuple[str, ...]) -> Sequence[Hashable]:
    """What tells the ads apart in these attributes."""
    if len(names) == 1:
        return table.column(names[0])
    if not names:
        return [None] * len(table.signatures)
    return list(zip(*map(table.column, names), strict=True))


def holds(tree: classad2.ExprTree, mine: classad2.ClassAd, other: classad2.ClassAd) -> bool:
    """As symmetricMatch takes it: true, or a number that is not zero."""
    try:
        value = tree.eval(mine, other)
    except classad2.ClassAdException:  # nested too deep
        return False
    return value is True or (type(value) in (int, float) and value != 0)


def _rows(texts: Iterable[str | None]) -> dict[str | None, list[int]]:
    """The places of each text."""
    found = defaultdict[str | None, list[int]](list)
    for at, text in enumerate(texts):
        found[text].append(at)
    return found


def _cut(text: str) -> list[str]:
    return [text] if len(_PART.findall(text)) > _MOST_PARTS else conjuncts(text)


def _demands(slots: Table) -> dict[str | None, int]:
    """The conditions of the slots, with the slots that have each; None: of no Requirements."""
    places = defaultdict[str | None, list[int]](list)
    cuts: dict[str, list[str]] = {}
    for at, whole in enumerate(slots.column("requirements")):
        for text in {None} if whole is None else set(_opened(slots, at, whole, cuts)):
            places[text].append(at)
    return {text: sum(1 << at for at in found) for text, found in places.items()}


def _opened(slots: Table, at: int, whole: str, cuts: dict[str, list[str]]) -> list[str]:
    """The conjuncts of a slot's Requirements, and of the attributes that stand for more of them."""
    found: list[str] = []
    todo, seen = [whole], {"requirements"}
    while todo:
        text = todo.pop()
        parts = cuts.get(text)
        if parts is None:
            parts = cuts[text] = _cut(text)
        for part in parts:
            name = _name(part)
            inner = slots.column(name)[at] if name and name not in seen else None
            if inner is None:
                found.append(part)
            else:
                seen.add(name)
                todo.append(inner)
    return found


def _name(part: str) -> str:
    """The attribute of its own that this conjunct is, empty when it is more."""
    found = _REFERENCE.fullmatch(part)
    return found[1].lower() if found else ""
