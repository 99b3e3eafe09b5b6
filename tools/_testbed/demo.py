# SPDX-License-Identifier: Apache-2.0
"""The demo: an empty pool, two users, 60 jobs; pilots come, work, leave; everything is checked."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import click

from _testbed.command import StepFailed
from _testbed.demo_report import report
from _testbed.demo_view import Picture, Show, look
from _testbed.demo_work import Work, all_work, submit, wrong_answers
from _testbed.inside import Testbed
from _testbed.lifecycle import remove, up
from _testbed.logs import save_logs
from _testbed.places import CACHE
from _testbed.pool import COMPLETED, Ad, Pool
from _testbed.progress import Progress

LEAVE_TIMEOUT_S = 120
USERS = ("alice", "bob")


@dataclass
class Run:
    """What is known about one run of the demo."""

    pool: Pool
    work: list[Work]
    clusters: list[int]
    slot_seen: dict[str, float] = field(default_factory=dict)

    def note(self, picture: Picture) -> None:
        for name, at_s in picture.slots.items():
            self.slot_seen.setdefault(name, at_s)

    def history(self) -> list[Ad]:
        ids = ", ".join(map(str, self.clusters))
        return self.pool.history(f"member(ClusterId, {{ {ids} }})")


@dataclass(frozen=True)
class Check:
    """One thing that must be so, and what was found."""

    what: str
    good: bool
    found: str


def demo(progress: Progress, timeout_s: int) -> int:
    """0 only if every check held; otherwise the logs are kept and the place is printed."""
    testbed = empty_testbed(progress)
    pool, work = Pool(testbed), all_work()
    progress.say(f"the pool is empty; {' and '.join(USERS)} submit {len(work)} jobs")
    clusters = [submit(testbed, user, [w for w in work if w.owner == user]) for user in USERS]
    run = Run(pool, work, clusters)
    watch(run, timeout_s)
    checks = verify(run)
    report(pool, run.clusters, run.slot_seen, run.history())
    for check in checks:
        click.echo(f"{'ok  ' if check.good else 'FAIL'} {check.what}: {check.found}")
    return 0 if all(check.good for check in checks) else keep_logs(testbed, progress)


def empty_testbed(progress: Progress) -> Testbed:
    """The testbed without a job, pilot or slot; started afresh where there are some."""
    testbed = up(progress)
    if not look(Pool(testbed)).is_empty:
        progress.say("the pool is not empty, so the testbed starts afresh")
        remove(testbed.engine)
        testbed = up(progress)
    return testbed


def watch(run: Run, timeout_s: int) -> None:
    """Show the pool until the jobs are done and then until all pilots have left; or time is up."""
    show = Show({user: sum(w.owner == user for w in run.work) for user in USERS})
    with show.running() as display:
        until(run, display, lambda picture: not picture.jobs_left, timeout_s)
        until(run, display, lambda picture: picture.is_empty, LEAVE_TIMEOUT_S)


def until(
    run: Run,
    display: Callable[[Picture], None],
    reached: Callable[[Picture], bool],
    timeout_s: float,
) -> None:
    """Time that runs out is no error here: the checks afterwards name what is missing."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        try:
            picture = look(run.pool)
        except StepFailed as problem:
            click.echo(f"(asked again: {problem})", err=True)
        else:
            run.note(picture)
            display(picture)
            if reached(picture):
                return
        time.sleep(0.7)


def verify(run: Run) -> list[Check]:
    done = [ad for ad in run.history() if ad["JobStatus"] == COMPLETED and ad.get("ExitCode") == 0]
    wrong = wrong_answers(run.pool.testbed, run.work)
    total = len(run.work)
    return [
        Check("jobs done", len(done) == total, f"{len(done)} of {total}"),
        Check("checksums right", not wrong, f"{total - len(wrong)} of {total}{listed(wrong)}"),
        nothing("pilots in the Access Point's queue", pilot_names(run.pool)),
        nothing("jobs in the cluster's queue", run.pool.squeue()),
        nothing("slots in the collector", [str(ad["Name"]) for ad in run.pool.slots()]),
        nothing("files or processes that pilots left on the cluster", left_behind(run.pool)),
    ]


def nothing(what: str, found: Sequence[str]) -> Check:
    return Check(what, not found, f"{len(found)}{listed(found)}")


def listed(names: Sequence[str]) -> str:
    return f" ({', '.join(names[:5])}{' …' if len(names) > 5 else ''})" if names else ""


def pilot_names(pool: Pool) -> list[str]:
    return [f"{ad['ClusterId']}.{ad['ProcId']}" for ad in pool.pilots()]


def left_behind(pool: Pool) -> list[str]:
    """Working directories and processes of the pilots' account on the cluster, logs excepted."""
    script = (
        "find /tmp /var/tmp -user glidein; "
        "find /pscratch/glidein -mindepth 2 -maxdepth 2 -type d -path '*/home_bl_*'; "
        # The stand-in of the facility's APIs acts as that account, too.
        "pgrep -a -u glidein | grep -v 'python3 -m facility' || true"
    )
    return pool.testbed.tell("perlmutter", "sh", "-c", script).splitlines()


def keep_logs(testbed: Testbed, progress: Progress) -> int:
    name = datetime.now(UTC).strftime("demo-%Y%m%dT%H%M%SZ")
    progress.say(f"the demo failed; all hosts' logs are in {save_logs(testbed, CACHE / name)}")
    return 1
