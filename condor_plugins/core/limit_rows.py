# SPDX-License-Identifier: Apache-2.0
"""The limit rows of a policy, filled from what is in the queue; shared rows are made once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from condor_plugins.core.limits import Limit
from condor_plugins.core.policy import Entry, Group, Policy
from condor_plugins.core.snapshot import PilotCluster, Snapshot

Pair = tuple[str, str]


class Rows:
    """Limits by owner, and the pilot clusters by who they belong to, oldest first."""

    def __init__(self, seen: Snapshot, policy: Policy, digests: Mapping[Pair, str]) -> None:
        self.of_pair: dict[Pair, list[PilotCluster]] = defaultdict(list)
        self._of_entry: dict[str, list[PilotCluster]] = defaultdict(list)
        self._of_group: dict[str, list[PilotCluster]] = defaultdict(list)
        for one in sorted(seen.clusters, key=lambda one: one.cluster):
            self.of_pair[one.group, one.entry].append(one)
            self._of_entry[one.entry].append(one)
            self._of_group[one.group].append(one)
        self._digests = digests
        self._made: dict[str, list[Limit]] = {}
        settings = policy.settings
        self._all = [
            Limit("GLIDEIN_MAX_PILOTS", settings.max_pilots, _present(seen.clusters)),
            Limit("GLIDEIN_MAX_IDLE_PILOTS", settings.max_idle_pilots, _waiting(seen.clusters)),
        ]

    def limits(self, group: Group, entry: Entry) -> list[Limit]:
        """Every row that a request of this group at this entry has to pass."""
        return [*self._entry_rows(entry), *self._group_rows(group), *self._all]

    def _entry_rows(self, entry: Entry) -> list[Limit]:
        name = f"entry {entry.name}"
        if name not in self._made:
            mine = self._of_entry[entry.name]
            held = sum(one.held for one in mine if self._is_current(one))
            self._made[name] = [
                *_totals(name, entry, mine),
                Limit(f"{name} MaxHeldPilots", entry.max_held_pilots, held, grows=False),
            ]
        return self._made[name]

    def _group_rows(self, group: Group) -> list[Limit]:
        name = f"group {group.name}"
        if name not in self._made:
            self._made[name] = _totals(name, group, self._of_group[group.name])
        return self._made[name]

    def _is_current(self, one: PilotCluster) -> bool:
        return self._digests.get((one.group, one.entry)) == one.digest


def _totals(name: str, owner: Entry | Group, mine: Iterable[PilotCluster]) -> list[Limit]:
    return [
        Limit(f"{name} MaxPilots", owner.max_pilots, _present(mine)),
        Limit(f"{name} MaxIdlePilots", owner.max_idle_pilots, _waiting(mine)),
    ]


def _present(clusters: Iterable[PilotCluster]) -> int:
    return sum(one.present for one in clusters)


def _waiting(clusters: Iterable[PilotCluster]) -> int:
    return sum(one.waiting for one in clusters)
