# SPDX-License-Identifier: Apache-2.0
"""The users' idle jobs, by kind, and when jobs started for the first time."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import classad2

from condor_plugins.core.resources import Resources
from condor_plugins.core.snapshot import JobKind
from condor_plugins.pool.ads import job_kind
from condor_plugins.simulate.pilot import Job
from condor_plugins.simulate.scenario import Batch

# What condor_submit 25.14 writes into every job.
_ADDED = (
    '(TARGET.Arch == "X86_64") && (TARGET.OpSys == "LINUX")'
    ' && (versionGE(split(TARGET.CondorVersion)[1],"25.12.0") || (TARGET.Disk >= RequestDisk))'
    " && (TARGET.Memory >= RequestMemory) && (TARGET.Cpus >= RequestCpus)"
    " && ((TARGET.FileSystemDomain == MY.FileSystemDomain) || (TARGET.HasFileTransfer))"
)


@dataclass(slots=True)
class Line:
    """Idle jobs of one kind; `size` is what one takes of a slot."""

    kind: JobKind
    idle: deque[Job] = field(default_factory=deque)

    @property
    def size(self) -> Resources:
        return self.kind.each


@dataclass(slots=True)
class JobQueue:
    """`starts_s`: of each job, the first time that it started."""

    lines: list[Line] = field(default_factory=list)
    starts_s: list[float] = field(default_factory=list)
    arrived: int = 0
    done: int = 0
    _place: dict[str, int] = field(default_factory=dict)

    @property
    def idle(self) -> int:
        return sum(len(line.idle) for line in self.lines)

    def line_of(self, batch: Batch) -> int:
        """The place of its kind; a new one for a kind that was not there yet."""
        kind = _kind(batch, f"{len(self.lines) + 1}.0")
        if kind.signature not in self._place:
            self._place[kind.signature] = len(self.lines)
            self.lines.append(Line(kind))
        return self._place[kind.signature]

    def arrive(self, job: Job) -> None:
        self.arrived += 1
        self.lines[job.kind].idle.append(job)

    def start(self, place: int, now_s: float) -> Job:
        """The first in its line."""
        job = self.lines[place].idle.popleft()
        if not job.started:
            job.started = True
            self.starts_s.append(now_s)
        return job

    def back(self, job: Job) -> None:
        """It was killed and runs again from its beginning, before those that came later."""
        self.lines[job.kind].idle.appendleft(job)

    def by_age(self) -> list[int]:
        """The places of kinds with idle jobs, the one whose first job came first before."""
        waiting = [place for place, line in enumerate(self.lines) if line.idle]
        return sorted(waiting, key=lambda place: self.lines[place].idle[0].arrived_s)

    def kinds(self) -> Iterator[JobKind]:
        """As the schedd groups idle jobs now."""
        for line in self.lines:
            if line.idle:
                yield line.kind._replace(count=len(line.idle))


def _kind(batch: Batch, example: str) -> JobKind:
    row = classad2.ClassAd({
        "JobCount": 0, "JobIds": example, "Owner": batch.owner, "JobUniverse": 5,
        "RequestCpus": batch.cpus, "RequestMemory": batch.memory_mb,
        "RequestDisk": batch.disk_mb * 1024, "FileSystemDomain": "access-point",
    })  # fmt: skip
    row["Requirements"] = classad2.ExprTree(f"({batch.requirements}) && {_ADDED}")
    return job_kind(row)
