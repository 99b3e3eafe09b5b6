# SPDX-License-Identifier: Apache-2.0
"""What a service sees of the batch system: its jobs, after the faults that bend lists of them."""

import time
from collections.abc import Collection

from .scheduler import Batch, Job, SubmitError
from .wire import Request
from .world import World


def queue(world: World, request: Request) -> list[Job]:
    """Jobs that live, of all users. Raises SchedulerDown."""
    return _seen(world, request, world.scheduler.queue())


def history(world: World, request: Request, ids: Collection[str] = ()) -> list[Job]:
    """Jobs that live or ended; all without ids. Raises SchedulerDown."""
    return _seen(world, request, world.scheduler.history(ids))


def submit(world: World, request: Request, batch: Batch) -> str:
    """The job's id. Raises SubmitError or SchedulerDown."""
    fault = world.faults.take("refuse-submit", request)
    if fault:
        raise SubmitError(fault.word or "sbatch: error: Batch job submission failed: Invalid qos")
    return world.scheduler.submit(batch)


def _seen(world: World, request: Request, jobs: list[Job]) -> list[Job]:
    hidden = world.faults.take("unknown-job", request)
    if hidden:
        since = time.time() - hidden.seconds
        jobs = [job for job in jobs if job.submit_s <= since]
    strange = world.faults.take("unknown-state", request)
    if strange:
        jobs = [job._replace(state=strange.word or "LAUNCH_FAILED") for job in jobs]
    return jobs
