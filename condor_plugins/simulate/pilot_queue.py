# SPDX-License-Identifier: Apache-2.0
"""The schedd with its pilot clusters: late materialization, and what each action does to it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

import classad2

from condor_plugins.core.plan import (
    Action,
    Edit,
    RemoveCluster,
    RemoveHeld,
    RemoveWaiting,
    Submit,
)
from condor_plugins.simulate.pilot import Pilot

_FIELDS = {
    "JobMaterializeMaxIdle": "max_idle",
    "JobMaterializeLimit": "most",
    "GlideinWanted": "wanted",
    "GlideinGranted": "granted",
    "GlideinLimit": "cut_by",
}


@dataclass(slots=True)
class Cluster:
    """Its pilots by number, in the order in which they came into that state."""

    number: int
    group: str
    entry: str
    digest: str
    max_idle: int
    most: int
    wanted: int = 0
    granted: int = 0
    cut_by: str = ""
    waiting: dict[int, Pilot] = field(default_factory=dict)
    running: dict[int, Pilot] = field(default_factory=dict)
    starting: dict[int, Pilot] = field(default_factory=dict)
    """Running ones whose slot does not show yet."""

    @property
    def present(self) -> int:
        return len(self.waiting) + len(self.running)

    def set(self, changes: Iterable[tuple[str, str]]) -> None:
        for name, text in changes:
            if name in _FIELDS:  # other notes steer nothing
                setattr(self, _FIELDS[name], classad2.ExprTree(text).eval())


@dataclass(slots=True)
class PilotQueue:
    """Keeps `max_idle` pilots of a cluster waiting, up to `most` present, at every moment.

    `make`: a new pilot of a cluster, by its number in the queue; the site has it from then on.
    """

    make: Callable[[int, Cluster], Pilot]
    clusters: dict[int, Cluster] = field(default_factory=dict)
    pilots: list[Pilot] = field(default_factory=list)
    reversed: int = 0
    _clusters_made: int = 0

    def act(self, action: Action) -> None:
        """What the provisioner does for this action, as the schedd carries it out."""
        match action:
            case Submit():
                self._submit(action)
            case Edit(number, changes=changes):
                self.clusters[number].set(changes)
                self.materialise(number)
            case RemoveWaiting(number, pilots=pilots):
                self._remove(self.clusters[number], pilots)
            case RemoveHeld():
                pass  # no pilot is ever held here
            case RemoveCluster(number):
                del self.clusters[number]
            case _:
                raise NotImplementedError(f"the simulated schedd cannot {action}")

    def started(self, pilot: Pilot) -> None:
        cluster = self.clusters[pilot.cluster]
        cluster.running[pilot.number] = cluster.starting[pilot.number] = pilot
        del cluster.waiting[pilot.number]
        self.materialise(cluster.number)

    def joined(self, pilot: Pilot) -> None:
        del self.clusters[pilot.cluster].starting[pilot.number]

    def ended(self, pilot: Pilot) -> None:
        cluster = self.clusters[pilot.cluster]
        del cluster.running[pilot.number]
        cluster.starting.pop(pilot.number, None)
        self.materialise(cluster.number)

    def materialise(self, number: int) -> None:
        cluster = self.clusters[number]
        room = min(cluster.max_idle - len(cluster.waiting), cluster.most - cluster.present)
        for _ in range(room):
            pilot = self.make(len(self.pilots), cluster)
            self.pilots.append(pilot)
            cluster.waiting[pilot.number] = pilot

    def _submit(self, asked: Submit) -> None:
        self._clusters_made += 1
        number = self._clusters_made
        cluster = Cluster(
            number, asked.group, asked.entry, asked.digest, asked.max_idle, asked.most
        )
        cluster.set(asked.notes)
        self.clusters[number] = cluster
        self.materialise(number)

    def _remove(self, cluster: Cluster, pilots: int) -> None:
        """The newest first, as the provisioner chooses them."""
        for pilot in list(islice(reversed(cluster.waiting.values()), pilots)):
            pilot.removed = True
            del cluster.waiting[pilot.number]
            self.reversed += 1
        self.materialise(cluster.number)
