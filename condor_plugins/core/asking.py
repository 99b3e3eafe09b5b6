# SPDX-License-Identifier: Apache-2.0
"""The working records of one decision: a kind of job that wants room, a group asking an entry."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import classad2

from condor_plugins.core.limit_rows import Pair, Rows
from condor_plugins.core.limits import Limit
from condor_plugins.core.matching import prototype
from condor_plugins.core.packing import Bins
from condor_plugins.core.policy import Entry, Group, Policy
from condor_plugins.core.snapshot import JobKind, PilotCluster, Snapshot

UNMADE = "its pilot cannot be made, see glidein check"


@dataclass(slots=True)
class Want:
    """Idle jobs of one kind; `left` of them have no room yet."""

    kind: JobKind
    group: Group | None
    left: int
    in_slots: int = 0
    in_coming: int = 0
    asked: dict[str, int] = field(default_factory=dict)
    matching: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Ask:
    """One group at one entry while the plan is made; `new` pilots are opened one by one.

    `shut` says why nothing is asked here at all (a downtime, a pilot that cannot be made).
    Without a `digest` there is no pilot to ask for, and what is in the queue is left alone.
    `current` is the cluster that carries the request, `outdated` are older ones.
    """

    group: Group
    entry: Entry
    digest: str
    slot_ad: classad2.ClassAd
    limits: list[Limit]
    shut: str
    current: PilotCluster | None
    outdated: list[PilotCluster]
    coming: Bins = field(default_factory=Bins)
    new: Bins = field(default_factory=Bins)
    opened: int = 0
    beyond: int = 0

    @property
    def signature(self) -> str:
        return f"{self.group.name}/{self.entry.name}/{self.digest}"

    @property
    def key(self) -> str:
        return f"{self.group.name}/{self.entry.name}"

    @property
    def pilots_in_use(self) -> int:
        """Coming and new pilots that this plan has put jobs into."""
        return self.coming.started() + self.opened

    @property
    def waiting(self) -> int:
        return self.current.waiting if self.current else 0

    @property
    def surplus(self) -> int:
        """Waiting pilots that no job needs; a pilot that starts already cannot be taken back."""
        if not self.digest:
            return 0
        return self.waiting if self.shut else min(self.waiting, self.coming.untouched())


def wants(seen: Snapshot, policy: Policy) -> list[Want]:
    """Every kind of idle job with its group, large jobs first: they are the hardest to place."""
    found = [Want(kind, _group_of(kind, policy), kind.count) for kind in seen.kinds]
    return sorted(
        found, key=lambda want: (want.kind.each.cpus, want.kind.each.memory_mb), reverse=True
    )


def _group_of(kind: JobKind, policy: Policy) -> Group | None:
    chosen = (one for one in policy.groups.values() if one.jobs.eval(kind.ad) is True)
    return next(chosen, None)


def asks(seen: Snapshot, policy: Policy, digests: Mapping[Pair, str]) -> list[Ask]:
    """One record for every pair in `digests`; a limit that several share is one row."""
    rows = Rows(seen, policy, digests)
    return [_ask(seen, policy, pair, digest, rows) for pair, digest in sorted(digests.items())]


def pairs(policy: Policy) -> list[tuple[Group, Entry]]:
    """Which entries serve which groups, those included where that cannot be said."""
    return [
        (group, entry)
        for group in policy.groups.values()
        for entry in policy.entries.values()
        if policy.serves(group, entry) is not False
    ]


def _ask(seen: Snapshot, policy: Policy, pair: Pair, digest: str, rows: Rows) -> Ask:
    group, entry = policy.groups[pair[0]], policy.entries[pair[1]]
    mine = rows.of_pair[pair]
    current = next((one for one in mine if digest in ("", one.digest)), None)
    ask = Ask(
        group,
        entry,
        digest,
        prototype(entry, group, seen.now_s),
        rows.limits(group, entry),
        _shut(policy, entry, digest, seen.now_s) or _on_hold(current),
        current,
        [one for one in mine if digest and one is not current],
    )
    # Waiting pilots of older clusters and of a shut entry are taken back; starting ones do come.
    stays = mine if not digest else [current] if current and not ask.shut else []
    waiting = sum(one.waiting for one in stays)
    ask.coming.add(entry.shape, waiting + sum(one.starting for one in mine))
    return ask


def _shut(policy: Policy, entry: Entry, digest: str, now_s: float) -> str:
    if not digest:
        return UNMADE
    downtime = policy.downtimes.get(entry.name)
    if downtime and downtime.covers(now_s):
        return f"down: {downtime.reason}" if downtime.reason else "down"
    return ""


def _on_hold(current: PilotCluster | None) -> str:
    if current is None or not current.on_hold:
        return ""
    return f"pilot cluster {current.cluster} is on hold: condor_release {current.cluster}"
