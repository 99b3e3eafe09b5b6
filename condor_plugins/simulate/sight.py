# SPDX-License-Identifier: Apache-2.0
"""The simulated world as a Snapshot: what the queries of production would answer."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from condor_plugins.core.matching import prototype
from condor_plugins.core.policy import Policy
from condor_plugins.core.resources import Resources
from condor_plugins.core.snapshot import End, PilotCluster, Slot, Snapshot, Start
from condor_plugins.pool.ads import slot
from condor_plugins.simulate.job_queue import JobQueue
from condor_plugins.simulate.pilot import Pilot
from condor_plugins.simulate.pilot_queue import Cluster, PilotQueue

# UNIX time of the simulated 0: late, as ClassAds that look at time() see the real clock, and no
# simulated glidein should be past its end for it.
EPOCH_S = 4_000_000_000
_COLLECTOR_AGE_S = 1e6
_STARTS = 20
_CLOCK_STEP_S = 600  # ends of life that are this near are alike, as in pool.ads


@dataclass(slots=True)
class Sight:
    """Slot ads are made once for slots that are alike; each pilot's slot again when it changes."""

    policy: Policy
    _alike: dict[tuple[str, str, Resources, int], Slot] = field(default_factory=dict)
    _slots: dict[int, Slot] = field(default_factory=dict)

    def look(
        self, now_s: float, jobs: JobQueue, queue: PilotQueue, ended: Iterable[Pilot]
    ) -> Snapshot:
        """`ended`: pilots that left since the last look, of themselves."""
        ended = list(ended)
        for pilot in ended:
            self._slots.pop(pilot.number, None)
        clusters = queue.clusters.values()
        return Snapshot(
            now_s=EPOCH_S + now_s,
            kinds=tuple(jobs.kinds()),
            slots=tuple(
                self._slot(pilot)
                for cluster in clusters
                for pilot in cluster.running.values()
                if pilot.joined_s is not None
            ),
            clusters=tuple(self._cluster(one, now_s) for one in clusters),
            collector_age_s=_COLLECTOR_AGE_S,
            ended=tuple(_end(pilot) for pilot in ended),
            jobs_run=any(
                bool(pilot.runs) for cluster in clusters for pilot in cluster.running.values()
            ),
        )

    def _slot(self, pilot: Pilot) -> Slot:
        known = self._slots.get(pilot.number)
        if known is None or known.free is not pilot.free:
            name = f"slot1@glidein-{pilot.number}"
            known = self._like(pilot)._replace(name=name, pilot=name, free=pilot.free)
            self._slots[pilot.number] = known
        return known

    def _like(self, pilot: Pilot) -> Slot:
        entry, group = self.policy.entries[pilot.entry], self.policy.groups[pilot.group]
        started_s = EPOCH_S + (pilot.started_s or 0.0)
        step = int(started_s + entry.wall_time_s) // _CLOCK_STEP_S
        key = (pilot.entry, pilot.group, pilot.free, step)
        if key not in self._alike:
            ad = prototype(entry, group, started_s)
            ad["Cpus"], ad["Memory"] = pilot.free.cpus, pilot.free.memory_mb
            ad["Disk"] = pilot.free.disk_mb * 1024
            self._alike[key] = slot(ad)._replace(total=pilot.shape)
        return self._alike[key]

    def _cluster(self, one: Cluster, now_s: float) -> PilotCluster:
        young = sum(
            now_s - (pilot.started_s or 0.0) <= self.policy.settings.join_timeout_s
            for pilot in one.starting.values()
        )
        oldest = next(iter(one.waiting.values()), None)
        return PilotCluster(
            cluster=one.number,
            group=one.group,
            entry=one.entry,
            digest=one.digest,
            max_idle=one.max_idle,
            most=one.most,
            waiting=len(one.waiting),
            running=len(one.running),
            starting=young,
            lost=len(one.starting) - young,
            wanted=one.wanted,
            granted=one.granted,
            cut_by=one.cut_by,
            submitted=_submitted(one, now_s),
            starts=tuple(map(_start, islice(reversed(one.running.values()), _STARTS))),
            longest_wait_s=now_s - oldest.made_s if oldest else 0.0,
        )


def _submitted(one: Cluster, now_s: float) -> int:
    """Those in the queue that were made in the last minute."""
    here = (*one.waiting.values(), *one.running.values())
    return sum(now_s - pilot.made_s < 60 for pilot in here)


def _start(pilot: Pilot) -> Start:
    started_s = pilot.started_s or 0.0
    return Start(EPOCH_S + started_s, started_s - pilot.made_s)


def _end(pilot: Pilot) -> End:
    ended_s, started_s = pilot.ended_s or 0.0, pilot.started_s or 0.0
    return End(pilot.group, pilot.entry, EPOCH_S + ended_s, ended_s - started_s)
