# SPDX-License-Identifier: Apache-2.0
"""Where the seconds and core-seconds of the demo went, from the logs of those who did the work."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from _testbed.inside import Testbed
from _testbed.pool import Ad, SlurmJob, remote_id

EVENT_LOG = "/var/log/condor/EventLog"
SUBMIT, EXECUTE, GRID_SUBMIT, CLUSTER_SUBMIT = 0, 1, 27, 35


@dataclass(frozen=True)
class Event:
    """One event of HTCondor's event log; `at_s` in UNIX seconds, `proc` -1 for a whole cluster."""

    number: int
    at_s: float
    cluster: int
    proc: int
    ad: Ad


@dataclass(frozen=True)
class Moment:
    """A step on the way of the first job, and who says when it was."""

    what: str
    at_s: float
    source: str


def read_events(testbed: Testbed) -> list[Event]:
    """The log is a sequence of JSON objects without separators between them."""
    return [event_from(ad) for ad in json_objects(testbed.tell("ap", "cat", EVENT_LOG))]


def json_objects(text: str) -> Iterator[Ad]:
    decoder, place = json.JSONDecoder(), text.find("{")
    while place >= 0:
        ad, end = decoder.raw_decode(text, place)
        yield ad
        place = text.find("{", end)


def event_from(ad: Ad) -> Event:
    return Event(
        number=ad["EventTypeNumber"],
        at_s=datetime.fromisoformat(ad["EventTime"]).timestamp(),
        cluster=ad.get("Cluster", 0),
        proc=ad.get("Proc", -1),
        ad=ad,
    )


def way_of_first_job(
    events: Sequence[Event],
    clusters: Sequence[int],
    slurm: Sequence[SlurmJob],
    slot_seen: Mapping[str, float],
) -> list[Moment]:
    """From condor_submit to the first running job, by the pilot that this job ran in.

    `clusters` are those of the users; `slot_seen` gives the UNIX time at which a slot was first in
    the collector. A step that nobody recorded is left out.
    """
    of_users = [event for event in events if event.cluster in clusters]
    submitted = first(of_users, SUBMIT)
    running = first(of_users, EXECUTE)
    if submitted is None or running is None:
        return []
    moments = [Moment("condor_submit", submitted.at_s, "event log")]
    slot = str(running.ad.get("SlotName", ""))
    moments += way_of_pilot(events, slurm, slot)
    whole_slot = slot.replace("slot1_", "slot1@", 1).split("@", 1)[-1]
    seen = [at_s for name, at_s in slot_seen.items() if name.endswith(whole_slot)]
    moments += [Moment("its slot is in the collector", at_s, "slot ad") for at_s in seen]
    moments.append(Moment("first job runs", running.at_s, "event log"))
    return sorted(moments, key=lambda moment: moment.at_s)


def way_of_pilot(events: Sequence[Event], slurm: Sequence[SlurmJob], slot: str) -> list[Moment]:
    """The steps of the pilot that offers `slot` (slot1_1@glidein-SCHEDD-CLUSTER.PROC@NODE)."""
    named = re.search(r"glidein-.*-(\d+)\.(\d+)@", slot)
    if named is None:
        return []
    cluster, proc = int(named[1]), int(named[2])
    ours = [event for event in events if event.cluster == cluster and event.proc in {-1, proc}]
    steps = {
        CLUSTER_SUBMIT: "provisioner has submitted the pilot cluster",
        SUBMIT: "schedd has materialised the pilot",
        GRID_SUBMIT: "gridmanager has handed it to Slurm",
    }
    found = [(text, first(ours, number)) for number, text in steps.items()]
    moments = [Moment(text, event.at_s, "event log") for text, event in found if event]
    handed = first(ours, GRID_SUBMIT)
    job_id = remote_id(handed.ad) if handed else ""
    starts = [job.started_s for job in slurm if job.job_id == job_id]
    return moments + [Moment("Slurm has started it", float(at_s), "scontrol") for at_s in starts]


def first(events: Sequence[Event], number: int) -> Event | None:
    return next((event for event in events if event.number == number), None)


def pilot_core_seconds(slurm: Sequence[SlurmJob], job_ids: Sequence[str]) -> int:
    """What the cluster would put on the bill."""
    ours = (job for job in slurm if job.job_id in job_ids)
    return sum((job.ended_s - job.started_s) * job.cpus for job in ours)


def job_core_seconds(history: Sequence[Ad]) -> float:
    """What the users' jobs held, file transfer included."""
    return sum(float(ad["RemoteWallClockTime"]) * int(ad["RequestCpus"]) for ad in history)
