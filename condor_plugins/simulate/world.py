# SPDX-License-Identifier: Apache-2.0
"""The world as it goes: pilots wait, start, join, run jobs and leave; every cycle decides."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from condor_plugins.core.plan import Plan
from condor_plugins.core.policy import Policy
from condor_plugins.core.snapshot import Snapshot
from condor_plugins.simulate.agenda import Agenda, Turn
from condor_plugins.simulate.draws import stream
from condor_plugins.simulate.job_queue import JobQueue
from condor_plugins.simulate.negotiator import Negotiator
from condor_plugins.simulate.pilot import Job, Pilot, Run
from condor_plugins.simulate.pilot_queue import Cluster, PilotQueue
from condor_plugins.simulate.scenario import Batch, Scenario
from condor_plugins.simulate.sight import Sight
from condor_plugins.simulate.site import Site

FAILS_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Moment:
    """The world as one cycle has left it; `unused` are cores of running pilots without a job."""

    at_s: float
    idle_jobs: int
    running_jobs: int
    waiting: int
    running: int
    unused: int


class World:
    """One run of a scenario; `decide` is asked in every cycle."""

    def __init__(
        self, scenario: Scenario, policy: Policy, decide: Callable[[Snapshot], Plan]
    ) -> None:
        self.scenario, self.policy, self._decide = scenario, policy, decide
        self.agenda = Agenda()
        self.jobs = JobQueue()
        self.queue = PilotQueue(self._pilot)
        self.moments: list[Moment] = []
        self._negotiator = Negotiator(self.jobs, policy, self._start_job)
        self._sight = Sight(policy)
        self._sites = {
            name: Site(model, stream(scenario.seed, f"entry {name}"))
            for name, model in scenario.sites.items()
        }
        self._ended: list[Pilot] = []
        self._runs = 0

    def run(self) -> None:
        for number, batch in enumerate(self.scenario.jobs):
            self.agenda.at(batch.at_s, Turn.ARRIVAL, partial(self._arrive, number, batch))
        self.agenda.every(self.scenario.negotiate_s, Turn.NEGOTIATION, self._negotiate)
        self.agenda.every(self.scenario.cycle_s, Turn.CYCLE, self._cycle)
        self.agenda.run(self.scenario.horizon_s, lambda: self.over)

    @property
    def over(self) -> bool:
        """Every job is done and every pilot gone: nothing is left that could count."""
        return self.jobs.done == self.scenario.job_count and not any(
            one.present or one.max_idle for one in self.queue.clusters.values()
        )

    def _arrive(self, number: int, batch: Batch) -> None:
        random = stream(self.scenario.seed, f"jobs {number}")
        place = self.jobs.line_of(batch)
        each = self.jobs.lines[place].size
        for _ in range(batch.count):
            runtime_s = batch.runtime_s.from_(random)
            self.jobs.arrive(Job(place, self.agenda.now_s, runtime_s, each))

    def _negotiate(self) -> None:
        self._negotiator.negotiate(self.agenda.now_s)

    def _cycle(self) -> None:
        seen = self._sight.look(self.agenda.now_s, self.jobs, self.queue, self._ended)
        self._ended = []
        for action in self._decide(seen).actions:
            self.queue.act(action)
        self.moments.append(self._moment())

    def _moment(self) -> Moment:
        clusters = self.queue.clusters.values()
        running = [pilot for one in clusters for pilot in one.running.values()]
        busy = sum(run.job.each.cpus for one in running for run in one.runs.values())
        return Moment(
            self.agenda.now_s,
            self.jobs.idle,
            sum(len(one.runs) for one in running),
            sum(len(one.waiting) for one in clusters),
            len(running),
            sum(one.shape.cpus for one in running) - busy,
        )

    def _pilot(self, number: int, cluster: Cluster) -> Pilot:
        shape, now_s = self.policy.entries[cluster.entry].shape, self.agenda.now_s
        pilot = Pilot(number, cluster.number, cluster.group, cluster.entry, shape, now_s)
        wait_s = self._sites[pilot.entry].wait_s()
        self.agenda.at(now_s + wait_s, Turn.PILOT, partial(self._offer, pilot))
        return pilot

    def _offer(self, pilot: Pilot) -> None:
        if not pilot.removed and self._sites[pilot.entry].offer(pilot):
            self._start(pilot)

    def _start(self, pilot: Pilot) -> None:
        now_s = pilot.started_s = self.agenda.now_s
        join_s = self._sites[pilot.entry].join_s()
        wall_s = self.policy.entries[pilot.entry].wall_time_s
        life_s = FAILS_AFTER_S if join_s is None else wall_s
        self.agenda.at(now_s + life_s, Turn.PILOT, partial(self._end, pilot))
        if join_s is not None:
            self.agenda.at(now_s + join_s, Turn.PILOT, partial(self._join, pilot))
        self.queue.started(pilot)

    def _join(self, pilot: Pilot) -> None:
        if pilot.ended_s is None:
            pilot.joined_s, pilot.free = self.agenda.now_s, pilot.shape
            self.queue.joined(pilot)
            self._negotiator.join(pilot)
            self._becomes_idle(pilot)

    def _becomes_idle(self, pilot: Pilot) -> None:
        entry = self.policy.entries[pilot.entry]
        tail_s = min(entry.tail_timeout_s, entry.idle_timeout_s)
        pilot.leaves_s = self.agenda.now_s + (entry.idle_timeout_s if pilot.useless else tail_s)
        self.agenda.at(pilot.leaves_s, Turn.LEAVING, partial(self._leave, pilot))

    def _leave(self, pilot: Pilot) -> None:
        if pilot.leaves_s == self.agenda.now_s:  # it had no job since
            self._end(pilot)

    def _end(self, pilot: Pilot) -> None:
        """By itself, or by the site at its wall time; the jobs it runs go back to their queue."""
        if pilot.ended_s is not None:
            return
        pilot.ended_s = self.agenda.now_s
        for job in reversed(pilot.kill(self.agenda.now_s)):
            self.jobs.back(job)
        self._negotiator.leave(pilot)
        self._ended.append(pilot)
        self.queue.ended(pilot)
        follower = self._sites[pilot.entry].ended()
        if follower:
            self._start(follower)

    def _start_job(self, pilot: Pilot, place: int) -> None:
        now_s = self.agenda.now_s
        run = Run(self.jobs.start(place, now_s), now_s)
        self._runs += 1
        pilot.take(self._runs, run)
        ends = partial(self._end_job, pilot, self._runs)
        self.agenda.at(now_s + run.job.runtime_s, Turn.JOB_END, ends)

    def _end_job(self, pilot: Pilot, number: int) -> None:
        if number not in pilot.runs:  # killed
            return
        pilot.drop(number, self.agenda.now_s)
        self.jobs.done += 1
        self._negotiator.free[pilot.number] = pilot
        if not pilot.runs:
            self._becomes_idle(pilot)
