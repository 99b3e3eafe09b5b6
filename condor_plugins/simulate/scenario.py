# SPDX-License-Identifier: Apache-2.0
"""What is simulated: the entries with their sites' behaviour, the jobs, and the clocks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from condor_plugins.simulate.draws import Draw


@dataclass(frozen=True, slots=True)
class SiteModel:
    """How the site behind one entry treats pilots.

    `capacity`: most pilots that it runs at once; None: no such bound. `fails`: the share of
    pilots that start and end within seconds without joining. `join_s`: from the start of a
    pilot until its slot shows.
    """

    wait_s: Draw
    join_s: Draw
    capacity: int | None = None
    fails: float = 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Jobs that arrive together and are alike but for their run times."""

    at_s: float
    count: int
    runtime_s: Draw
    cpus: int
    memory_mb: int
    disk_mb: int
    requirements: str
    owner: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """`entries`: for each, the attributes that its knob gets, as ClassAd text."""

    seed: int
    horizon_s: float
    cycle_s: float
    negotiate_s: float
    entries: Mapping[str, Mapping[str, str]]
    sites: Mapping[str, SiteModel]
    jobs: tuple[Batch, ...]
    knobs: Mapping[str, str] = field(default_factory=dict)

    @property
    def job_count(self) -> int:
        return sum(batch.count for batch in self.jobs)
