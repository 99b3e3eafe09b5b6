# SPDX-License-Identifier: Apache-2.0
"""Why the jobs of a group get what they get: its gates, from its jobs to what is left of them."""

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
from condor_plugins.cli.facts.reasons import Reasons, against
from condor_plugins.cli.looking import Sight
from condor_plugins.cli.words import counted
from condor_plugins.core.plan import Fate, Request
from condor_plugins.core.policy import Group

_MOST_KINDS = 3


@dataclass(frozen=True, slots=True)
class _Scene:
    """One group with all that concerns it."""

    sight: Sight
    group: Group
    requests: Sequence[Request]
    fates: Sequence[Fate]

    @property
    def total(self) -> Supplied:
        return supplied(self.fates)


def walk_group(sight: Sight, name: str, cycle: Cycle) -> Walk:
    """Its gates, in order."""
    group = sight.policy.groups.get(name)
    if group is None:
        knob = f"GLIDEIN_GROUP_{name}".upper()
        wrong = tuple(str(one) for one in sight.problems if one.knob.upper() == knob)
        text = wrong[0] if wrong else "see glidein check"
        gate = Gate("configured", False, text, {}, wrong)
        return Walk(f"Group {name} is not used: {text}.", (gate,))
    requests = [one for one in sight.plan.requests if one.group == name]
    fates = [fate for fate in sight.plan.fates if fate.group == name]
    scene = _Scene(sight, group, requests, fates)
    gates = tuple(_gates(scene, cycle))
    return Walk(_conclusion(scene, gates), gates)


def _gates(scene: _Scene, cycle: Cycle) -> Iterator[Gate]:
    total = scene.total
    yield _entries(scene)
    yield _jobs(scene)
    yield _settled(scene)
    yield _matching(scene)
    yield Gate("slots", None, f"{counted(total.in_slots, 'job')} find room in free slots")
    yield Gate("coming", None, f"{counted(total.in_coming, 'job')} find room in coming pilots")
    yield _asked(scene)
    yield _unmet(scene)
    yield limits(scene.sight, scene.requests)
    yield governor(scene.sight)
    yield asking(scene.requests, "entry")
    counts = pilot_counts(scene.requests)
    yield Gate("pilots", None, in_words(counts), counts)
    yield provisioner(cycle, scene.sight.policy.settings.dry_run)


def _entries(scene: _Scene) -> Gate:
    if not scene.requests:
        return Gate("entries", False, "no entry serves it: its Entries expression is nowhere true")
    shut = [one for one in scene.requests if one.shut]
    served = counted(len(scene.requests), "entry")
    text = f"{served} serve it, {len(shut)} of them shut" if shut else f"{served} serve it"
    details = tuple(text for one in shut for text in against(scene.sight, one))
    counts = {"entries": len(scene.requests), "shut": len(shut)}
    return Gate("entries", len(shut) < len(scene.requests), text, counts, details)


def _jobs(scene: _Scene) -> Gate:
    total, every = scene.total, scene.sight.plan.jobs()
    counts = {"jobs": total.jobs, "kinds": total.kinds, "all_jobs": every}
    if not total.jobs:
        text = f"none of the {counted(every, 'idle job')} in the queue is its: {scene.group.jobs}"
        return Gate("jobs", False, text, counts)
    text = f"{counted(total.jobs, 'idle job')} of {counted(total.kinds, 'kind')}"
    return Gate("jobs", True, text, counts, (f"Jobs: {scene.group.jobs}",))


def _settled(scene: _Scene) -> Gate:
    total, settle_s = scene.total, scene.sight.policy.settings.settle_s
    left = total.jobs - total.settling
    text = f"{left} have been idle for long enough (GLIDEIN_SETTLE is {settle_s} s)"
    counts = {"settled": left, "settling": total.settling}
    return Gate("settled", bool(left) or not total.jobs, text, counts)


def _matching(scene: _Scene) -> Gate:
    """Jobs that some entry would run; of the others the commonest kinds with the reason."""
    lost = [fate for fate in scene.fates if not fate.mask]
    jobs = sum(fate.count for fate in lost)
    fit = scene.total.jobs - jobs
    reasons = Reasons(scene.sight)
    most = sorted(lost, key=lambda fate: -fate.count)[:_MOST_KINDS]
    details = tuple(
        f"{counted(fate.count, 'job')} like {fate.example}: {reasons.unmet(fate)}" for fate in most
    )
    text = f"{counted(fit, 'job')} match at least one entry"
    text += f", {counted(jobs, 'job')} of {counted(len(lost), 'kind')} match none" if jobs else ""
    return Gate(
        "matching", bool(fit) or not jobs, text, {"match": fit, "match_none": jobs}, details
    )


def _asked(scene: _Scene) -> Gate:
    found: Counter[str] = Counter()
    for fate in scene.fates:
        found.update(fate.asked)
    details = tuple(f"{name}: {counted(jobs, 'job')}" for name, jobs in found.most_common())
    text = f"new pilots are asked for {counted(found.total(), 'job')}"
    return Gate("asked", None, text, {"asked": found.total()}, details)


def _unmet(scene: _Scene) -> Gate:
    unmet = scene.total.unmet
    if not unmet:
        return Gate("unmet", True, "0 jobs get nothing now", {"unmet": 0})
    nowhere = sum(fate.unmet for fate in scene.fates if not fate.mask)
    some = f"; {nowhere} of them match no entry" if 0 < nowhere < unmet else ""
    text = f"{counted(unmet, 'job')} get nothing now: {_cuts(scene)}{some}"
    return Gate("unmet", False, text, {"unmet": unmet})


def _cuts(scene: _Scene) -> str:
    """What keeps the entries from being asked for more, for those unmet jobs that are most."""
    left = [fate for fate in scene.fates if fate.unmet and fate.mask]
    if not left:
        return "no entry matches"
    return Reasons(scene.sight).unmet(max(left, key=lambda fate: fate.unmet))


def _conclusion(scene: _Scene, gates: Sequence[Gate]) -> str:
    by_name = {gate.name: gate for gate in gates}
    group, total = f"Group {scene.group.name}", scene.total
    last = at_work(by_name["provisioner"])
    if not total.jobs:
        return f"{group} asks for nothing: {by_name['jobs'].text}."
    for name in ("entries", "settled", "matching", "governor"):
        gate = by_name[name]
        if gate.open is False:
            first = f": {gate.details[0]}" if gate.details else ""
            return f"{group} asks for no more pilots: {gate.text}{first}.{last}"
    if total.unmet:
        text = by_name["unmet"].text
        return f"{group}: of {counted(total.jobs, 'idle job')} {text}.{last}"
    every = counted(total.jobs, "idle job")
    return f"{group}: its {every} find room: {total.in_words()}.{last}"
