# SPDX-License-Identifier: Apache-2.0
"""The demo's last page: the way of the first job, pilots, core-seconds, intervals in force."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from _testbed.demo_times import (
    job_core_seconds,
    pilot_core_seconds,
    read_events,
    way_of_first_job,
)
from _testbed.pool import PILOT_OWNER, Ad, Pool, remote_id

# Which interval each waiting time comes from.
INTERVALS = (
    ("ap", "GLIDEIN_PERIOD"),
    ("ap", "GRIDMANAGER_JOB_PROBE_INTERVAL"),
    ("ap", "GRIDMANAGER_CONTACT_SCHEDD_DELAY"),
    ("cm", "NEGOTIATOR_INTERVAL"),
    ("cm", "NEGOTIATOR_MIN_INTERVAL"),
    ("cm", "NEGOTIATOR_CYCLE_DELAY"),
    ("ap", "SCHEDD_INTERVAL"),
)
# Not a knob: what start-ap does with blahpd's bulk answer, a constant of 60 s as installed.
STATUS_CACHE = "States of pilots in Slurm: at most 5 s old (60 s as HTCondor is installed)"


def report(
    pool: Pool, clusters: Sequence[int], slot_seen: Mapping[str, float], history: Sequence[Ad]
) -> None:
    console = Console(width=None if Console().is_terminal else 110)
    slurm = pool.slurm_jobs()
    first_submitted_s = min((int(ad["QDate"]) for ad in history), default=0)
    pilots = pool.history(f'Owner == "{PILOT_OWNER}" && QDate >= {first_submitted_s}')
    moments = way_of_first_job(read_events(pool.testbed), clusters, slurm, slot_seen)

    table = Table(title="From condor_submit to the first running job")
    for heading in ("step", "after", "took", "says"):
        table.add_column(heading, justify="right" if heading in {"after", "took"} else "left")
    for before, moment in zip([*moments[:1], *moments], moments, strict=False):
        after_s, took_s = moment.at_s - moments[0].at_s, moment.at_s - before.at_s
        table.add_row(moment.what, f"{after_s:.1f} s", f"{took_s:.1f} s", moment.source)
    console.print(table)

    by_entry = Counter(str(ad.get("GlideinEntry")) for ad in pilots)
    entries = ", ".join(f"{number} at {entry}" for entry, number in sorted(by_entry.items()))
    held = pilot_core_seconds(slurm, [remote_id(ad) for ad in pilots])
    used = round(job_core_seconds(history))
    share = f"{100 * used / held:.0f} %" if held else "nothing"
    console.print(f"Pilots: {len(pilots)} ({entries})", soft_wrap=True)
    idle = held - used
    console.print(f"Core-seconds: {held} held by pilots, {used} by jobs ({share}), {idle} idle")
    knobs = ", ".join(f"{name} {pool.knob(host, name)}" for host, name in INTERVALS)
    console.print(f"Intervals: {knobs}", soft_wrap=True)
    console.print(STATUS_CACHE)
