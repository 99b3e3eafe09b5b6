# SPDX-License-Identifier: Apache-2.0
"""Does a job match a slot, in HTCondor's own ClassAd semantics, and if not: which clause fails?

An entry is matched as a prototype slot ad: the slot that its next pilot will have.
"""

from dataclasses import dataclass, field

import classad2

from condor_plugins.core.expressions import conjuncts
from condor_plugins.core.policy import Entry, Group
from condor_plugins.core.snapshot import JobKind, Slot

# The startd's own condition that a request fits, as a 25.14 slot publishes it (less catalogs).
_WITHIN_LIMITS = (
    "TARGET.RequestCpus <= MY.Cpus && TARGET.RequestMemory <= MY.Memory"
    " && TARGET.RequestDisk <= MY.Disk"
    " && (TARGET.RequestGPUs =?= undefined || MY.GPUs >= TARGET.RequestGPUs)"
)
_NAMES = ("Start", "WithinResourceLimits")
# What every glidein on a Linux node publishes. An entry's Attributes may say otherwise.
_LINUX_GLIDEIN: dict[str, object] = {
    "Arch": "X86_64",
    "OpSys": "LINUX",
    "HasFileTransfer": True,
    "HasJobDeferral": True,
    "HasPerFileEncryption": True,
    "HasReconnect": True,
    "HasTDP": True,
    "PartitionableSlot": True,
    "SlotType": "Partitionable",
    "SlotTypeID": 1,
    "SlotID": 1,
    "State": "Unclaimed",
    "Activity": "Idle",
    "IsGlidein": True,
    "HasFileTransferPluginMethods": "file,ftp,http,https",
    # The version on this host: tools/pack packs the HTCondor that is installed here.
    "CondorVersion": f"$CondorVersion: {classad2.version()} $",
}


def prototype(entry: Entry, group: Group, now_s: float = 0) -> classad2.ClassAd:
    """The slot ad of a pilot of this group that starts at this entry now."""
    ad = classad2.ClassAd()
    for name, value in _LINUX_GLIDEIN.items():
        ad[name] = value
    shape = entry.shape
    sizes = {"Cpus": shape.cpus, "Memory": shape.memory_mb, "GPUs": shape.gpus}
    for name, value in (sizes | {"Disk": shape.disk_mb * 1024}).items():
        ad[name] = value
        ad[f"Total{name}"] = ad[f"TotalSlot{name}"] = value
    ad["GLIDEIN_Site"] = entry.site
    ad["GLIDEIN_Entry"] = entry.name
    ad["GLIDEIN_Group"] = group.name
    ad["GLIDEIN_ToDie"] = int(now_s) + entry.wall_time_s
    for name, expression in entry.attributes.items():
        ad[name] = expression
    ad["Start"] = classad2.ExprTree(f"({entry.start}) && ({group.start})")
    ad["WithinResourceLimits"] = classad2.ExprTree(_WITHIN_LIMITS)
    ad["Requirements"] = classad2.ExprTree("Start && WithinResourceLimits")
    return ad


@dataclass(frozen=True, slots=True)
class Clause:
    """One conjunct that is not true: whose it is, its text, and what it evaluated to."""

    owner: str
    text: str
    value: str

    def __str__(self) -> str:
        return f"{self.owner}: {self.text} is {self.value}"


@dataclass(slots=True)
class Matcher:
    """Match answers by signature; keep one between cycles and nothing is evaluated twice."""

    answers: dict[tuple[str, str], bool] = field(default_factory=dict)
    evaluated: int = 0

    def job_in_slot(self, kind: JobKind, slot: Slot) -> bool:
        return self.answer(kind, slot.signature, slot.ad)

    def answer(self, kind: JobKind, signature: str, slot_ad: classad2.ClassAd) -> bool:
        """Whether both Requirements hold; `signature` stands for the slot ad."""
        key = (kind.signature, signature)
        known = self.answers.get(key)
        if known is None:
            self.evaluated += 1
            known = self.answers[key] = bool(kind.ad.symmetricMatch(slot_ad))
        return known


def failing_clauses(job_ad: classad2.ClassAd, slot_ad: classad2.ClassAd) -> tuple[Clause, ...]:
    """The conjuncts of both Requirements that are not true; empty when the two match."""
    sides = (("job", job_ad, slot_ad), ("entry", slot_ad, job_ad))
    return tuple(
        Clause(owner, text, value)
        for owner, mine, other in sides
        for text, value in _untrue(mine, other)
    )


def _untrue(mine: classad2.ClassAd, other: classad2.ClassAd) -> list[tuple[str, str]]:
    found = []
    for clause in _clauses(mine):
        value = classad2.ExprTree(clause).eval(mine, other)
        if value is not True:
            found.append((clause, _shown(value)))
    return found


def _clauses(ad: classad2.ClassAd) -> list[str]:
    """Requirements cut at its outermost `&&`; Start and WithinResourceLimits stand for more."""
    if "Requirements" not in ad:
        return []
    return [
        inner
        for clause in conjuncts(str(ad.lookup("Requirements")))
        for inner in (conjuncts(str(ad.lookup(clause))) if clause in _NAMES else [clause])
    ]


def _shown(value: object) -> str:
    if isinstance(value, classad2.Value):
        return str(value.name).lower()
    return str(value).lower()
