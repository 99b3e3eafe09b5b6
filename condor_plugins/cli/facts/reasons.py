# SPDX-License-Identifier: Apache-2.0
"""Why jobs of one kind get what they get: read off the plan and the matcher, never decided anew."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import classad2

from condor_plugins.cli.looking import Sight
from condor_plugins.cli.times import stamp
from condor_plugins.cli.words import counted
from condor_plugins.core.expressions import conjuncts, needed_of_itself, needed_of_target
from condor_plugins.core.matching import failing_clauses, prototype
from condor_plugins.core.plan import Fate, Request
from condor_plugins.core.snapshot import JobKind

_MOST_NAMED = 3


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


@dataclass(frozen=True, slots=True)
class EntryAnswer:
    """What one entry of the group says to one kind of job.

    `matches`: its pilots would run the job. `asked`: jobs of the kind that new pilots are asked
    for here. `reasons`: in words, why not more; empty when nothing is against it.
    """

    entry: str
    site: str
    matches: bool
    reasons: tuple[str, ...]
    asked: int
    request: Request
    clauses: tuple[FailedClause, ...] = ()

    @property
    def first_reason(self) -> str:
        return self.reasons[0] if self.reasons else "nothing is against it"


@dataclass(frozen=True, slots=True)
class GroupAnswer:
    """A group that does not take the job: the clauses of its Jobs expression that are not true."""

    group: str
    clauses: tuple[FailedClause, ...]


def entry_answers(sight: Sight, kind: JobKind, fate: Fate) -> list[EntryAnswer]:
    """Every entry that serves the kind's group."""
    mine = [one for one in sight.plan.requests if one.group == fate.group]
    return [_entry_answer(sight, kind, fate, request) for request in mine]


def _entry_answer(sight: Sight, kind: JobKind, fate: Fate, request: Request) -> EntryAnswer:
    matches = request.entry in fate.matching
    clauses = () if matches else tuple(_clauses(sight, kind, request))
    reasons = against(sight, request) if matches else tuple(map(str, clauses))
    asked = fate.asked.get(request.entry, 0)
    return EntryAnswer(request.entry, request.site, matches, reasons, asked, request, clauses)


def _clauses(sight: Sight, kind: JobKind, request: Request) -> Iterator[FailedClause]:
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
        yield f"{name} = {_shown(value)} of the {owner}"


def _shown(value: object) -> str:
    if isinstance(value, classad2.Value):
        return str(value.name).lower()
    if isinstance(value, bool):
        return str(value).lower()
    return str(classad2.quote(value)) if isinstance(value, str) else str(value)


def against(sight: Sight, request: Request) -> tuple[str, ...]:
    """What keeps a matching entry from being asked for more; empty when nothing does."""
    if request.shut:
        return (_shut(sight, request),)
    return tuple(_limit(text, request) for text in request.cut_by)


def _shut(sight: Sight, request: Request) -> str:
    if request.entry in sight.unmade:
        return f"entry {request.entry}: no pilot can be made: {sight.unmade[request.entry]}"
    downtime = sight.policy.downtimes.get(request.entry)
    end_s = downtime.end_s if downtime else 0
    return f"entry {request.entry} is {request.shut}" + (
        f" (until {stamp(end_s)})" if end_s else ""
    )


def _limit(text: str, request: Request) -> str:
    """A row like "entry A MaxPilots (6 of 6)" as a sentence; held pilots with their reason."""
    name, _, numbers = text.partition(" (")
    sentence = f"{name} is reached ({numbers}"
    if name.endswith("MaxHeldPilots") and request.hold_reasons:
        reason, count = request.hold_reasons[0]
        sentence += f": {counted(count, 'pilot')} held with {reason!r}"
    return sentence


def group_answers(sight: Sight, kind: JobKind) -> list[GroupAnswer]:
    """For a kind that no group takes: what each group's Jobs expression objects to."""
    return [
        GroupAnswer(group.name, tuple(_group_clauses(str(group.jobs), kind)))
        for group in sight.policy.groups.values()
    ]


def _group_clauses(jobs: str, kind: JobKind) -> Iterator[FailedClause]:
    for text in conjuncts(jobs):
        value = classad2.ExprTree(text).eval(kind.ad)
        if value is not True:
            shown = tuple(figures(text, kind.ad, classad2.ClassAd(), ("job", "job")))
            yield FailedClause("group", text, _shown(value), shown)


def unmet_reason(sight: Sight, kind: JobKind, fate: Fate) -> str:
    """Why the unmet jobs of a kind are not asked for, in one sentence."""
    if not fate.group:
        answers = group_answers(sight, kind)
        objections = (f"{one.group}: {one.clauses[0]}" for one in answers if one.clauses)
        return listed("no group takes them", objections)
    entries = entry_answers(sight, kind, fate)
    if not entries:
        return f"no entry serves group {fate.group}"
    if not fate.matching:
        return listed("no entry matches", (f"{one.entry}: {one.first_reason}" for one in entries))
    return matching_reason(entries)


def matching_reason(entries: Iterable[EntryAnswer]) -> str:
    """What keeps the matching entries from being asked for more."""
    reasons = dict.fromkeys(text for one in entries if one.matches for text in one.reasons)
    return "; ".join(reasons) or "a pilot of the entries that match has no room for such a job"


def listed(what: str, parts: Iterable[str]) -> str:
    """`what: part; part; part; and n more`."""
    every = list(parts)
    shown = every[:_MOST_NAMED]
    more = [f"and {len(every) - len(shown)} more"] if len(every) > len(shown) else []
    return f"{what}: {'; '.join([*shown, *more])}" if every else what
