# SPDX-License-Identifier: Apache-2.0
"""What a plan would change, request by request: from what is in force, or from another plan."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from condor_plugins.core.actions import limit_names
from condor_plugins.core.limit_rows import Pair
from condor_plugins.core.plan import Plan, Request
from condor_plugins.core.snapshot import PilotCluster


@dataclass(frozen=True, slots=True)
class Standing:
    """A request as it stands: pilots wanted and kept waiting, present at most, what cuts it."""

    wanted: int = 0
    granted: int = 0
    most: int = 0
    removing: int = 0
    cut_by: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One request before and after; `waiting`: its pilots that wait now."""

    entry: str
    group: str
    waiting: int
    before: Standing = field(default_factory=Standing)
    after: Standing = field(default_factory=Standing)


def in_force(clusters: Iterable[PilotCluster]) -> dict[Pair, Standing]:
    """What the queue keeps to now; a pair's clusters are one request, and its newest one names it.

    The ceiling counts only where something may still come (a cluster set to 0 keeps its old one).
    """
    found: dict[Pair, Standing] = {}
    for one in sorted(clusters, key=lambda one: one.cluster):
        old = found.get((one.group, one.entry), Standing())
        most = one.most if one.max_idle else 0
        found[one.group, one.entry] = Standing(
            one.wanted, old.granted + one.max_idle, old.most + most, 0, one.cut_by
        )
    return found


def planned(plan: Plan) -> dict[Pair, Standing]:
    """What a plan would put in force."""
    return {
        (one.group, one.entry): Standing(
            one.wanted,
            one.granted,
            one.most if one.granted else 0,
            one.removing,
            limit_names(one) if one.wanted > one.granted or one.shut else "",
        )
        for one in plan.requests
    }


def changes(
    before: Mapping[Pair, Standing], after: Mapping[Pair, Standing], requests: Iterable[Request]
) -> list[Change]:
    """Those requests that differ, by entry and group; one that is only on one side too."""
    waiting = {(one.group, one.entry): one.waiting for one in requests}
    nothing = Standing()
    return [
        Change(pair[1], pair[0], waiting.get(pair, 0), old, new)
        for pair in sorted(before.keys() | after.keys(), key=lambda pair: (pair[1], pair[0]))
        if (old := before.get(pair, nothing)) != (new := after.get(pair, nothing))
    ]
