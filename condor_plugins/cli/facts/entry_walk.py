# SPDX-License-Identifier: Apache-2.0
"""Why an entry has the pilots that it has: its gates, from the configuration to the queue."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from condor_plugins.cli.facts.cycle import Cycle
from condor_plugins.cli.facts.gates import (
    Gate,
    Supplied,
    Walk,
    asking,
    at_work,
    governor,
    in_words,
    limits,
    pilot_counts,
    provisioner,
    supplied,
)
from condor_plugins.cli.facts.reasons import against, matching_reason, objections
from condor_plugins.cli.looking import Sight
from condor_plugins.cli.times import lasting
from condor_plugins.cli.words import counted
from condor_plugins.core.asking import speeds
from condor_plugins.core.plan import Fate, Request
from condor_plugins.core.policy import Entry


@dataclass(frozen=True, slots=True)
class _Scene:
    """One entry with all that concerns it."""

    sight: Sight
    entry: Entry
    requests: Sequence[Request]
    fates: Sequence[Fate]


def walk_entry(sight: Sight, name: str, cycle: Cycle) -> Walk:
    """Its gates; those behind the first one that cannot be passed at all are left out."""
    entry = sight.policy.entries.get(name)
    if entry is None:
        gate = _unreadable(sight, name)
        return Walk(f"Entry {name} is not used: {gate.text}.", (gate,))
    requests = [one for one in sight.plan.requests if one.entry == name]
    scene = _Scene(sight, entry, requests, _matching(sight, name))
    gates = tuple(_gates(scene, cycle))
    return Walk(_conclusion(scene, gates), gates)


def _unreadable(sight: Sight, name: str) -> Gate:
    knob = f"GLIDEIN_ENTRY_{name}".upper()
    wrong = tuple(
        str(one)
        for one in sight.problems
        if one.knob.upper() == knob or name in one.text.split(",")[0].split()
    )
    text = wrong[0] if wrong else "it is not in GLIDEIN_ENTRY_NAMES"
    return Gate("configured", False, text, {}, wrong)


def _matching(sight: Sight, name: str) -> list[Fate]:
    """What became of the jobs that its pilots would run."""
    mine = sum(1 << at for at, one in enumerate(sight.plan.requests) if one.entry == name)
    return [fate for fate in sight.plan.fates if fate.mask & mine]


def _gates(scene: _Scene, cycle: Cycle) -> Iterator[Gate]:
    yield _configured(scene)
    yield _pilot(scene)
    yield _not_down(scene)
    yield _breaker(scene)
    yield _jobs(scene)
    yield _elsewhere(scene)
    yield limits(scene.sight, scene.requests)
    yield governor(scene.sight)
    yield asking(scene.requests, "group")
    yield _pilots(scene)
    yield provisioner(cycle, scene.sight.policy.settings.dry_run)


def _configured(scene: _Scene) -> Gate:
    shape = scene.entry.shape
    groups = [one.group for one in scene.requests]
    size = f"{scene.entry.site}, {counted(shape.cpus, 'core')}, {shape.memory_mb} MiB"
    if not groups:
        return Gate("configured", False, "its groups: none, no group's Entries expression is true")
    return Gate("configured", True, f"{size}; for group {', '.join(groups)}")


def _pilot(scene: _Scene) -> Gate:
    reason = scene.sight.unmade.get(scene.entry.name)
    if reason is not None:
        return Gate("pilot", False, f"no pilot can be made: {reason}")
    return Gate("pilot", True, "can be made")


def _not_down(scene: _Scene) -> Gate:
    """A downtime shuts all requests, a pilot cluster that a person holds only its own."""
    shut = [one for one in scene.requests if one.shut]
    if not shut or scene.entry.name in scene.sight.unmade:
        return Gate("open", True, "no downtime, no pilot cluster on hold")
    told = tuple(dict.fromkeys(text for one in shut for text in against(scene.sight, one)))
    closed = False if len(shut) == len(scene.requests) else None
    return Gate("open", closed, "; ".join(told), {}, tuple(f"{r.group}: {r.shut}" for r in shut))


def _breaker(scene: _Scene) -> Gate:
    known = scene.sight.plan.grounds.learned.breakers.get(scene.entry.name)
    if known is None:
        return Gate("breaker", True, "closed")
    state, room, sentence = known
    let = {"closed": True, "open": False}.get(state)
    return Gate(
        "breaker", let, f"its breaker is {state}: {sentence}", {"room": room} if let is None else {}
    )


def _jobs(scene: _Scene) -> Gate:
    """Which idle jobs its pilots would run, and if none: why not those that are most."""
    total = supplied(scene.fates)
    groups: Counter[str] = Counter()
    for fate in scene.fates:
        groups[fate.group] += fate.count
    details = tuple(f"group {name}: {counted(jobs, 'job')}" for name, jobs in groups.most_common())
    if total.jobs:
        text = f"{counted(total.jobs, 'idle job')} of {counted(total.kinds, 'kind')} match it"
        return Gate("jobs", True, text, {"jobs": total.jobs, "kinds": total.kinds}, details)
    return _no_jobs(scene)


def _no_jobs(scene: _Scene) -> Gate:
    served = {one.group: one for one in scene.requests}
    others = [fate for fate in scene.sight.plan.fates if fate.group in served]
    jobs = sum(fate.count for fate in others)
    if not jobs:
        return Gate("jobs", False, "no job of its groups is idle", {"jobs": 0, "kinds": 0})
    text = f"none of the {counted(jobs, 'idle job')} of its groups matches it"
    most = sorted(others, key=lambda fate: -fate.count)[:3]
    kinds = {kind.signature: kind for kind in scene.sight.seen.kinds}
    details = tuple(
        f"{counted(fate.count, 'job')} like {fate.example}: {clause}"
        for fate in most
        for clause in objections(scene.sight, kinds[fate.signature], served[fate.group])[:1]
    )
    return Gate("jobs", False, text, {"jobs": 0, "kinds": 0}, details)


def _elsewhere(scene: _Scene) -> Gate:
    """What the jobs that match get, here and elsewhere."""
    total, here = supplied(scene.fates), _asked_here(scene)
    counts = {
        "settling": total.settling,
        "in_slots": total.in_slots,
        "in_coming": total.in_coming,
        "asked_here": here,
        "asked_elsewhere": total.asked - here,
        "unmet": total.unmet,
    }
    text = (
        f"{total.in_slots} in free slots, {total.in_coming} in coming pilots, {here} asked for"
        f" here, {total.asked - here} at other entries, {total.unmet} nowhere"
    )
    if total.settling:
        text += f", {total.settling} not idle for long enough"
    return Gate("of these", None, text, counts, (_share(scene),) if total.asked else ())


def _asked_here(scene: _Scene) -> int:
    return sum(fate.asked.get(scene.entry.name, 0) for fate in scene.fates)


def _share(scene: _Scene) -> str:
    """By which measure jobs are divided among entries, of those that serve the same groups."""
    plan, groups = scene.sight.plan, {one.group for one in scene.requests}
    speed = speeds(scene.sight.policy, plan.grounds.learned)
    rivals = {one.entry for one in plan.requests if one.group in groups and not one.shut}
    total = sum(speed[name] for name in rivals | {scene.entry.name})
    part = speed[scene.entry.name] / total if total else 0.0
    return f"its share beside the other open entries of its groups: {part:.0%} (weight, cost, wait)"


def _pilots(scene: _Scene) -> Gate:
    counts = pilot_counts(scene.requests)
    name = scene.entry.name
    longest_s = max(
        (one.longest_wait_s for one in scene.sight.seen.clusters if one.entry == name), default=0.0
    )
    wait_s = scene.sight.plan.grounds.learned.waits_s.get(name)
    details = [f"longest wait now: {lasting(longest_s)}"] if counts["waiting"] else []
    known = "not known, no start was seen" if wait_s is None else lasting(wait_s)
    details.append(f"expected wait of a new pilot: {known}")
    for one in scene.requests:
        details += [f"held: {counted(n, 'pilot')}: {why}" for why, n in one.hold_reasons]
    return Gate("pilots", None, in_words(counts), counts, tuple(details))


def _conclusion(scene: _Scene, gates: Sequence[Gate]) -> str:
    by_name = {gate.name: gate for gate in gates}
    entry, last = f"Entry {scene.entry.name}", at_work(by_name["provisioner"])
    for name in ("configured", "pilot", "open", "governor", "breaker", "jobs"):
        gate = by_name[name]
        if gate.open is False:
            first = f": {gate.details[0]}" if name == "jobs" and gate.details else ""
            return f"{entry} is asked for no more pilots: {gate.text}{first}.{last}"
    return f"{entry} {_outcome(scene, supplied(scene.fates))}.{last}"


def _outcome(scene: _Scene, total: Supplied) -> str:
    granted = sum(one.granted for one in scene.requests)
    have = f"{counted(total.jobs, 'idle job')} that match"
    if total.unmet:
        why = matching_reason(_cuts(scene))
        left = f"{total.unmet} of the {have} get nothing now"
        return f"is granted {counted(granted, 'pilot')} and no more because {why}; {left}"
    if granted:
        waiting = sum(one.waiting for one in scene.requests)
        return f"is granted the {counted(granted, 'pilot')} wanted for the {have}; {waiting} wait"
    return f"needs no more pilots for the {have}: {total.in_words()}"


def _cuts(scene: _Scene) -> Iterator[str]:
    """What keeps it from being asked for more, for those jobs that are most."""
    most = max(scene.fates, key=lambda fate: fate.unmet)
    kind = next(one for one in scene.sight.seen.kinds if one.signature == most.signature)
    for one in scene.requests:
        yield from against(scene.sight, one, kind.each)
