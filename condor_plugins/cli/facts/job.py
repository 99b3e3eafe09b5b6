# SPDX-License-Identifier: Apache-2.0
"""The state of one job in the queue, before any question of pilots."""

from collections.abc import Iterable
from dataclasses import dataclass

import classad2

from condor_plugins.cli.times import stamp
from condor_plugins.pool.ads import whole, word

_STATES = {
    1: "idle",
    2: "running",
    3: "removed",
    4: "completed",
    5: "held",
    6: "transferring output",
    7: "suspended",
}
_UNIVERSES = {
    7: "scheduler",
    9: "grid",
    10: "java",
    11: "parallel",
    12: "local",
    13: "vm",
}
_VANILLA = 5


@dataclass(frozen=True, slots=True)
class JobFacts:
    """`end`: why pilots are no question for it, as a sentence; empty for an idle vanilla job."""

    job: str
    state: str
    owner: str
    universe: str
    submitted_s: int
    since_s: int
    end: str


def job_facts(job_id: str, ad: classad2.ClassAd, slots: Iterable[classad2.ClassAd]) -> JobFacts:
    """`slots`: of the pool's glideins, to name the one where the job runs."""
    state = _STATES.get(whole(ad, "JobStatus"), "unknown")
    universe = whole(ad, "JobUniverse")
    return JobFacts(
        job_id,
        state,
        word(ad, "Owner"),
        "vanilla" if universe == _VANILLA else _UNIVERSES.get(universe, str(universe)),
        whole(ad, "QDate"),
        whole(ad, "EnteredCurrentStatus"),
        _end(job_id, ad, state, slots),
    )


def _end(job: str, ad: classad2.ClassAd, state: str, slots: Iterable[classad2.ClassAd]) -> str:
    if "GlideinEntry" in ad:
        where = f"{word(ad, 'GlideinEntry')} for group {word(ad, 'GlideinGroup')}"
        held = f": {word(ad, 'HoldReason')}" if state == "held" else ""
        return f"Job {job} is itself a pilot, of entry {where}; it is {state}{held}."
    if state == "held":
        reason = word(ad, "HoldReason") or "no reason given"
        return f"Job {job} is held: {reason} (when that is mended: condor_release {job})."
    if state in {"running", "transferring output", "suspended"}:
        return f"Job {job} is {state} {_where(ad, slots)}."
    if state != "idle":
        return f"Job {job} is {state}; it leaves the queue."
    universe = whole(ad, "JobUniverse")
    if universe != _VANILLA:
        name = _UNIVERSES.get(universe, str(universe))
        return f"Job {job} is of the {name} universe: pilots are made for vanilla jobs only."
    return ""


def _where(ad: classad2.ClassAd, slots: Iterable[classad2.ClassAd]) -> str:
    host = word(ad, "RemoteHost") or "an unknown slot"
    since_s = whole(ad, "JobCurrentStartDate")
    since = f" since {stamp(since_s)}" if since_s else ""
    of_it = next((one for one in slots if word(one, "Name") == host), None)
    if of_it is None:
        return f"on {host}, which is no glidein{since}"
    entry, pilot = word(of_it, "GLIDEIN_Entry"), word(of_it, "GLIDEIN_Pilot")
    return f"on {host}, a glidein of entry {entry} (pilot {pilot}){since}"
