# SPDX-License-Identifier: Apache-2.0
"""The working records of one decision: jobs that want room, a group that asks an entry."""

from collections.abc import Mapping
from typing import NamedTuple

import classad2

from condor_plugins.core.learned import Learned
from condor_plugins.core.limit_rows import Pair, Rows
from condor_plugins.core.limits import Limit
from condor_plugins.core.matching import prototype
from condor_plugins.core.packing import Bins
from condor_plugins.core.policy import UNREADABLE, Entry, Group, Policy
from condor_plugins.core.snapshot import PilotCluster, Snapshot

UNREADABLE_DOWN = f"down: {UNREADABLE.reason}"
UNMADE = "its pilot cannot be made, see glidein check"
# A pilot that waits less than this is as good as there: no entry is faster for a share.
_LEAST_WAIT_S = 60.0


class Ask:
    """One group at one entry while the plan is made; `new` slots are opened pilot by pilot.

    `shut` says why nothing is asked here at all (a downtime, a pilot that cannot be made).
    Without a `digest` there is no pilot to ask for, and what is in the queue is left alone.
    `current` is the cluster that carries the request, `outdated` are older ones. `speed`: the
    share of jobs it gets, beside others (see `speeds`). `spare`: pilots more than the jobs need.
    """

    __slots__ = (
        "beyond", "coming", "current", "digest", "entry", "group", "limits", "new", "number",
        "opened", "outdated", "shut", "spare", "speed",
    )  # fmt: skip

    def __init__(
        self, number: int, group: Group, entry: Entry, digest: str, limits: list[Limit]
    ) -> None:
        self.number, self.group, self.entry, self.digest = number, group, entry, digest
        self.limits = limits
        self.shut, self.speed = "", 1.0
        self.current: PilotCluster | None = None
        self.outdated: list[PilotCluster] = []
        self.coming, self.new = Bins(), Bins()
        self.opened = self.beyond = self.spare = 0

    def afresh(self, limits: list[Limit]) -> "Ask":
        """The same request with other limits and nothing opened, for a trial."""
        other = Ask(self.number, self.group, self.entry, self.digest, limits)
        other.shut, other.speed, other.coming = self.shut, self.speed, self.coming
        other.current, other.outdated = self.current, self.outdated
        return other

    @property
    def signature(self) -> str:
        """Changes when anything does that the match of its pilots rests on."""
        return f"{self.group.name}/{self.entry.name}/{self.digest or self.entry.ad}"

    @property
    def key(self) -> str:
        return f"{self.group.name}/{self.entry.name}"

    @property
    def pilots_in_use(self) -> int:
        """Coming and new pilots that this plan has put jobs into."""
        started = self.coming.started()
        return -(-started // self.entry.nodes) + self.opened if started else self.opened

    @property
    def untouched(self) -> int:
        """Coming pilots that no job was put into."""
        return self.coming.untouched() // self.entry.nodes

    @property
    def present(self) -> int:
        return self.current.present if self.current else 0

    @property
    def arrived(self) -> int:
        """Waiting pilots, as the queue still has them, whose slots are in the collector."""
        return self.current.arrived if self.current else 0

    @property
    def unsure(self) -> bool:
        """Shut by a mistake in a downtime, which is no wish to take pilots back."""
        return self.shut == UNREADABLE_DOWN

    @property
    def waiting(self) -> int:
        return self.current.waiting if self.current else 0

    @property
    def surplus(self) -> int:
        """Waiting pilots that no job needs; a pilot that starts already cannot be taken back."""
        if not self.digest:
            return 0
        idle = self.waiting - self.arrived
        if self.shut:
            return 0 if self.unsure else idle
        return min(idle, max(self.untouched - self.spare, 0))


def asks(
    seen: Snapshot, policy: Policy, digests: Mapping[Pair, str], learned: Learned
) -> list[Ask]:
    """One record for every pair in `digests`; a limit that several share is one row."""
    maker = _Maker(seen, policy, Rows(seen, policy, digests, learned), speeds(policy, learned))
    return [maker.ask(number, *pair, digests[pair]) for number, pair in enumerate(sorted(digests))]


def speeds(policy: Policy, learned: Learned) -> dict[str, float]:
    """Shares by entry: weight over cost, times how soon pilots start there.

    An entry of which nothing is known counts as the middle one of the others, so that it is tried.
    """
    known = sorted(max(wait_s, _LEAST_WAIT_S) for wait_s in learned.waits_s.values())
    middle_s = known[len(known) // 2] if known else _LEAST_WAIT_S
    found = {}
    for name, entry in policy.entries.items():
        wait_s = max(learned.waits_s.get(name, middle_s), _LEAST_WAIT_S)
        found[name] = entry.weight / max(entry.cost, 1e-6) / wait_s
    return found


def pairs(policy: Policy) -> list[tuple[Group, Entry]]:
    """Which entries serve which groups, those included where that cannot be said."""
    return [
        (group, entry)
        for group in policy.groups.values()
        for entry in policy.entries.values()
        if policy.serves(group, entry) is not False
    ]


def slot_ad(ask: Ask, now_s: float) -> classad2.ClassAd:
    """The slot of a pilot of this request that starts now."""
    return prototype(ask.entry, ask.group, now_s)


class _Maker(NamedTuple):
    """What all requests of a decision are made from."""

    seen: Snapshot
    policy: Policy
    rows: Rows
    speed: Mapping[str, float]

    def ask(self, number: int, group_name: str, entry_name: str, digest: str) -> Ask:
        group, entry = self.policy.groups[group_name], self.policy.entries[entry_name]
        mine = self.rows.of_pair.get((group_name, entry_name), [])
        current = next((one for one in mine if digest in ("", one.digest)), None)
        shut = _shut(self.policy, entry, digest, self.seen.now_s) or _on_hold(current)
        ask = Ask(number, group, entry, digest, self.rows.limits(group, entry))
        ask.shut, ask.speed, ask.current = shut, self.speed[entry_name], current
        ask.outdated = [one for one in mine if digest and one is not current]
        # Waiting pilots of older clusters and of a shut entry are taken back; starting ones come.
        stays = mine if not digest else [current] if current and not shut else []
        coming = sum(one.waiting - one.arrived for one in stays)
        coming += sum(one.starting for one in mine)
        ask.coming.add(entry.shape, coming * entry.nodes)
        return ask


def _shut(policy: Policy, entry: Entry, digest: str, now_s: float) -> str:
    if not digest:
        return UNMADE
    downtime = policy.downtime_of(entry, now_s) if policy.downtimes else None
    if downtime:
        return f"down: {downtime.reason}" if downtime.reason else "down"
    return ""


def _on_hold(current: PilotCluster | None) -> str:
    if current is None or not current.on_hold:
        return ""
    return f"pilot cluster {current.cluster} is on hold: condor_release {current.cluster}"
