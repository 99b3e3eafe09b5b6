# SPDX-License-Identifier: Apache-2.0
"""Idle jobs find cores: oldest kind first, into the slot with the least left that takes it.

That is HTCondor's own order: NEGOTIATOR_PRE_JOB_RANK prefers fewer cores, then less memory.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from condor_plugins.core.matching import prototype
from condor_plugins.core.policy import Policy
from condor_plugins.simulate.job_queue import JobQueue
from condor_plugins.simulate.pilot import Pilot
from condor_plugins.simulate.sight import EPOCH_S


@dataclass(slots=True)
class Negotiator:
    """`free`: glideins with cores without a job, by number.

    `start(pilot, place)`: run the next job of that kind there.
    """

    jobs: JobQueue
    policy: Policy
    start: Callable[[Pilot, int], None]
    free: dict[int, Pilot] = field(default_factory=dict)
    fresh: list[Pilot] = field(default_factory=list)
    _answers: dict[tuple[int, str, str], bool] = field(default_factory=dict)

    def join(self, pilot: Pilot) -> None:
        self.free[pilot.number] = pilot
        self.fresh.append(pilot)

    def leave(self, pilot: Pilot) -> None:
        self.free.pop(pilot.number, None)
        if pilot in self.fresh:
            self.fresh.remove(pilot)

    def negotiate(self, now_s: float) -> None:
        for pilot in self.fresh:
            pilot.ready_s = now_s
        self.fresh.clear()
        for place in self.jobs.by_age():
            self._place(place)

    def _place(self, place: int) -> None:
        line = self.jobs.lines[place]
        roomy = [one for one in self.free.values() if one.free.covers(line.size)]
        for pilot in sorted(roomy, key=_rank):
            if not line.idle:
                return
            if self._matches(place, pilot):
                for _ in range(min(pilot.free.holds(line.size), len(line.idle))):
                    self.start(pilot, place)
                if pilot.free.cpus == 0:
                    del self.free[pilot.number]

    def _matches(self, place: int, pilot: Pilot) -> bool:
        """What does not depend on the room that is left: both sides' requirements when empty."""
        key = (place, pilot.group, pilot.entry)
        if key not in self._answers:
            entry, group = self.policy.entries[pilot.entry], self.policy.groups[pilot.group]
            ad = self.jobs.lines[place].kind.ad
            self._answers[key] = bool(ad.symmetricMatch(prototype(entry, group, EPOCH_S)))
        return self._answers[key]


def _rank(pilot: Pilot) -> tuple[int, int, int]:
    return pilot.free.cpus, pilot.free.memory_mb, pilot.number
