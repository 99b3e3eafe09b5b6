# SPDX-License-Identifier: Apache-2.0
"""What a job and a slot have against each other: the clauses that are not true, with figures."""

from collections.abc import Iterator
from dataclasses import dataclass

import classad2

from condor_plugins.cli.looking import Sight
from condor_plugins.core.expressions import needed_of_itself, needed_of_target
from condor_plugins.core.matching import failing_clauses, prototype
from condor_plugins.core.plan import Request
from condor_plugins.core.snapshot import JobKind


@dataclass(frozen=True, slots=True)
class FailedClause:
    """A clause that is not true. `whose`: job, entry or group; `figures`: what it looks at."""

    whose: str
    text: str
    value: str
    figures: tuple[str, ...]

    def __str__(self) -> str:
        value = [] if self.value == "false" else [f"it is {self.value}"]
        seen = ", ".join([*value, *self.figures])
        return f"the {self.whose} requires {self.text}" + (f" ({seen})" if seen else "")


def failed_clauses(sight: Sight, kind: JobKind, request: Request) -> Iterator[FailedClause]:
    """Both sides often refuse for the same figures; one of them is enough for a person."""
    entry, group = sight.policy.entries[request.entry], sight.policy.groups[request.group]
    slot = prototype(entry, group, sight.seen.now_s)
    told: set[frozenset[str]] = set()
    for clause in failing_clauses(kind.ad, slot):
        mine, other = (kind.ad, slot) if clause.owner == "job" else (slot, kind.ad)
        whose = ("job", "entry") if clause.owner == "job" else ("entry", "job")
        shown = tuple(figures(clause.text, mine, other, whose))
        if not shown or frozenset(shown) not in told:
            told.add(frozenset(shown))
            yield FailedClause(clause.owner, clause.text, clause.value, shown)


def figures(
    text: str, mine: classad2.ClassAd, other: classad2.ClassAd, whose: tuple[str, str]
) -> Iterator[str]:
    """The attributes of a clause with their values and whose they are."""
    scope = classad2.ClassAd(str(mine))
    scope["Clause"] = classad2.ExprTree(text)
    names = needed_of_itself(scope, ["Clause"]) | needed_of_target(scope, ["Clause"])
    for name in sorted(names, key=str.lower):
        sides = [(ad, owner) for ad, owner in ((mine, whose[0]), (other, whose[1])) if name in ad]
        if not sides:
            yield f"{name} not defined"
            continue
        ad, owner = sides[0]
        value = ad.lookup(name)
        if isinstance(value, classad2.ExprTree):
            value = value.eval(ad, other if ad is mine else mine)
        yield f"{name} = {shown_value(value)} of the {owner}"


def shown_value(value: object) -> str:
    if isinstance(value, classad2.Value):
        return str(value.name).lower()
    if isinstance(value, bool):
        return str(value).lower()
    return str(classad2.quote(value)) if isinstance(value, str) else str(value)
