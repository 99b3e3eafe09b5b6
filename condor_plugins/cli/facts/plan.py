# SPDX-License-Identifier: Apache-2.0
"""The plan of a cycle now: its actions in words, and the kinds of jobs it leaves unmet."""

from collections.abc import Iterator
from dataclasses import dataclass

from condor_plugins.cli.facts.reasons import Reasons
from condor_plugins.cli.looking import Sight
from condor_plugins.core.plan import (
    Action,
    Edit,
    RemoveCluster,
    RemoveHeld,
    RemoveWaiting,
    Submit,
)


@dataclass(frozen=True, slots=True)
class Unmet:
    """A kind of idle job of which `unmet` of `idle` get nothing now."""

    example: str
    owner: str
    group: str
    cpus: int
    memory_mb: int
    idle: int
    unmet: int
    reason: str


def unmet(sight: Sight, most: int) -> list[Unmet]:
    """The `most` kinds with the most unmet jobs, in that order."""
    reasons = Reasons(sight)
    left = sorted((one for one in sight.plan.fates if one.unmet), key=lambda one: -one.unmet)
    return [
        Unmet(
            fate.example,
            fate.owner,
            fate.group,
            fate.cpus,
            fate.memory_mb,
            fate.count,
            fate.unmet,
            reasons.unmet(fate),
        )
        for fate in left[:most]
    ]


def actions(sight: Sight) -> Iterator[dict[str, str]]:
    """What would be done, in order."""
    for one in sight.plan.actions:
        do = type(one).__name__
        yield {"do": do, "entry": one.entry, "group": one.group, "text": in_words(one)}


def in_words(action: Action) -> str:
    where = f"for group {action.group} at entry {action.entry}"
    match action:
        case Submit(max_idle=max_idle, most=most):
            return f"submit a pilot cluster {where}: keep {max_idle} waiting, {most} at most"
        case Edit(cluster, changes=changes):
            told = ", ".join(f"{_PLAIN.get(name, name)} {value}" for name, value in changes)
            return f"change cluster {cluster} {where}: {told}"
        case RemoveWaiting(cluster, pilots=pilots, reason=reason):
            return f"remove {pilots} waiting pilots of cluster {cluster} {where} ({reason})"
        case RemoveHeld(cluster, reason=reason):
            return f"remove the held pilots of cluster {cluster} {where} ({reason})"
        case RemoveCluster(cluster, reason=reason):
            return f"remove the empty cluster {cluster} {where} ({reason})"


_PLAIN = {
    "JobMaterializeMaxIdle": "keep waiting",
    "JobMaterializeLimit": "at most",
    "GlideinWanted": "wanted",
    "GlideinGranted": "granted",
    "GlideinLimit": "cut by",
}
