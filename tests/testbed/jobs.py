# SPDX-License-Identifier: Apache-2.0
"""Submit jobs as a user does, and follow them."""

from collections import Counter
from dataclasses import dataclass

from _testbed.pool import COMPLETED, Ad, Pool
from _testbed.waiting import wait_until

STATE_NAMES = {1: "idle", 2: "running", 3: "removed", 4: "completed", 5: "held", 6: "output"}


@dataclass(frozen=True)
class Sleepers:
    """`count` jobs that only pass the time; `extra`: further lines of the submit file."""

    count: int
    seconds: int
    cores: int = 1
    memory_mb: int = 100
    extra: str = ""

    def submit_file(self) -> str:
        return f"""\
executable            = /bin/sleep
transfer_executable   = false
arguments             = {self.seconds}
request_cpus          = {self.cores}
request_memory        = {self.memory_mb}
request_disk          = 10MB
should_transfer_files = yes
{self.extra}
queue {self.count}
"""


def submit(pool: Pool, user: str, jobs: Sleepers) -> int:
    """Id of the new cluster."""
    return submit_text(pool, user, jobs.submit_file())


def submit_text(pool: Pool, user: str, text: str) -> int:
    """Id of the cluster that a whole submit file makes."""
    script = "cat >test.sub && condor_submit -terse test.sub"
    said = pool.testbed.tell("ap", "sh", "-c", script, user=user, stdin=text)
    return int(said.split(".")[0])


def remove(pool: Pool, cluster: int) -> None:
    pool.testbed.tell("ap", "condor_rm", str(cluster))


def states(pool: Pool, cluster: int) -> Counter[str]:
    """How many jobs of a cluster are idle, running, held …; without those that left the queue."""
    ads = pool.jobs(f"ClusterId == {cluster}", attributes=("ClusterId", "ProcId", "JobStatus"))
    return Counter(STATE_NAMES.get(ad["JobStatus"], "?") for ad in ads)


def finished(pool: Pool, cluster: int) -> list[Ad]:
    """Ads of the jobs that ran to their end with exit code 0."""
    ended = f"ClusterId == {cluster} && JobStatus == {COMPLETED} && ExitCode == 0"
    return pool.history(ended)


def wait_until_running(pool: Pool, cluster: int, count: int = 1, timeout_s: float = 90) -> None:
    """Until their starters have begun to execute them: a job is "running" some seconds earlier."""
    begun = f"ClusterId == {cluster} && JobStatus == 2 && JobCurrentStartExecutingDate > 0"
    what = f"{count} jobs of cluster {cluster} run"
    wait_until(what, lambda: len(pool.jobs(begun)) >= count, timeout_s, every_s=0.5)


def wait_until_done(pool: Pool, cluster: int, count: int, timeout_s: float = 120) -> list[Ad]:
    """Ads of the `count` jobs, once all have run to their end."""

    def all_done() -> list[Ad]:
        ads = [] if states(pool, cluster) else finished(pool, cluster)
        return ads if len(ads) == count else []

    return wait_until(f"{count} jobs of cluster {cluster} done", all_done, timeout_s, every_s=0.5)
