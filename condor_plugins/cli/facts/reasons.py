# SPDX-License-Identifier: Apache-2.0
"""Why jobs of one kind get what they get: read off the plan and the matcher, never decided anew."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import classad2

from condor_plugins.cli.facts.clauses import FailedClause, failed_clauses, figures, shown_value
from condor_plugins.cli.looking import Sight
from condor_plugins.cli.times import stamp
from condor_plugins.cli.words import counted
from condor_plugins.core.expressions import conjuncts
from condor_plugins.core.limits import cutting
from condor_plugins.core.plan import Fate, Request
from condor_plugins.core.resources import Resources, unused_cores
from condor_plugins.core.snapshot import JobKind

_MOST_NAMED = 3


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
    return [
        _entry_answer(sight, kind, request, (bool(fate.mask >> at & 1), fate.asked))
        for at, request in enumerate(sight.plan.requests)
        if request.group == fate.group
    ]


def _entry_answer(
    sight: Sight, kind: JobKind, request: Request, got: tuple[bool, Mapping[str, int]]
) -> EntryAnswer:
    """`got`: whether it matches, and the jobs asked for by entry."""
    matches, asked = got
    clauses = () if matches else tuple(failed_clauses(sight, kind, request))
    reasons = against(sight, request, kind.each) if matches else tuple(map(str, clauses))
    here = asked.get(request.entry, 0)
    return EntryAnswer(request.entry, request.site, matches, reasons, here, request, clauses)


def against(sight: Sight, request: Request, each: Resources | None = None) -> tuple[str, ...]:
    """What keeps a matching entry from being asked for more; empty when nothing does.

    `each`: the size of the jobs; without it nothing is said of how well they fit.
    """
    if request.shut:
        return (_shut(sight, request),)
    entry = sight.policy.entries[request.entry]
    if entry.weight <= 0:
        return (f"entry {entry.name} has Weight 0",)
    rows = sight.plan.grounds.limits.get((request.group, request.entry), ())
    full = cutting(rows)
    if full or each is None:
        return tuple(_limit(text, request) for text in full)
    unused = round(100 * unused_cores(entry.shape, each))
    most = sight.policy.settings.max_unused
    if unused <= most:
        return ()
    figures = f"{unused} % of a pilot's cores would stay idle, GLIDEIN_MAX_UNUSED is {most}"
    return (f"entry {entry.name} is for jobs that fit it better ({figures})",)


def _shut(sight: Sight, request: Request) -> str:
    if request.entry in sight.unmade:
        return f"entry {request.entry}: no pilot can be made: {sight.unmade[request.entry]}"
    entry = sight.policy.entries[request.entry]
    now_s = sight.seen.now_s
    downtime = sight.policy.downtime_of(entry, now_s) if sight.policy.downtimes else None
    end_s = downtime.end_s if downtime and not downtime.every_s else 0
    return f"entry {request.entry} is {request.shut}" + (
        f" (until {stamp(end_s)})" if end_s else ""
    )


def _limit(text: str, request: Request) -> str:
    """A row like "entry A MaxPilots (6 of 6)" as a sentence; held pilots with their reason."""
    name, _, numbers = text.partition(" (")
    # A row that is no count, as a breaker, begins with its reason.
    sentence = f"{name} {'is reached' if numbers[:1].isdigit() else 'stops it'} ({numbers}"
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
            yield FailedClause("group", text, shown_value(value), shown)


class Reasons:
    """Why the unmet jobs of a kind are not asked for; kinds with the same answer share it."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._kinds = {kind.signature: kind for kind in sight.seen.kinds}
        self._known: dict[tuple[int, Resources], str] = {}

    def unmet(self, fate: Fate) -> str:
        """One sentence."""
        kind = self._kinds[fate.signature]
        if not fate.mask:
            return self._no_match(kind, fate.group)
        alike = fate.mask, kind.each
        if alike not in self._known:
            self._known[alike] = self._cut(*alike)
        return self._known[alike]

    def _no_match(self, kind: JobKind, group: str) -> str:
        if not group:
            answers = group_answers(self._sight, kind)
            return listed("no group takes them", refusals(answers))
        mine = [one for one in self._sight.plan.requests if one.group == group]
        if not mine:
            return f"no entry serves group {group}"
        first = (f"{one.entry}: {_first(self._sight, kind, one)}" for one in mine[:_MOST_NAMED])
        return listed("no entry matches", first, len(mine))

    def _cut(self, mask: int, each: Resources) -> str:
        requests = self._sight.plan.requests
        mine = (one for at, one in enumerate(requests) if mask >> at & 1)
        return matching_reason(text for one in mine for text in against(self._sight, one, each))


def _first(sight: Sight, kind: JobKind, request: Request) -> str:
    return next((str(one) for one in failed_clauses(sight, kind, request)), "nothing is against it")


def objections(sight: Sight, kind: JobKind, request: Request) -> list[str]:
    """What a kind of jobs and the pilots of a request have against each other."""
    return [str(one) for one in failed_clauses(sight, kind, request)]


def refusals(answers: Iterable[GroupAnswer]) -> list[str]:
    """What each group's Jobs expression objects to first."""
    return [f"{one.group}: {one.clauses[0]}" for one in answers if one.clauses]


def matching_reason(reasons: Iterable[str]) -> str:
    """What keeps the matching entries from being asked for more."""
    return shortened(dict.fromkeys(reasons)) or _NO_ROOM


_NO_ROOM = "a pilot of the entries that match has no room for such a job"


def listed(what: str, parts: Iterable[str], number: int = 0) -> str:
    """`what: part; part; part; and n more`; `number`: of them all, if not all are given."""
    told = shortened(parts, number)
    return f"{what}: {told}" if told else what


def shortened(parts: Iterable[str], number: int = 0) -> str:
    """The first ones, and how many more there are."""
    every = list(parts)
    shown = every[:_MOST_NAMED]
    left = max(number, len(every)) - len(shown)
    return "; ".join([*shown, *([f"and {left} more"] if left > 0 else [])])
