# SPDX-License-Identifier: Apache-2.0
"""Divide the room of a contested entry among groups: by weight, usage, and what each can use."""

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from condor_plugins.core.asking import Ask
from condor_plugins.core.limits import Limit, room
from condor_plugins.core.plan import Memory
from condor_plugins.core.policy import Policy
from condor_plugins.core.sharing import Sharing
from condor_plugins.core.snapshot import Snapshot
from condor_plugins.core.wanting import Want

# A group that has used more (less) than its share weighs at least half (at most double).
_MOST_CORRECTION = 2.0
# Usage below this says nothing yet (core-seconds: one core-hour).
_LEAST_USAGE = 3600.0
# A provisioner that did not run for longer knows nothing of the pilots of that time.
_LONGEST_GAP_S = 600.0
_NO_END = 1 << 30


class Claim(NamedTuple):
    """One group at a contested entry: pilots it has there, pilots more that it wishes, weight."""

    present: int
    wish: int
    weight: float


def divide(room: int, claims: Sequence[Claim]) -> list[int]:
    """How many of `room` new pilots each claim gets: the least served by weight comes first.

    What one claim does not wish goes to the others (borrow); as its pilots leave and it wishes
    again, it is the least served and comes first (return).
    """
    given = [0] * len(claims)
    heap = [
        (one.present / one.weight, number)
        for number, one in enumerate(claims)
        if one.weight > 0 and one.wish > 0
    ]
    heapq.heapify(heap)
    while room > 0 and heap:
        _, number = heapq.heappop(heap)
        one = claims[number]
        given[number] += 1
        room -= 1
        if given[number] < one.wish:
            heapq.heappush(heap, ((one.present + given[number]) / one.weight, number))
    return given


def corrected_weights(weights: Mapping[str, float], usage: Mapping[str, float]) -> dict[str, float]:
    """Weights by group, lowered for those that used more than their share and raised for others.

    `usage`: decayed core-seconds by group (Memory.usage).
    """
    used = sum(usage.get(name, 0.0) for name in weights)
    total = sum(weights.values())
    if used < _LEAST_USAGE or total <= 0:
        return dict(weights)
    found = {}
    for name, weight in weights.items():
        expected = weight / total * used
        factor = expected / max(usage.get(name, 0.0), expected / _MOST_CORRECTION, 1e-9)
        found[name] = weight * max(factor, 1 / _MOST_CORRECTION)
    return found


def decayed(usage: Mapping[str, float], age_s: float, half_life_s: float) -> dict[str, float]:
    """Usage as it counts after `age_s` more seconds."""
    factor = 0.5 ** (max(age_s, 0.0) / half_life_s)
    return {name: value * factor for name, value in usage.items() if value * factor >= 1}


def book_usage(before: Memory, seen: Snapshot, policy: Policy) -> dict[str, float]:
    """Core-seconds by group, decayed to now, with what ran since the last cycle."""
    gap_s = max(seen.now_s - before.at_s, 0.0) if before.at_s else 0.0
    usage = decayed(before.usage, gap_s, policy.settings.usage_half_life_s)
    for one in seen.clusters:
        entry = policy.entries.get(one.entry)
        if entry and one.running and gap_s:
            core_s = one.running * entry.shape.cpus * entry.nodes * min(gap_s, _LONGEST_GAP_S)
            usage[one.group] = usage.get(one.group, 0.0) + core_s
    return usage


def settle_claims(
    requests: Sequence[Ask], jobs: Sequence[Want], policy: Policy, usage: Mapping[str, float]
) -> None:
    """Give every group at a contested entry a limit row with its share of the room that is left."""
    if len({want.group.name for want in jobs if want.left and want.mask and want.group}) < 2:
        return
    wished = _wishes(requests, jobs, policy)
    at_entry: dict[str, list[Ask]] = defaultdict(list)
    for ask in requests:
        if wished[ask.number] and not ask.shut:
            at_entry[ask.entry.name].append(ask)
    for rivals in at_entry.values():
        shared = _shared_room(rivals)
        if len(rivals) > 1 and sum(wished[ask.number] for ask in rivals) > shared:
            _give_shares(rivals, wished, shared, usage)


def _wishes(requests: Sequence[Ask], jobs: Sequence[Want], policy: Policy) -> list[int]:
    """Pilots that every request would open if it were alone, within its group's own limits."""
    trial = [ask.afresh([Limit("", _NO_END, 0)]) for ask in requests]
    wanting = [want.still() for want in jobs]
    Sharing(trial, policy.settings.max_unused / 100).share(wanting)
    own = _rooms_of_own(requests)
    return [min(ask.opened, room) for ask, room in zip(trial, own, strict=True)]


def _rooms_of_own(requests: Sequence[Ask]) -> list[int]:
    """The room in the rows that no other group has to pass: beyond it nothing can be wished."""
    groups: dict[int, set[str]] = defaultdict(set)
    for ask in requests:
        for row in ask.limits:
            groups[id(row)].add(ask.group.name)
    return [room(row for row in ask.limits if len(groups[id(row)]) == 1) for ask in requests]


def _shared_room(rivals: Sequence[Ask]) -> int:
    """The room in the rows that all of them have to pass."""
    first, *others = rivals
    common = [
        row for row in first.limits if all(any(row is it for it in one.limits) for one in others)
    ]
    return room(common)


def _give_shares(
    rivals: Sequence[Ask], wished: Sequence[int], shared: int, usage: Mapping[str, float]
) -> None:
    weights = {ask.group.name: ask.group.weight for ask in rivals}
    corrected = corrected_weights(weights, usage)
    claims = [Claim(ask.present, wished[ask.number], corrected[ask.group.name]) for ask in rivals]
    total = sum(weights.values())
    for ask, given in zip(rivals, divide(shared, claims), strict=True):
        part = f"{ask.group.weight:g} of {total:g}"
        name = f"group {ask.group.name} share of entry {ask.entry.name}, weight {part}"
        ask.limits.append(Limit(name, ask.present + given, ask.present, kind="waiting"))
