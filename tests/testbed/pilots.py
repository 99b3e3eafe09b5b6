# SPDX-License-Identifier: Apache-2.0
"""Follow pilots from the Access Point's queue to the cluster and the collector."""

from _testbed.pool import IDLE, RUNNING, Ad, Pool, remote_id
from _testbed.waiting import wait_until


def of_entry(pool: Pool, entry: str) -> list[Ad]:
    """Ads of the pilots in the queue for one entry."""
    return pool.pilots(f'GlideinEntry == "{entry}"')


def count(pool: Pool, entry: str, status: int) -> int:
    return sum(ad["JobStatus"] == status for ad in of_entry(pool, entry))


def waiting(pool: Pool, entry: str) -> int:
    return count(pool, entry, IDLE)


def running(pool: Pool, entry: str) -> int:
    return count(pool, entry, RUNNING)


def cluster_ids(pool: Pool) -> list[str]:
    """What the cluster calls the pilots that were handed to it."""
    return [name for ad in pool.pilots() if (name := remote_id(ad))]


def wait_for_pilots(pool: Pool, entry: str, at_least: int = 1, timeout_s: float = 60) -> list[Ad]:
    """Their ads, waiting or running."""

    def enough() -> list[Ad]:
        ads = of_entry(pool, entry)
        return ads if len(ads) >= at_least else []

    return wait_until(f"{at_least} pilots at {entry}", enough, timeout_s, every_s=0.5)


def wait_for_slots(pool: Pool, constraint: str = "true", timeout_s: float = 60) -> list[Ad]:
    return wait_until(
        f"slots in the collector: {constraint}", lambda: pool.slots(constraint), timeout_s, 0.5
    )


def wait_until_gone(pool: Pool, timeout_s: float = 90) -> None:
    """No pilot in the queue, none in the cluster, no slot in the collector."""
    wait_until("all pilots have left", lambda: not left(pool), timeout_s, every_s=1)


def left(pool: Pool) -> list[str]:
    """Names of what is still there."""
    queue = [f"pilot {ad['ClusterId']}.{ad['ProcId']}" for ad in pool.pilots()]
    slots = [f"slot {ad['Name']}" for ad in pool.slots()]
    return [*queue, *slots, *(f"Slurm job {name}" for name in pool.squeue())]
