# SPDX-License-Identifier: Apache-2.0
"""What one cycle has seen: one frozen value, made at the edge, used by everything after it."""

from typing import NamedTuple

import classad2

from condor_plugins.core.resources import Resources


class JobKind(NamedTuple):
    """Idle jobs that are alike in everything that decides a match.

    `signature` is equal for kinds with equal attributes, in this and in later cycles.
    `example` is the id of one of the jobs ("cluster.proc").
    """

    signature: str
    count: int  # type: ignore[assignment]  # hides tuple.count
    each: Resources
    example: str
    owner: str
    ad: classad2.ClassAd


class Slot(NamedTuple):
    """A slot that takes jobs: partitionable, or static and unclaimed; `free` is its room now."""

    name: str
    entry: str
    group: str
    pilot: str
    free: Resources
    signature: str
    ad: classad2.ClassAd
    total: Resources = Resources()


class Start(NamedTuple):
    """A pilot that runs: when the site started it (UNIX seconds) and how long it had waited."""

    started_s: float
    waited_s: float


class End(NamedTuple):
    """A pilot that ended by itself: when (UNIX seconds), and how long it had run."""

    group: str
    entry: str
    ended_s: float
    ran_s: float


class PilotCluster(NamedTuple):
    """One pilot cluster in the queue; the counts are of its materialised pilots.

    `on_hold`: a person holds the whole cluster, the schedd makes no more pilots.

    `arrived`: of the waiting ones, those whose slots the collector shows already (the queue hears
    of a start up to a minute late).

    `starting`: running at the site for less than the join timeout and not yet in the collector.
    `lost`: running for longer, and not (or no longer) in the collector.

    `submitted`: made in the last minute. `starts`: of its running pilots, newest first, a few.
    `longest_wait_s`: of its waiting pilots. `factory`: the schedd it is in; empty is the local one.
    """

    cluster: int
    group: str
    entry: str
    digest: str
    max_idle: int
    most: int
    waiting: int = 0
    running: int = 0
    held: int = 0
    leaving: int = 0
    starting: int = 0
    lost: int = 0
    wanted: int = 0
    granted: int = 0
    cut_by: str = ""
    hold_reasons: tuple[tuple[str, int], ...] = ()
    on_hold: bool = False
    arrived: int = 0
    submitted: int = 0
    starts: tuple[Start, ...] = ()
    longest_wait_s: float = 0.0
    factory: str = ""

    @property
    def present(self) -> int:
        """All its pilots in the queue, whatever their state: what JobMaterializeLimit counts."""
        return self.waiting + self.running + self.held + self.leaving


class Snapshot(NamedTuple):
    """The world at `now_s` (UNIX seconds). `failed`: queries without an answer, in plain words.

    `ended`: pilots that ended by themselves since the memory of the last cycle was written.
    `jobs_run`: users' jobs are known to run (asked only when none is idle).
    `unheard`: like `failed`, of queries without which the decision is as good.
    """

    now_s: float
    kinds: tuple[JobKind, ...] = ()
    slots: tuple[Slot, ...] = ()
    clusters: tuple[PilotCluster, ...] = ()
    collector_age_s: float | None = None
    failed: tuple[str, ...] = ()
    ended: tuple[End, ...] = ()
    unheard: tuple[str, ...] = ()
    jobs_run: bool = False
