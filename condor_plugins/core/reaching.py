# SPDX-License-Identifier: Apache-2.0
"""Which attributes of job and slot a condition can depend on, through references, as texts.

Rather too many than too few: what is not understood depends on everything.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, TypeVar

import classad2

Key = TypeVar("Key")
Side = Literal["job", "slot"]
OTHER: dict[Side, Side] = {"job": "slot", "slot": "job"}
# As the name of an attribute: everything about an ad, which its signature stands for.
EVERYTHING = ""
_WORD = re.compile(
    r'"(?:[^"\\]|\\.)*"'  # a string
    r"|\d+(?:\.\d+)?(?:E[+-]?\d+)?"
    r"|(\.?)\s*(?:(MY|TARGET)\s*\.\s*)?('(?:[^'\\]|\\.)*'|[A-Z_]\w*)(\s*\()?",
    re.I | re.S | re.A,
)
# A number, or a string: nothing that refers to anything.
_LITERAL = re.compile(r'-?\d[\d.E+-]*|"(?:[^"\\]|\\.)*"|true|false|undefined', re.S)
_KEYWORDS = frozenset({"true", "false", "undefined", "error", "is", "isnt"})
# Names of whole ads (as HTCondor's match context knows them), and functions that read any text.
_ADS = frozenset({
    "my", "target", "other", "ad", "self", "parent", "root", "toplevel", "left", "right", "lctx",
    "rctx", "eval", "evalineachcontext", "countmatches", "unresolved", "unparse",
})  # fmt: skip
_CLOCKS = frozenset({"time", "currenttime", "abstime", "absolutetime", "formattime", "daytime"})
_CHANCES = frozenset({"random", "usermap", "userhome"})
# UNIX seconds that move along with the clock from cycle to cycle.
MOVING = frozenset({"glidein_todie", "glidein_toretire"})

Ref = tuple[str, str]
End = tuple[Side, str]


def refs(text: str) -> frozenset[Ref]:
    """(scope, name in small letters); scope: my, target, any, deep, or a trait of the expression:
    whole, clock, chance.
    """
    if _LITERAL.fullmatch(text):
        return frozenset()
    return frozenset(_refs(text))


def _refs(text: str) -> Iterator[Ref]:
    nested = "[" in text  # a record: its names resolve in scopes of their own
    for word in _WORD.finditer(text):
        dot, scope, name, call = word.groups()
        if name is None:
            continue
        name = name.strip("'").lower()
        yield from _traits(name)
        if call is None and name not in _KEYWORDS:
            yield "deep" if nested or dot else (scope or "any").lower(), name


def _traits(name: str) -> Iterator[Ref]:
    for trait, names in (("whole", _ADS), ("clock", _CLOCKS), ("chance", _CHANCES)):
        if name in names:
            yield trait, ""


class Table:
    """Ads of one side, read attribute by attribute, and only where something is asked.

    `columns`: texts by attribute that are known already; more are added.
    """

    def __init__(
        self,
        signatures: Sequence[str],
        ad_of: Callable[[int], classad2.ClassAd],
        columns: dict[str, list[str | None]] | None = None,
    ) -> None:
        self.signatures = signatures
        self.columns = {} if columns is None else columns
        self._ad_of = ad_of
        self._ads: dict[int, classad2.ClassAd] = {}
        self._distinct: dict[str, set[str | None]] = {}

    @property
    def all(self) -> int:
        """A bit for every ad."""
        return (1 << len(self.signatures)) - 1

    def ad(self, at: int) -> classad2.ClassAd:
        ad = self._ads.get(at)
        if ad is None:
            ad = self._ads[at] = self._ad_of(at)
        return ad

    def column(self, name: str) -> Sequence[str | None]:
        """The text of this attribute in each ad; None where there is none."""
        if name == EVERYTHING:
            return self.signatures
        found = self.columns.get(name)
        if found is None:
            ads = map(self.ad, range(len(self.signatures)))
            found = self.columns[name] = [_text(ad, name) for ad in ads]
        return found

    def masks(self, name: str) -> dict[str | None, int]:
        """The ads that have each text of this attribute."""
        return masks_of(self.column(name))

    def distinct(self, name: str) -> set[str | None]:
        found = self._distinct.get(name)
        if found is None:
            found = self._distinct[name] = set(self.column(name))
        return found


def masks_of(keys: Iterable[Key]) -> dict[Key, int]:
    """A bit mask of the places at which each key stands."""
    places = defaultdict[Key, list[int]](list)
    for at, key in enumerate(keys):
        places[key].append(at)
    return {key: sum(1 << at for at in found) for key, found in places.items()}


def _text(ad: classad2.ClassAd, name: str) -> str | None:
    try:
        return str(ad.lookup(name))
    except KeyError:
        return None


class Reach(NamedTuple):
    """Attributes that decide a condition and differ among the ads.

    `restless`: its answer may change while the ads stay the same, or move along with the clock.
    """

    job: tuple[str, ...]
    slot: tuple[str, ...]
    restless: bool


class Reader:
    """Follows references through the ads of both sides."""

    def __init__(self, tables: dict[Side, Table]) -> None:
        self.tables = tables
        self._known: dict[End, tuple[set[End], set[str]]] = {}

    def reach(self, text: str, side: Side) -> Reach:
        """What this condition of `side` depends on."""
        found: set[End] = set()
        todo, traits = self._resolved([text], side)
        while todo:
            end = todo.pop()
            if end not in found:
                found.add(end)
                more, theirs = self._beyond(end)
                todo, traits = todo | more, traits | theirs
        if "whole" in traits:
            return Reach((EVERYTHING,), (EVERYTHING,), restless=True)
        # The time that is left lasts: both ends of it move. One end alone does not.
        moves = any(end[0] == "slot" and end[1] in MOVING for end in found)
        restless = "chance" in traits or ("clock" in traits) != moves
        return Reach(self._telling("job", found), self._telling("slot", found), restless)

    def _telling(self, side: Side, found: Iterable[End]) -> tuple[str, ...]:
        names = {name for where, name in found if where == side}
        return tuple(sorted(name for name in names if len(self.tables[side].distinct(name)) > 1))

    def _beyond(self, end: End) -> tuple[set[End], set[str]]:
        """What the values of an attribute refer to."""
        known = self._known.get(end)
        if known is None:
            values = (text for text in self.tables[end[0]].distinct(end[1]) if text is not None)
            known = self._known[end] = self._resolved(values, end[0])
        return known

    def _resolved(self, texts: Iterable[str], side: Side) -> tuple[set[End], set[str]]:
        """What expressions of this side refer to, and their traits."""
        found = set[Ref]().union(*map(refs, texts))
        ends = {
            (where, name)
            for scope, name in found
            if name
            for where in self._where(scope, name, side)
        }
        return ends, {trait for trait, name in found if not name}

    def _where(self, scope: str, name: str, side: Side) -> tuple[Side, ...]:
        """Without a scope, a name is the ad's own, or the other's where the ad has none."""
        if scope == "my":
            return (side,)
        if scope == "target":
            return (OTHER[side],)
        own = self.tables[side].distinct(name)
        if scope == "any" and None not in own:
            return (side,)
        return (OTHER[side],) if scope == "any" and own == {None} else (side, OTHER[side])
