# SPDX-License-Identifier: Apache-2.0
"""Foreign ads become our values, once and here."""

from collections.abc import Sequence

import classad2

from condor_plugins.core.resources import Resources
from condor_plugins.core.snapshot import JobKind, Slot

JOB_SIZES = ("RequestCpus", "RequestMemory", "RequestDisk", "RequestGPUs")
SLOT_BASE = (
    "Name",
    "State",
    "SlotType",
    "PartitionableSlot",
    "Cpus",
    "Memory",
    "Disk",
    "GPUs",
    "TotalSlotCpus",
    "TotalSlotMemory",
    "TotalSlotDisk",
    "TotalSlotGPUs",
    "Requirements",
    "Start",
    "WithinResourceLimits",
    "Healthy",
    "GLIDEIN_Site",
    "GLIDEIN_Entry",
    "GLIDEIN_Group",
    "GLIDEIN_Pilot",
    "GLIDEIN_ToDie",
    "GLIDEIN_ToRetire",
)
# Attributes of a grouped row that say which jobs it stands for, not what they are like.
_ROW_ONLY = frozenset({"id", "jobids", "jobcount", "servertime"})
# Attributes that differ from slot to slot though the slots are alike for a match.
_OWN_NAME = frozenset({"name", "glidein_pilot", "mytype", "servertime"})
_CLOCKS = frozenset({"glidein_todie", "glidein_toretire"})
_CLOCK_STEP_S = 600


def whole(ad: classad2.ClassAd, name: str, default: int = 0) -> int:
    """A number of an ad, evaluated, as a whole one; the default when it is none."""
    value = ad.eval(name) if name in ad else default
    if isinstance(value, bool | classad2.Value) or not isinstance(value, int | float):
        return default  # classad2.Value (undefined, error) is an int as well
    return int(value)


def word(ad: classad2.ClassAd, name: str) -> str:
    """A string of an ad; empty when it is none."""
    value = ad.eval(name) if name in ad else ""
    return value if isinstance(value, str) else ""


def job_kind(row: classad2.ClassAd, tags: Sequence[str] = ()) -> JobKind:
    """A row of a GroupBy query. A job without a size counts as one core."""
    sizes = Resources(
        max(whole(row, "RequestCpus", 1), 1),
        max(whole(row, "RequestMemory"), 0),
        -(-max(whole(row, "RequestDisk"), 0) // 1024),
        max(whole(row, "RequestGPUs"), 0),
        _amounts(row, "Request", tags),
    )
    names = sorted(likeness(row), key=str.lower)
    signature = "\n".join(f"{name}={row.lookup(name)}" for name in names)
    example = word(row, "JobIds").split(" ")[0]
    return JobKind(signature, whole(row, "JobCount"), sizes, example, word(row, "Owner"), row)


def likeness(row: classad2.ClassAd) -> list[str]:
    """The attributes of a grouped row in which its jobs are alike."""
    return [name for name in row if name.lower() not in _ROW_ONLY]


def slot(ad: classad2.ClassAd, tags: Sequence[str] = ()) -> Slot:
    """A slot ad of the collector; `tags`: the custom resources that count."""
    names = sorted((name for name in ad if name.lower() not in _OWN_NAME), key=str.lower)
    signature = "\n".join(f"{name}={_like(ad, name)}" for name in names)
    return Slot(
        word(ad, "Name"),
        word(ad, "GLIDEIN_Entry"),
        word(ad, "GLIDEIN_Group"),
        word(ad, "GLIDEIN_Pilot"),
        _room(ad, "", tags),
        signature,
        ad,
        _room(ad, "TotalSlot", tags),
    )


def _room(ad: classad2.ClassAd, prefix: str, tags: Sequence[str]) -> Resources:
    return Resources(
        whole(ad, f"{prefix}Cpus"),
        whole(ad, f"{prefix}Memory"),
        whole(ad, f"{prefix}Disk") // 1024,
        whole(ad, f"{prefix}GPUs"),
        _amounts(ad, prefix, tags),
    )


def _amounts(ad: classad2.ClassAd, prefix: str, tags: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Those of the custom resources that the ad has any of."""
    found = ((tag, whole(ad, f"{prefix}{tag}")) for tag in tags)
    return tuple((tag, amount) for tag, amount in found if amount > 0)


def _like(ad: classad2.ClassAd, name: str) -> str:
    """The text of an attribute; an end of life only to ten minutes."""
    if name.lower() in _CLOCKS:
        return str(whole(ad, name) // _CLOCK_STEP_S)
    return str(ad.lookup(name))
