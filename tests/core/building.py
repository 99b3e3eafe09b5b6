# SPDX-License-Identifier: Apache-2.0
"""Small values to test the decision with: an entry, a group, jobs, slots, a queue of pilots."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import classad2

from condor_plugins.core.decide import decide
from condor_plugins.core.matching import Matcher
from condor_plugins.core.plan import Memory, Plan, Request
from condor_plugins.core.policy import Entry, Group, Policy, Settings
from condor_plugins.core.resources import Resources
from condor_plugins.core.snapshot import JobKind, PilotCluster, Slot, Snapshot

NOW_S = 1_795_000_000
GROUP = "everyone"
# What condor_submit 25.14 adds to a job's own requirements (from the queue of a real schedd).
_ADDED = (
    '(TARGET.Arch == "X86_64") && (TARGET.OpSys == "LINUX")'
    ' && (versionGE(split(TARGET.CondorVersion)[1],"25.12.0") || (TARGET.Disk >= RequestDisk))'
    " && (TARGET.Memory >= RequestMemory) && (TARGET.Cpus >= RequestCpus)"
    " && ((TARGET.FileSystemDomain == MY.FileSystemDomain) || (TARGET.HasFileTransfer))"
)
# What a 25.14 startd publishes (less catalogs).
_FITS = (
    "MY.Cpus > 0 && TARGET.RequestCpus <= MY.Cpus && MY.Memory > 0"
    " && TARGET.RequestMemory <= MY.Memory && MY.Disk > 0 && TARGET.RequestDisk <= MY.Disk"
    " && (TARGET.RequestGPUs =?= undefined || MY.GPUs >= TARGET.RequestGPUs)"
)
_SETTINGS = Settings(
    account="glidein",
    token_directory="/etc/tokens.d",  # noqa: S106 (a directory)
    state_dir="/var/lib/glidein",
    downtime_file="/etc/downtimes.conf",
    pilot_dir="/pilot",
    pilot_log_dir="/log",
    collector="cm.example.org",
    dry_run=False,
    max_pilots=10_000,
    max_idle_pilots=1_000,
    submit_rate=0,
    curb=100,
    hedge=0,
    max_unused=50,
    settle_s=0,
    usage_half_life_s=86_400,
    remove_after_s=300,
    confirm_s=300,
    max_removals=100,
    join_timeout_s=300,
    collector_settle_s=600,
    timeout_s=20,
)


def expression(text: str) -> classad2.ExprTree:
    return classad2.ExprTree(text)


def record(**values: object) -> dict[str, object]:
    """A nested ad as the reader gives it: names and expressions."""
    ad = classad2.ClassAd(values)
    return {name: ad.lookup(name) for name in ad}


def settings(**changes: Any) -> Settings:
    return _SETTINGS._replace(**changes)


def entry(name: str = "A", start: str = "true", **changes: Any) -> Entry:
    """8 cores, 16 GB, one hour, up to 100 pilots of which 50 wait."""
    made = Entry(
        name=name,
        site=f"Site{name}",
        grid_resource="batch slurm",
        trust_domain="",
        shape=Resources(8, 16_000, 20_000, 0),
        wall_time_s=3600,
        idle_timeout_s=600,
        max_pilots=100,
        max_idle_pilots=50,
        max_held_pilots=10,
        held_timeout_s=3600,
        start=expression(start),
        attributes={},
        submit={},
        pilot_dir="/pilot",
        log_dir="/log",
        ad=classad2.ClassAd({"Name": name, "Site": f"Site{name}"}),
    )
    return made._replace(**changes)


def group(name: str = GROUP, jobs: str = "true", entries: str = "true", **changes: Any) -> Group:
    made = Group(
        name,
        expression(jobs),
        expression(entries),
        expression("true"),
        max_pilots=1000,
        max_idle_pilots=500,
    )
    return made._replace(**changes)


def policy(
    entries: Iterable[Entry] = (), groups: Iterable[Group] | None = None, **changes: Any
) -> Policy:
    """These entries and groups (one group for every job by default); settings by `settings=`."""
    made = Policy(
        settings=_SETTINGS,
        entries={one.name: one for one in entries},
        groups={one.name: one for one in ([group()] if groups is None else groups)},
        credentials={},
        downtimes={},
        broken=frozenset(),
        problems=(),
    )
    return made._replace(**changes)


def job_ad(requirements: str = "true", **attributes: object) -> classad2.ClassAd:
    """An idle job as condor_submit makes it."""
    ad = classad2.ClassAd({"Owner": "alice", "JobUniverse": 5, "FileSystemDomain": "ap"})
    for name, value in attributes.items():
        ad[name] = value
    ad["Requirements"] = expression(f"({requirements}) && {_ADDED}")
    return ad


def kind(
    count: int, cpus: int = 1, memory_mb: int = 1000, requirements: str = "true", **more: object
) -> JobKind:
    """Idle jobs that are alike; `more` are attributes of theirs."""
    sizes = {"RequestCpus": cpus, "RequestMemory": memory_mb, "RequestDisk": 100 * 1024}
    ad = job_ad(requirements, **sizes, **more)
    size = Resources(cpus, memory_mb, 100, 0)
    return JobKind(str(ad), count, size, "1.0", "alice", ad)


def slot(name: str, cpus: int, memory_mb: int, entry_name: str = "A", **more: object) -> Slot:
    """A partitionable slot with this much room; `more` are attributes of its ad."""
    values: dict[str, object] = {
        "Arch": "X86_64",
        "OpSys": "LINUX",
        "HasFileTransfer": True,
        "CondorVersion": "$CondorVersion: 25.14.1 2026-10-16 $",
        "Cpus": cpus,
        "Memory": memory_mb,
        "Disk": 20_000 * 1024,
        "GPUs": 0,
        "Start": True,
    }
    ad = classad2.ClassAd(values | more)
    ad["WithinResourceLimits"] = expression(_FITS)
    ad["Requirements"] = expression("Start && WithinResourceLimits")
    free = Resources(cpus, memory_mb, 20_000, 0)
    return Slot(name, entry_name, GROUP, f"ap-{name}", free, str(ad), ad)


def cluster(number: int = 7, entry_name: str = "A", **changes: Any) -> PilotCluster:
    """A pilot cluster of the one group, with the digest that `digests` gives."""
    made = PilotCluster(number, GROUP, entry_name, "d1", max_idle=0, most=0)
    return made._replace(**changes)


def digests(wanted: Policy) -> dict[tuple[str, str], str]:
    """One digest for every pair that the configuration wants."""
    return {
        (g.name, e.name): "d1"
        for g in wanted.groups.values()
        for e in wanted.entries.values()
        if wanted.serves(g, e)
    }


def choose(
    wanted: Policy,
    kinds: Sequence[JobKind] = (),
    *,
    by: Mapping[tuple[str, str], str] | None = None,
    before: Memory | None = None,
    **seen: Any,
) -> Plan:
    """The decision for these jobs; `seen` are other parts of the snapshot, `by` the digests."""
    now_s = seen.pop("now_s", NOW_S)
    look = Snapshot(now_s, tuple(kinds), collector_age_s=seen.pop("collector_age_s", 1e6), **seen)
    marks = digests(wanted) if by is None else by
    return decide(look, wanted, marks, before or Memory(), Matcher())


def of(plan: Plan, entry_name: str = "A", group_name: str = GROUP) -> Request:
    """The request of a group at an entry."""
    return next(one for one in plan.requests if (one.entry, one.group) == (entry_name, group_name))
