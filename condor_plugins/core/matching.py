# SPDX-License-Identifier: Apache-2.0
"""Does a job match a slot, in HTCondor's own ClassAd semantics, and if not: which clause fails?

An entry is matched as a prototype slot ad: the slot that its next pilot will have.
"""

from collections.abc import Callable, Sequence
from itertools import compress
from typing import NamedTuple

import classad2

from condor_plugins.core.answers import Kept, digest_of_all, digests
from condor_plugins.core.expressions import conjuncts
from condor_plugins.core.policy import Entry, Group
from condor_plugins.core.snapshot import JobKind, Slot

# The startd's own condition that a request fits, as a 25.14 slot publishes it (less catalogs).
_WITHIN_LIMITS = (
    "TARGET.RequestCpus <= MY.Cpus && TARGET.RequestMemory <= MY.Memory"
    " && TARGET.RequestDisk <= MY.Disk"
    " && (TARGET.RequestGPUs =?= undefined || MY.GPUs >= TARGET.RequestGPUs)"
)
_WITHIN_TAG = "(TARGET.Request{tag} =?= undefined || MY.{tag} >= TARGET.Request{tag})"
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


def recipe() -> str:
    """Changes when the same entry would get another prototype, or HTCondor is another."""
    return digests([f"{_LINUX_GLIDEIN} {_WITHIN_LIMITS}"])[0]


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
    for tag, amount in shape.extra:
        ad[tag] = ad[f"Total{tag}"] = ad[f"TotalSlot{tag}"] = amount
    within = [_WITHIN_LIMITS, *(_WITHIN_TAG.format(tag=tag) for tag, _ in shape.extra)]
    ad["WithinResourceLimits"] = classad2.ExprTree(" && ".join(within))
    ad["Requirements"] = classad2.ExprTree("Start && WithinResourceLimits")
    return ad


class Clause(NamedTuple):
    """One conjunct that is not true: whose it is, its text, and what it evaluated to."""

    owner: str
    text: str
    value: str

    def __str__(self) -> str:
        return f"{self.owner}: {self.text} is {self.value}"


class Matcher:
    """Match answers by signature; keep one between cycles and nothing is evaluated twice.

    `kept` may go from process to process: its answers hold as long as the signatures do.
    """

    def __init__(self, kept: Kept | None = None) -> None:
        self.kept = kept or Kept()
        self.answers: dict[tuple[str, str], bool] = {}
        self.evaluated = 0

    def masks(
        self,
        kinds: Sequence[JobKind],
        signatures: Sequence[str],
        ad_of: Callable[[int], classad2.ClassAd],
        *,
        keep: bool = True,
    ) -> list[int]:
        """For each kind a mask: bit n says whether it matches the slot ad that `ad_of(n)` makes.

        `signatures[n]` stands for that ad in this and in later cycles. Without `keep` it does so
        only now, as for a real slot, whose remaining time goes by: nothing is remembered.
        """
        if not keep:
            return self._cross(kinds, signatures, ad_of, {})[0]
        whole = digest_of_all([*[kind.signature for kind in kinds], "", *signatures])
        same = self.kept.unchanged(whole, len(kinds))
        if same is not None:
            return same
        marks, ads = digests(kind.signature for kind in kinds), digests(signatures)
        known, now = self.kept.known(ads), self.kept.of(ads)
        found = [known.get(mark, -1) for mark in marks]
        unknown = [at for at, mask in enumerate(found) if mask < 0]
        lasting = [True] * len(kinds)
        if unknown:
            answers = self._cross([kinds[at] for at in unknown], signatures, ad_of, now.columns)
            for at, mask, lasts in zip(unknown, *answers, strict=True):
                found[at], lasting[at] = mask, lasts
        now.whole = whole
        now.masks.update(compress(zip(marks, found, strict=True), lasting))
        return found

    def _cross(
        self,
        kinds: Sequence[JobKind],
        signatures: Sequence[str],
        ad_of: Callable[[int], classad2.ClassAd],
        columns: dict[str, list[str | None]],
    ) -> tuple[list[int], list[bool]]:
        """Masks, and whether each holds in later cycles. What it learns of the ads is in `columns`.

        Imported here: a cycle in which nothing is new needs none of it.
        """
        from condor_plugins.core.conditions import Crossing  # noqa: PLC0415
        from condor_plugins.core.reaching import MOVING, Table  # noqa: PLC0415

        jobs = Table([kind.signature for kind in kinds], lambda at: kinds[at].ad)
        crossing = Crossing(jobs, Table(signatures, ad_of, columns))
        found = crossing.masks()
        self.evaluated += crossing.evaluated
        for name in MOVING:
            columns.pop(name, None)
        return found

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
