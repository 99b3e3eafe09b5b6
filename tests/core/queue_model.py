# SPDX-License-Identifier: Apache-2.0
"""The schedd's queue of pilots as far as a decision sees it: what its actions bring about."""

from dataclasses import dataclass, field
from typing import Any

import classad2

from condor_plugins.core.plan import (
    Action,
    Edit,
    Plan,
    RemoveCluster,
    RemoveHeld,
    RemoveWaiting,
    Submit,
)
from condor_plugins.core.snapshot import PilotCluster

_FIELDS = {
    "JobMaterializeMaxIdle": "max_idle",
    "JobMaterializeLimit": "most",
    "GlideinWanted": "wanted",
    "GlideinGranted": "granted",
    "GlideinLimit": "cut_by",
}


@dataclass
class Queue:
    """Pilot clusters by number; late materialization keeps `max_idle` waiting, `most` present."""

    clusters: dict[int, PilotCluster] = field(default_factory=dict)
    next_number: int = 1

    @property
    def seen(self) -> tuple[PilotCluster, ...]:
        return tuple(self.clusters.values())

    def act(self, plan: Plan) -> None:
        for action in plan.actions:
            self._do(action)
        self._materialise()

    def start(self, number: int, pilots: int) -> None:
        """The site starts these; their glideins are not in the collector yet."""
        one = self.clusters[number]
        self._change(
            number,
            waiting=one.waiting - pilots,
            running=one.running + pilots,
            starting=one.starting + pilots,
        )
        self._materialise()

    def hold(self, number: int, pilots: int) -> None:
        one = self.clusters[number]
        self._change(number, waiting=one.waiting - pilots, held=one.held + pilots)
        self._materialise()

    def _do(self, action: Action) -> None:
        match action:
            case Submit(group, entry, digest, max_idle, most, notes):
                made = PilotCluster(self.next_number, group, entry, digest, max_idle, most)
                self.clusters[self.next_number] = made
                self._set(self.next_number, notes)
                self.next_number += 1
            case Edit(number, changes=changes):
                self._set(number, changes)
            case RemoveWaiting(number, pilots=pilots):
                waiting = self.clusters[number].waiting
                self._change(number, waiting=waiting - min(pilots, waiting))
            case RemoveHeld(number):
                self._change(number, held=0)
            case RemoveCluster(number):
                assert self.clusters[number].present == 0, "pilots would be killed"
                del self.clusters[number]

    def _set(self, number: int, changes: tuple[tuple[str, str], ...]) -> None:
        for name, text in changes:
            self._change(number, **{_FIELDS[name]: classad2.ExprTree(text).eval()})

    def _change(self, number: int, **changes: Any) -> None:
        self.clusters[number] = self.clusters[number]._replace(**changes)

    def _materialise(self) -> None:
        for number, one in self.clusters.items():
            more = max(0, min(one.max_idle - one.waiting, one.most - one.present))
            self._change(number, waiting=one.waiting + more)
