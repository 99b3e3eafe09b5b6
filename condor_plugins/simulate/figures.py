# SPDX-License-Identifier: Apache-2.0
"""What a run has come to: how soon jobs started, and where every core-second went."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from condor_plugins.simulate.pilot import CAUSES
from condor_plugins.simulate.world import World

_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one run. Times in seconds from 0; None: it did not come to that before the horizon.

    `used_core_hours` and the core-hours of `waste_by_cause` add up to `core_hours`.
    """

    seed: int
    t50_s: float | None
    t90_s: float | None
    first_s: float | None
    jobs: int
    jobs_started: int
    jobs_done: int
    pilots: int
    useless_pilots: int
    useless_fraction: float
    core_hours: float
    used_core_hours: float
    waste_fraction: float
    waste_by_cause: Mapping[str, float]
    requests_reversed: int
    peak_waiting: int
    peak_running: int
    peak_idle_jobs: int
    peak_running_jobs: int


def figures(world: World) -> Figures:
    end_s = world.agenda.now_s if world.over else world.scenario.horizon_s
    pilots = [one for one in world.queue.pilots if one.started_s is not None]
    useless = sum(one.useless for one in pilots)
    life = math.fsum(one.life(end_s) for one in pilots)
    used = math.fsum(one.used_until(end_s) for one in pilots)
    lost = [one.wasted(end_s) for one in pilots]
    causes = {cause: math.fsum(one[cause] for one in lost) for cause in CAUSES}
    jobs, seen = world.scenario.job_count, world.moments
    return Figures(
        seed=world.scenario.seed,
        t50_s=_when(world.jobs.starts_s, 0.5, jobs),
        t90_s=_when(world.jobs.starts_s, 0.9, jobs),
        first_s=world.jobs.starts_s[0] if world.jobs.starts_s else None,
        jobs=jobs,
        jobs_started=len(world.jobs.starts_s),
        jobs_done=world.jobs.done,
        pilots=len(pilots),
        useless_pilots=useless,
        useless_fraction=useless / len(pilots) if pilots else 0.0,
        core_hours=life / _HOUR_S,
        used_core_hours=used / _HOUR_S,
        waste_fraction=math.fsum(causes.values()) / life if life else 0.0,
        waste_by_cause={cause: lost_s / _HOUR_S for cause, lost_s in causes.items()},
        requests_reversed=world.queue.reversed,
        peak_waiting=max((one.waiting for one in seen), default=0),
        peak_running=max((one.running for one in seen), default=0),
        peak_idle_jobs=max((one.idle_jobs for one in seen), default=0),
        peak_running_jobs=max((one.running_jobs for one in seen), default=0),
    )


def mean(each: Sequence[Figures]) -> dict[str, Any]:
    """Of every figure but the seed; None where one run has none: a mean of the others would lie."""
    rows = [asdict(one) for one in each]
    names = [name for name in rows[0] if name not in {"seed", "waste_by_cause"}]
    by_cause = {cause: _mean([one.waste_by_cause[cause] for one in each]) for cause in CAUSES}
    return {name: _mean([row[name] for row in rows]) for name in names} | {
        "waste_by_cause": by_cause
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else None


def _when(starts_s: Sequence[float], share: float, jobs: int) -> float | None:
    """When this share of all jobs had started; they started in this order."""
    needed = math.ceil(share * jobs)
    return starts_s[needed - 1] if len(starts_s) >= needed else None
