# SPDX-License-Identifier: Apache-2.0
"""Why an idle job waits: one conclusion, and the facts that it rests on."""

from dataclasses import dataclass

from condor_plugins.cli.facts.cycle import Cycle
from condor_plugins.cli.facts.gates import Gate, governor, provisioner
from condor_plugins.cli.facts.reasons import (
    EntryAnswer,
    GroupAnswer,
    entry_answers,
    group_answers,
    listed,
    matching_reason,
    refusals,
)
from condor_plugins.cli.looking import Sight
from condor_plugins.cli.words import counted
from condor_plugins.core.plan import Fate
from condor_plugins.core.snapshot import JobKind


@dataclass(frozen=True, slots=True)
class Supply:
    """Slots in the pool that match the job now, and those of them with room for it."""

    matching: int
    with_room: int


@dataclass(frozen=True, slots=True)
class Why:
    """`fate` counts all idle jobs that are alike; the job is one of them."""

    fate: Fate
    supply: Supply
    entries: tuple[EntryAnswer, ...]
    groups: tuple[GroupAnswer, ...]
    frozen: str
    doubt: str = ""


def why(sight: Sight, kind: JobKind) -> Why:
    """What the decision on this sight says about one kind of job."""
    fate = next(one for one in sight.plan.fates if one.signature == kind.signature)
    return Why(
        fate,
        _supply(sight, kind),
        tuple(entry_answers(sight, kind, fate)),
        () if fate.group else tuple(group_answers(sight, kind)),
        sight.plan.frozen,
        sight.plan.doubt,
    )


def _supply(sight: Sight, kind: JobKind) -> Supply:
    matching = [one for one in sight.seen.slots if sight.matcher.job_in_slot(kind, one)]
    return Supply(len(matching), sum(1 for one in matching if one.free.holds(kind.each)))


def gates(sight: Sight, facts: Why, cycle: Cycle) -> tuple[Gate, ...]:
    """What the jobs that are alike pass on the way to a pilot, in order."""
    fate = facts.fate
    return (
        _group_gate(facts),
        _settled_gate(fate, sight.policy.settings.settle_s),
        _slots_gate(facts),
        _entries_gate(facts),
        Gate("coming", None, f"{fate.in_coming} have room in coming pilots"),
        _asked_gate(fate),
        _unmet_gate(facts),
        governor(sight),
        provisioner(cycle, sight.policy.settings.dry_run),
    )


def _group_gate(facts: Why) -> Gate:
    if facts.fate.group:
        return Gate("group", True, facts.fate.group)
    details = tuple(f"{one.group}: {clause}" for one in facts.groups for clause in one.clauses)
    return Gate("group", False, "none", {}, details)


def _settled_gate(fate: Fate, settle_s: int) -> Gate:
    left = fate.count - fate.settling
    late = f", {fate.settling} not yet (GLIDEIN_SETTLE is {settle_s} s)" if fate.settling else ""
    text = f"{counted(fate.count, 'idle job')}: {left} idle for long enough{late}"
    return Gate("alike", bool(left), text, {"jobs": fate.count, "settling": fate.settling})


def _slots_gate(facts: Why) -> Gate:
    supply = facts.supply
    text = f"{supply.matching} match, {supply.with_room} have room: for {facts.fate.in_slots} jobs"
    counts = {"matching": supply.matching, "with_room": supply.with_room}
    return Gate("slots", None, text, counts | {"in_slots": facts.fate.in_slots})


def _entries_gate(facts: Why) -> Gate:
    """Its details are a table of their own."""
    match = sum(1 for one in facts.entries if one.matches)
    counts = {"entries": len(facts.entries), "match": match}
    return Gate("entries", bool(match), f"{match} of {len(facts.entries)} match", counts)


def _asked_gate(fate: Fate) -> Gate:
    details = tuple(f"{entry}: {counted(jobs, 'job')}" for entry, jobs in fate.asked.items())
    asked = sum(fate.asked.values())
    return Gate("asked", None, f"new pilots are asked for {asked} now", {"asked": asked}, details)


def _unmet_gate(facts: Why) -> Gate:
    unmet = facts.fate.unmet
    why_not = f": {matching_reason(_reasons(facts))}" if unmet and facts.fate.mask else ""
    return Gate("unmet", not unmet, f"{unmet} have none{why_not}", {"unmet": unmet})


def _reasons(facts: Why) -> list[str]:
    """What is against the entries that match."""
    return [text for one in facts.entries if one.matches for text in one.reasons]


def conclusion(job: str, facts: Why, cycle: Cycle, dry_run: bool) -> str:
    """One sentence, and a second one when the provisioner is not at work."""
    fate = facts.fate
    if fate.in_slots == fate.count:
        return (
            f"Job {job} can start: {counted(facts.supply.with_room, 'slot')} with room for it; the"
            f" negotiator has not placed it yet (if that lasts: condor_q -better-analyze {job})."
        )
    if fate.settling and not fate.unmet + sum(fate.asked.values()) + fate.in_coming:
        return (
            f"Job {job} waits because it is not yet demand: {fate.settling} of"
            f" {counted(fate.count, 'job')} like it have not been idle for GLIDEIN_SETTLE."
        )
    if fate.in_slots + fate.in_coming + fate.settling == fate.count:
        return _coming(job, facts)
    if not fate.mask:
        return _nowhere(job, facts)
    if facts.frozen:
        return f"Job {job} waits because nothing is changed now ({facts.frozen})."
    return _waiting(job, facts) + _not_at_work(facts, cycle, dry_run)


def _nowhere(job: str, facts: Why) -> str:
    """For a job that no entry may be asked for."""
    if not facts.fate.group:
        return listed(f"No group takes job {job}", refusals(facts.groups)) + "."
    if not facts.entries:
        return f"No entry can run job {job}: no entry serves its group {facts.fate.group}."
    objections = (f"{one.entry}: {one.first_reason}" for one in facts.entries)
    return listed(f"No entry can run job {job}", objections) + "."


def _coming(job: str, facts: Why) -> str:
    requests = [one.request for one in facts.entries if one.matches]
    coming = [one for one in requests if one.waiting + one.starting]
    where = ", ".join(f"{r.entry} ({r.waiting} waiting, {r.starting} starting)" for r in coming)
    return f"Job {job} waits for pilots that are on their way{f': {where}' if where else ''}."


def _waiting(job: str, facts: Why) -> str:
    """For a job that some entry matches and that has no room in what is there."""
    fate = facts.fate
    if fate.unmet:
        return f"Job {job} waits because {matching_reason(_reasons(facts))}{_others(fate)}."
    asked = ", ".join(f"{entry} ({counted(jobs, 'job')})" for entry, jobs in fate.asked.items())
    return f"Job {job} waits for new pilots, which the next cycle asks for at {asked}."


def _others(fate: Fate) -> str:
    """What the other jobs like it get, where some get something."""
    if fate.unmet == fate.count:
        return ""
    asked = sum(fate.asked.values())
    return (
        f" (of {fate.count} jobs like it {fate.in_slots} have room in slots, {fate.in_coming} in"
        f" coming pilots, {asked} in pilots asked for now; {fate.unmet} have none)"
    )


def _not_at_work(facts: Why, cycle: Cycle, dry_run: bool) -> str:
    """Words are not enough: somebody has to carry them out."""
    if cycle.overdue:
        return f" The provisioner is not at work: last cycle {cycle.in_words()}."
    if dry_run:
        return " GLIDEIN_DRY_RUN is true: nothing is submitted."
    if cycle.frozen:
        return f" In its last cycle the provisioner changed nothing: {cycle.frozen}."
    mine = {(one.request.group, one.request.entry) for one in facts.entries if one.matches}
    failed = [one for one in cycle.failures if (one.group, one.entry) in mine]
    return f" The last cycle failed at entry {failed[0].entry}: {failed[0].text}." if failed else ""
