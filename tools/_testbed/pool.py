# SPDX-License-Identifier: Apache-2.0
"""Questions to the pool and the cluster, asked with HTCondor's and Slurm's own tools."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from _testbed.inside import Testbed

Ad = dict[str, Any]

IDLE, RUNNING, COMPLETED, HELD = 1, 2, 4, 5
PILOT_OWNER = "glidein"
FACTORY_REMOVED = 3


@dataclass(frozen=True)
class SlurmJob:
    """One job as the cluster knows it, ended ones for an hour; UNIX seconds, 0 for none."""

    job_id: str
    state: str
    cpus: int
    partition: str
    submitted_s: int
    started_s: int
    ended_s: int


@dataclass(frozen=True)
class Pool:
    """The pool of the testbed, seen from the Access Point."""

    testbed: Testbed

    def jobs(self, constraint: str = "true", attributes: Sequence[str] = ()) -> list[Ad]:
        """Ads of jobs in the queue (materialised ones, not the clusters they come from)."""
        return self.ads("condor_q", "-allusers", constraint=constraint, attributes=attributes)

    def user_jobs(self) -> list[Ad]:
        return self.jobs(f'Owner != "{PILOT_OWNER}"')

    def pilots(self, constraint: str = "true") -> list[Ad]:
        return self.jobs(f'Owner == "{PILOT_OWNER}" && ({constraint})')

    def pilot_clusters(self) -> list[Ad]:
        """The late-materialization clusters that carry out the requests.

        One that was removed when it had no pilot stays for hours, and is no longer one.
        """
        words = ("condor_q", "-allusers", "-factory")
        ads = self.ads(*words, constraint=f'Owner == "{PILOT_OWNER}"')
        return [ad for ad in ads if ad.get("JobFactoryPaused") != FACTORY_REMOVED]

    def slots(self, constraint: str = "true") -> list[Ad]:
        return self.ads("condor_status", constraint=constraint)

    def history(self, constraint: str) -> list[Ad]:
        """Ads of jobs that left the queue."""
        return self.ads("condor_history", constraint=constraint)

    def ads(self, *words: str, constraint: str, attributes: Sequence[str] = ()) -> list[Ad]:
        argv = [*words, "-json", "-constraint", constraint]
        if attributes:
            argv += ["-attributes", ",".join(attributes)]
        out = self.testbed.tell("ap", *argv)
        return list(json.loads(out)) if out.strip() else []

    def slurm_jobs(self) -> list[SlurmJob]:
        """Every job that the cluster still knows, also ended ones."""
        out = self.testbed.tell("perlmutter", "scontrol", "--oneliner", "show", "jobs",
                                timeout_s=30)  # fmt: skip
        fields = (dict(re.findall(r"(\w+)=(\S*)", line)) for line in out.splitlines())
        found = [entry for entry in fields if "JobId" in entry]
        times = self.unix_times(sorted({entry[n] for entry in found for n in SLURM_TIMES}))
        return [slurm_job(entry, times) for entry in found]

    def unix_times(self, texts: Sequence[str]) -> dict[str, int]:
        """Slurm prints times in the cluster's time zone, which only the cluster knows."""
        known = [text for text in texts if text[:1].isdigit()]
        script = 'for t; do date -d "$t" +%s; done'
        out = self.testbed.tell("perlmutter", "sh", "-c", script, "sh", *known)
        return dict(zip(known, map(int, out.split()), strict=True))

    def squeue(self) -> list[str]:
        """Ids of jobs waiting or running in the cluster."""
        argv = ("squeue", "--noheader", "--format=%i")
        return self.testbed.tell("perlmutter", *argv).split()

    def knob(self, host: str, name: str) -> str:
        """A knob's value, or an empty text where it is not defined."""
        return self.testbed.run(host, "condor_config_val", name).out.strip()


SLURM_TIMES = ("SubmitTime", "StartTime", "EndTime")


def slurm_job(entry: dict[str, str], times: dict[str, int]) -> SlurmJob:
    submitted, started, ended = (times.get(entry[name], 0) for name in SLURM_TIMES)
    return SlurmJob(
        job_id=entry["JobId"],
        state=entry["JobState"],
        cpus=int(entry["NumCPUs"].split("-")[0]),
        partition=entry["Partition"],
        submitted_s=submitted,
        started_s=started,
        ended_s=ended,
    )


def remote_id(pilot: Ad) -> str:
    """The cluster's own id of a pilot, or an empty text: `batch slurm UNIQUE slurm/20261121/17`."""
    grid_job_id = str(pilot.get("GridJobId", ""))
    return grid_job_id.rsplit("/", 1)[1] if "/" in grid_job_id else ""
