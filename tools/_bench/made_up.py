# SPDX-License-Identifier: Apache-2.0
"""A made-up world in memory: jobs, entries, slots."""

from collections.abc import Iterable
from dataclasses import dataclass

from condor_plugins.pool.ads import job_kind, slot  # isort: skip  loads htcondor2 before classad2
import classad2

from condor_plugins.core.configuration import read_policy
from condor_plugins.core.policy import Policy
from condor_plugins.core.snapshot import JobKind, Slot

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


# The attribute with which the jobs of --sites name the three sites they want.
WANTED_SITES = "stringListMember(TARGET.GLIDEIN_Site, MY.DESIRED_Sites)"


@dataclass(frozen=True)
class Sizes:
    """How large the made-up world is: groups of like jobs, entries, slots with room.

    `sites`: every group wants three sites of its own. `changed`: so many groups are new.
    """

    groups: int
    entries: int
    slots: int = 0
    sites: bool = False
    changed: int = 0


def made_policy(sizes: Sizes) -> Policy:
    """Entries of several shapes with a published attribute, ten to a site; one group for all."""
    names = [f"entry{n}" for n in range(sizes.entries)]
    knobs = {
        "GLIDEIN_ENTRY_NAMES": " ".join(names),
        "GLIDEIN_GROUP_NAMES": "everyone",
        "GLIDEIN_GROUP_EVERYONE": "Jobs = true",
        "GLIDEIN_MAX_IDLE_PILOTS": "10000",
    }
    for n, name in enumerate(names):
        knobs[f"GLIDEIN_ENTRY_{name.upper()}"] = (
            f'Site = "site{n // 10}"\nGridResource = "batch slurm"\nCpus = {8 << n % 5}\n'
            f"Memory = {(8 << n % 5) * 2000}\nWallTime = 86400\nStart = TARGET.RequestCpus <= 64\n"
            f"Attributes = [ HasCVMFS = {'true' if n % 3 else 'false'} ]"
        )
    return read_policy(knobs)


def made_kinds(sizes: Sizes) -> Iterable[JobKind]:
    """Rows as the schedd groups them: cores, memory, wishes and an attribute differ."""
    wishes = ("true", "HasCVMFS", 'TARGET.GLIDEIN_Site =!= "site1"')
    sites = max(sizes.entries // 10, 1)
    for n in range(sizes.groups):
        number = n if n >= sizes.changed else n + sizes.groups
        row = classad2.ClassAd({
            "JobCount": 10, "JobIds": f"{number}.0", "Owner": f"user{n % 20}", "Bench": number,
            "RequestCpus": (1, 1, 2, 4, 8)[n % 5], "RequestMemory": 1000 + 500 * (number % 37),
            "RequestDisk": 1024, "FileSystemDomain": "ap",
        })  # fmt: skip
        wish = wishes[n % 3]
        if sizes.sites:
            wanted = (number * 7 % sites, (number * 13 + 3) % sites, (number * 29 + 5) % sites)
            row["DESIRED_Sites"] = ",".join(f"site{site}" for site in wanted)
            wish += f" && {WANTED_SITES}"
        row["Requirements"] = classad2.ExprTree(wish + ADDED)
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
