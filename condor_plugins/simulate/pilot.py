# SPDX-License-Identifier: Apache-2.0
"""One pilot and its glidein from the queue to the end, and where its core-seconds went."""

from dataclasses import dataclass, field

from condor_plugins.core.resources import Resources

CAUSES = ("start_up", "unmatched_idle", "tail", "idle_timeout", "killed")


@dataclass(slots=True)
class Job:
    """`kind` is its place in the list of kinds; `started` before, even if it was killed since."""

    kind: int
    arrived_s: float
    runtime_s: float
    each: Resources
    started: bool = False


@dataclass(eq=False, slots=True)
class Run:
    """A job that runs in a pilot."""

    job: Job
    since_s: float


@dataclass(eq=False, slots=True)
class Pilot:
    """Times are of the world's clock; None: not yet.

    `ready_s`: the first negotiation after its slot showed. `leaves_s`: when it will leave, if it
    gets no job before.
    """

    number: int
    cluster: int
    group: str
    entry: str
    shape: Resources
    made_s: float
    started_s: float | None = None
    joined_s: float | None = None
    ready_s: float | None = None
    last_job_s: float | None = None
    leaves_s: float | None = None
    ended_s: float | None = None
    removed: bool = False
    used: float = 0.0
    killed: float = 0.0
    free: Resources = field(default_factory=Resources)
    runs: dict[int, Run] = field(default_factory=dict)

    @property
    def useless(self) -> bool:
        """Whether it never had a job."""
        return self.last_job_s is None

    def take(self, number: int, run: Run) -> None:
        self.runs[number] = run
        self.free = self.free.less(run.job.each, 1)
        self.last_job_s = run.since_s
        self.leaves_s = None

    def drop(self, number: int, now_s: float) -> Run:
        """The job is done."""
        run = self.runs.pop(number)
        self.free = self.free.less(run.job.each, -1)
        self.last_job_s = now_s
        self.used += run.job.each.cpus * (now_s - run.since_s)
        return run

    def kill(self, now_s: float) -> list[Job]:
        """The jobs that it ran; their work is lost."""
        lost = list(self.runs.values())
        self.killed += sum(run.job.each.cpus * (now_s - run.since_s) for run in lost)
        if lost:
            self.last_job_s = now_s
        self.runs.clear()
        return [run.job for run in lost]

    def life(self, now_s: float) -> float:
        """Core-seconds from its start until its end, or until now."""
        if self.started_s is None:
            return 0.0
        return self.shape.cpus * (_known(self.ended_s, now_s) - self.started_s)

    def used_until(self, now_s: float) -> float:
        """Core-seconds of jobs that are done or still run."""
        return self.used + sum(
            run.job.each.cpus * (now_s - run.since_s) for run in self.runs.values()
        )

    def wasted(self, now_s: float) -> dict[str, float]:
        """Core-seconds by cause; with `used_until` they add up to `life`."""
        if self.started_s is None:
            return dict.fromkeys(CAUSES, 0.0)
        end_s = _known(self.ended_s, now_s)
        ready_s = min(_known(self.ready_s, end_s), end_s)
        last_s = end_s if self.runs else _known(self.last_job_s, ready_s)
        cores, busy = self.shape.cpus, self.used_until(now_s) + self.killed
        rest = cores * (end_s - last_s)
        return {
            "start_up": cores * (ready_s - self.started_s),
            "unmatched_idle": cores * (last_s - ready_s) - busy,
            "tail": 0.0 if self.useless else rest,
            "idle_timeout": rest if self.useless else 0.0,
            "killed": self.killed,
        }


def _known(time_s: float | None, otherwise_s: float) -> float:
    return otherwise_s if time_s is None else time_s
