# SPDX-License-Identifier: Apache-2.0
"""A made-up world in memory, and what a decision about it costs."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from condor_plugins.pool.ads import job_kind, slot  # isort: skip  loads htcondor2 before classad2
import classad2

from condor_plugins.core.asking import pairs
from condor_plugins.core.configuration import read_policy
from condor_plugins.core.decide import decide
from condor_plugins.core.matching import Matcher
from condor_plugins.core.plan import Memory
from condor_plugins.core.policy import Policy
from condor_plugins.core.snapshot import JobKind, Slot, Snapshot

Figures = dict[str, float]
# What condor_submit 25.14 writes into every job.
ADDED = (
    ' && (TARGET.Arch == "X86_64") && (TARGET.OpSys == "LINUX")'
    ' && (versionGE(split(TARGET.CondorVersion)[1],"25.12.0") || (TARGET.Disk >= RequestDisk))'
    " && (TARGET.Memory >= RequestMemory) && (TARGET.Cpus >= RequestCpus)"
    " && ((TARGET.FileSystemDomain == MY.FileSystemDomain) || (TARGET.HasFileTransfer))"
)
# What a 25.14 startd publishes, less catalogs.
SLOT_EXPRESSIONS = {
    "Requirements": "Start && WithinResourceLimits",
    "WithinResourceLimits": "MY.Cpus > 0 && TARGET.RequestCpus <= MY.Cpus && MY.Memory > 0"
    " && TARGET.RequestMemory <= MY.Memory && TARGET.RequestDisk <= MY.Disk"
    " && (TARGET.RequestGPUs =?= undefined || MY.GPUs >= TARGET.RequestGPUs)",
    "Start": "time() < GLIDEIN_ToDie",
}


@dataclass(frozen=True)
class Sizes:
    """How large the made-up world is."""

    jobs: int
    kinds: int
    entries: int
    groups: int
    slots: int


def core(sizes: Sizes) -> dict[str, Figures]:
    """CPU seconds of decide() with nothing known, and with the answers of the cycle before."""
    policy, kinds, slots = made_policy(sizes), list(made_kinds(sizes)), list(made_slots(sizes))
    seen = Snapshot(time.time(), tuple(kinds), tuple(slots), collector_age_s=1e6)
    digests = {(group.name, entry.name): "bench" for group, entry in pairs(policy)}
    matcher, found = Matcher(), dict[str, Figures]()
    for title in ("cold", "with the answers kept"):
        before, begin_s = matcher.evaluated, time.process_time()
        plan = decide(seen, policy, digests, Memory(), matcher)
        found[title] = {
            "CPU seconds": time.process_time() - begin_s,
            "matches evaluated": matcher.evaluated - before,
            "jobs": plan.jobs(),
            "kinds": len(kinds),
            "requests": len(plan.requests),
            "slots": len(slots),
            "pilots granted": sum(one.granted for one in plan.requests),
        }
    return found


def made_policy(sizes: Sizes) -> Policy:
    """Entries of several shapes with a published attribute; groups by an attribute of the job."""
    knobs = {
        "GLIDEIN_ENTRY_NAMES": " ".join(f"entry{n}" for n in range(sizes.entries)),
        "GLIDEIN_GROUP_NAMES": " ".join(f"group{n}" for n in range(sizes.groups)),
    }
    for n in range(sizes.entries):
        knobs[f"GLIDEIN_ENTRY_ENTRY{n}"] = (
            f'Site = "site{n % 7}"\nGridResource = "batch slurm"\nCpus = {8 << n % 5}\n'
            f"Memory = {(8 << n % 5) * 2000}\nWallTime = 86400\nStart = TARGET.RequestCpus <= 64\n"
            f"Attributes = [ HasCVMFS = {'true' if n % 3 else 'false'} ]"
        )
    for n in range(sizes.groups):
        knobs[f"GLIDEIN_GROUP_GROUP{n}"] = f"Jobs = Bench % {sizes.groups} == {n}"
    return read_policy(knobs)


def made_kinds(sizes: Sizes) -> Iterable[JobKind]:
    """Rows as the schedd groups them: cores, memory, wishes and an attribute differ."""
    wishes = ("true", "HasCVMFS", 'TARGET.GLIDEIN_Site =!= "site1"')
    for n in range(sizes.kinds):
        count = sizes.jobs // sizes.kinds + (n < sizes.jobs % sizes.kinds)
        row = classad2.ClassAd({
            "JobCount": count, "JobIds": f"{n}.0", "Owner": f"user{n % 20}", "Bench": n,
            "RequestCpus": (1, 1, 2, 4, 8)[n % 5], "RequestMemory": 1000 + 500 * (n % 13),
            "RequestDisk": 1024, "FileSystemDomain": "ap",
        })  # fmt: skip
        row["Requirements"] = classad2.ExprTree(wishes[n % 3] + ADDED)
        yield job_kind(row)


def made_slots(sizes: Sizes) -> Iterable[Slot]:
    """Partly filled slots, no two alike (as in a pool: each glidein has its own domain)."""
    for n in range(sizes.slots):
        ad = classad2.ClassAd({
            "Name": f"slot1@glidein-{n}", "FileSystemDomain": f"glidein-{n}", "Arch": "X86_64",
            "OpSys": "LINUX", "HasFileTransfer": True, "CondorVersion": "$CondorVersion: 25.14.1 $",
            "Cpus": 1 + n % 3, "Memory": 500 * (1 + n % 4), "Disk": 10**7, "GPUs": 0,
            "GLIDEIN_ToDie": 4_000_000_000, "GLIDEIN_Site": f"site{n % 7}", "HasCVMFS": n % 3 > 0,
        })  # fmt: skip
        for name, text in SLOT_EXPRESSIONS.items():
            ad[name] = classad2.ExprTree(text)
        yield slot(ad)
