# SPDX-License-Identifier: Apache-2.0
"""The gates between idle jobs and pilots, in the order in which a decision passes them.

What stands in a gate is read off the plan: its figures, and the words of the code that decided.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from condor_plugins.cli.facts.cycle import Cycle
from condor_plugins.cli.looking import Sight
from condor_plugins.cli.words import counted
from condor_plugins.core.limits import cutting
from condor_plugins.core.plan import Fate, Request


@dataclass(frozen=True, slots=True)
class Gate:
    """`open`: whether it lets more pilots come; None: it has no say, its figures only tell.

    `text`: in one line. `details`: what that rests on, a line each.
    """

    name: str
    open: bool | None
    text: str
    counts: Mapping[str, int] = field(default_factory=dict)
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Walk:
    """All gates of one entry or group, and the sentence that they come to."""

    conclusion: str
    gates: tuple[Gate, ...]


@dataclass(frozen=True, slots=True)
class Supplied:
    """Jobs of many fates: where they find room; the parts add up to `jobs`."""

    kinds: int
    jobs: int
    settling: int
    in_slots: int
    in_coming: int
    asked: int
    unmet: int

    def in_words(self) -> str:
        parts = {
            "not idle for long enough": self.settling,
            "in free slots": self.in_slots,
            "in coming pilots": self.in_coming,
            "in pilots asked for now": self.asked,
            "nowhere": self.unmet,
        }
        return ", ".join(f"{jobs} {where}" for where, jobs in parts.items() if jobs)


def supplied(fates: Iterable[Fate]) -> Supplied:
    """The sums over these fates."""
    every = list(fates)
    return Supplied(
        len(every),
        sum(fate.count for fate in every),
        sum(fate.settling for fate in every),
        sum(fate.in_slots for fate in every),
        sum(fate.in_coming for fate in every),
        sum(sum(fate.asked.values()) for fate in every),
        sum(fate.unmet for fate in every),
    )


def governor(sight: Sight) -> Gate:
    """Whether the decision may change anything."""
    plan = sight.plan
    if plan.frozen:
        return Gate("governor", False, f"nothing is changed now: {plan.frozen}")
    if plan.doubt:
        return Gate("governor", None, f"requests do not fall, nothing is removed: {plan.doubt}")
    return Gate("governor", True, "what was seen is believed")


def provisioner(cycle: Cycle, dry_run: bool) -> Gate:
    """Whether somebody carries the decision out."""
    if cycle.overdue:
        return Gate("provisioner", False, f"is not at work: last cycle {cycle.in_words()}")
    if dry_run:
        return Gate("provisioner", False, "GLIDEIN_DRY_RUN is true: nothing is submitted")
    failures = tuple(f"{one.group} at {one.entry}: {one.text}" for one in cycle.failures)
    return Gate("provisioner", not cycle.frozen, f"last cycle {cycle.in_words()}", {}, failures)


def limits(sight: Sight, requests: Sequence[Request]) -> Gate:
    """Every row that these requests have to pass, once, with its figures; full ones first."""
    rows = {
        id(row): row
        for one in requests
        for row in sight.plan.grounds.limits.get((one.group, one.entry), ())
    }
    full = cutting(rows.values())
    loose = tuple(str(row) for row in rows.values() if row.room)
    told = f"{len(full)} of {len(rows)} are reached" if full else f"{len(rows)}, none is reached"
    details = (*(f"reached: {text}" for text in full), *loose)
    return Gate("limits", not full, told, {"rows": len(rows), "full": len(full)}, details)


def asking(requests: Sequence[Request], by: str) -> Gate:
    """Wanted and granted, each request in a line; `by`: the field that tells them apart."""
    wanted, granted = sum(r.wanted for r in requests), sum(r.granted for r in requests)
    text = f"{counted(wanted, 'pilot')} wanted to wait, {granted} granted"
    details = tuple(f"{getattr(one, by)}: {_asked(one)}" for one in requests if _speaks(one))
    counts = {"wanted": wanted, "granted": granted}
    return Gate("request", granted >= wanted, text, counts, details)


def _speaks(one: Request) -> bool:
    return bool(one.wanted or one.waiting or one.running or one.held or one.shut)


def _asked(one: Request) -> str:
    text = f"{one.wanted} wanted, {one.granted} granted, {one.most} at most"
    if one.shut:
        return f"{text}; {one.shut}"
    surplus = f"; {one.surplus} more than jobs need" if one.surplus else ""
    cut = f"; cut by {', '.join(one.cut_by)}" if one.cut_by else ""
    return text + surplus + cut


def pilot_counts(requests: Iterable[Request]) -> dict[str, int]:
    """Pilots by state, over these requests."""
    every = list(requests)
    names = ("waiting", "starting", "running", "held")
    return {name: sum(getattr(one, name) for one in every) for name in names}


def in_words(counts: Mapping[str, int]) -> str:
    """4 waiting, 2 running; none."""
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "none"


def at_work(gate: Gate) -> str:
    """A second sentence, when nobody carries the decision out."""
    return "" if gate.open else f" The provisioner: {gate.text}."
