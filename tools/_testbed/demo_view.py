# SPDX-License-Identifier: Apache-2.0
"""What the demo shows while it runs: jobs, pilots and slots, read once a second."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table

from _testbed.pool import HELD, IDLE, PILOT_OWNER, RUNNING, Pool

PLAIN_EVERY_S = 5
STATES = (IDLE, RUNNING, HELD)
SEEN = ("ClusterId", "ProcId", "Owner", "JobStatus", "GlideinEntry")


@dataclass(frozen=True)
class Picture:
    """The pool at one moment; counters by (who, job status)."""

    at_s: float
    jobs: Counter[tuple[str, int]]
    pilots: Counter[tuple[str, int]]
    slots: dict[str, float] = field(default_factory=dict)  # pilot's slot: UNIX time of its ad
    cores: int = 0
    cores_busy: int = 0

    def count(self, owner: str, status: int) -> int:
        return self.jobs[owner, status]

    @property
    def jobs_left(self) -> int:
        return self.jobs.total()

    @property
    def is_empty(self) -> bool:
        return not self.jobs and not self.pilots and not self.slots


def look(pool: Pool) -> Picture:
    ads = pool.jobs(attributes=SEEN)
    pilots = [ad for ad in ads if ad["Owner"] == PILOT_OWNER]
    users = [ad for ad in ads if ad["Owner"] != PILOT_OWNER]
    slots = pool.slots()
    whole = [ad for ad in slots if ad["SlotType"] != "Dynamic"]
    return Picture(
        at_s=time.time(),
        jobs=Counter((ad["Owner"], ad["JobStatus"]) for ad in users),
        pilots=Counter((ad.get("GlideinEntry", "?"), ad["JobStatus"]) for ad in pilots),
        slots={ad["Name"]: ad["LastHeardFrom"] for ad in whole},
        cores=sum(ad["TotalSlotCpus"] for ad in whole),
        cores_busy=sum(ad["Cpus"] for ad in slots if ad["SlotType"] == "Dynamic"),
    )


class Show:
    """A live table on a terminal, a plain line every few seconds elsewhere."""

    def __init__(self, totals: dict[str, int]) -> None:
        self.totals = totals
        self.console = Console()
        self.began_s = time.time()
        self.next_line_s = 0.0

    @contextmanager
    def running(self) -> Iterator[Callable[[Picture], None]]:
        if not self.console.is_terminal:
            yield self.plain
            return
        with Live(console=self.console, transient=True, auto_refresh=False) as live:
            yield lambda picture: live.update(self.table(picture), refresh=True)

    def plain(self, picture: Picture) -> None:
        if picture.at_s < self.next_line_s:
            return
        self.next_line_s = picture.at_s + PLAIN_EVERY_S
        idle, running, held = (sum(picture.count(o, s) for o in self.totals) for s in STATES)
        pilots = [sum(n for (_, x), n in picture.pilots.items() if x == s) for s in STATES]
        done = sum(self.totals.values()) - picture.jobs_left
        self.console.print(
            f"{picture.at_s - self.began_s:4.0f} s  jobs: {idle} idle, {running} running, "
            f"{held} held, {done} done; "
            f"pilots: {pilots[0]} waiting, {pilots[1]} running, {pilots[2]} held; "
            f"slots: {len(picture.slots)} with {picture.cores_busy} of {picture.cores} cores busy",
            soft_wrap=True,
        )

    def table(self, picture: Picture) -> Table:
        table = Table(title=f"{picture.at_s - self.began_s:.0f} s after condor_submit")
        for name in ("", "idle / waiting", "running", "held", "done"):
            table.add_column(name, justify="right" if name else "left", min_width=8)
        for owner, total in self.totals.items():
            numbers = [picture.count(owner, status) for status in STATES]
            left = sum(n for (name, _), n in picture.jobs.items() if name == owner)
            table.add_row(f"jobs of {owner}", *map(str, numbers), str(total - left))
        table.add_section()
        for entry in sorted({name for name, _ in picture.pilots}):
            row = [str(picture.pilots[entry, status]) for status in STATES]
            table.add_row(f"pilots at {entry}", *row, "")
        table.add_section()
        busy = f"{picture.cores_busy} of {picture.cores} cores"
        table.add_row(f"{len(picture.slots)} slots", "", busy, "", "")
        return table
