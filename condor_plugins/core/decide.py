# SPDX-License-Identifier: Apache-2.0
"""The decision: what was seen and what is wanted become a plan. Arithmetic only."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from condor_plugins.core import breaking, budgets, starting
from condor_plugins.core.actions import carry_out, lasting_surplus, retire
from condor_plugins.core.asking import Ask, asks
from condor_plugins.core.contest import book_usage, settle_claims
from condor_plugins.core.fates import Fates
from condor_plugins.core.governor import Doubt, doubt, freeze, look_back
from condor_plugins.core.learned import Learned
from condor_plugins.core.limit_rows import Pair
from condor_plugins.core.limits import cutting, stops
from condor_plugins.core.matching import Matcher
from condor_plugins.core.plan import Action, Grounds, Memory, Plan, Request, Surplus
from condor_plugins.core.policy import Policy
from condor_plugins.core.settling import settled
from condor_plugins.core.sharing import Sharing, hedge
from condor_plugins.core.snapshot import PilotCluster, Snapshot
from condor_plugins.core.supply import take_coming, take_slots
from condor_plugins.core.wanting import Want, wants

_NO_CLUSTER = PilotCluster(0, "", "", "", 0, 0)
# Where pilots start sooner than this, more of them would win nothing.
_LONG_WAIT_S = 300.0


class _Basis(NamedTuple):
    """What a decision rests on."""

    seen: Snapshot
    policy: Policy
    digests: Mapping[Pair, str]
    before: Memory


def decide(
    seen: Snapshot,
    policy: Policy,
    digests: Mapping[Pair, str],
    before: Memory,
    matcher: Matcher,
) -> Plan:
    """One plan. `digests`: of the rendered pilot of every (group, entry) that is configured; "" for
    one that cannot be rendered now.
    """
    basis = _Basis(seen, policy, digests, before)
    frozen = freeze(seen, policy.settings)
    memory = before if frozen else _remember(seen, policy, before)
    learned = _learn(seen, policy, memory)
    requests = asks(seen, policy, digests, learned)
    counts, settling = settled(seen.kinds, before.settling, policy.settings.settle_s, seen.now_s)
    jobs = wants(seen, counts, policy, requests, matcher)
    take_slots(jobs, seen.slots, matcher)
    take_coming(jobs, requests)
    settle_claims(requests, jobs, policy, memory.usage)
    Sharing(requests, policy.settings.max_unused / 100).share(jobs)
    hedge(requests, policy.settings.hedge, learned.waits_s, _LONG_WAIT_S)
    if not frozen:
        memory = memory._replace(settling=settling)
    plan = _plan(basis, requests, jobs, frozen, memory)
    rows = {(ask.group.name, ask.entry.name): ask.limits for ask in requests}
    return plan._replace(grounds=Grounds(rows, learned))


def _learn(seen: Snapshot, policy: Policy, memory: Memory) -> Learned:
    longest: dict[str, float] = {}
    for one in seen.clusters:
        longest[one.entry] = max(longest.get(one.entry, 0.0), one.longest_wait_s)
    waits = {
        name: starting.expected_wait_s(starts, longest.get(name, 0.0))
        for name, starts in memory.starts.items()
    }
    return Learned(
        {name: wait_s for name, wait_s in waits.items() if wait_s is not None},
        {name: breaking.state(one, seen.now_s) for name, one in memory.breakers.items()},
        {
            name: budgets.core_hours(spent, policy.entries[name].budget_window_s, seen.now_s)
            for name, spent in memory.spent.items()
            if name in policy.entries
        },
    )


def _remember(seen: Snapshot, policy: Policy, before: Memory) -> Memory:
    """What this cycle has learned for the next one, all but the surplus."""
    return Memory(
        at_s=seen.now_s,
        starts=starting.learn(before.starts, seen),
        breakers=breaking.judge(before.breakers, seen, policy),
        spent=budgets.book(before.spent, seen, policy, before.at_s),
        usage=book_usage(before, seen, policy),
        factories=_factories(seen, before),
    )


def _factories(seen: Snapshot, before: Memory) -> tuple[str, ...]:
    """Remote schedds with pilots of ours, and those known that gave no answer now."""
    silent = {name for name in before.factories if any(f"({name})" in t for t in seen.unheard)}
    return tuple(sorted({one.factory for one in seen.clusters if one.factory} | silent))


def _plan(
    basis: _Basis, requests: Sequence[Ask], jobs: Sequence[Want], frozen: str, memory: Memory
) -> Plan:
    """The plan's values, and what has to be done to bring the queue in line."""
    seen, policy, before = basis.seen, basis.policy, basis.before
    doubted = None if frozen else doubt(seen, before, policy.settings)
    if doubted:
        memory = memory._replace(settling=before.settling)
    surplus = {} if doubted else {ask.key: ask.surplus for ask in requests if ask.surplus}
    ripe, lasting = lasting_surplus(surplus, before, seen.now_s, policy.settings)
    held_back = bool(frozen or doubted)
    written = [
        (ask, _request(ask, 0 if held_back else ripe.get(ask.key, 0), doubted)) for ask in requests
    ]
    changes = () if frozen else tuple(_actions(written, basis, not doubted))
    return Plan(
        now_s=seen.now_s,
        frozen=frozen,
        doubt=doubted.text if doubted else "",
        requests=tuple(request for _, request in written),
        fates=Fates(jobs, tuple(ask.entry.name for ask in requests)),
        actions=changes,
        memory=before._replace(surplus={}) if frozen else _complete(memory, lasting, seen, doubted),
        problems=(*map(str, policy.problems), *seen.unheard),
    )


def _complete(
    memory: Memory,
    surplus: Mapping[str, tuple[Surplus, ...]],
    seen: Snapshot,
    doubted: Doubt | None,
) -> Memory:
    return memory._replace(
        surplus=surplus,
        seen=doubted.believed if doubted else look_back(seen),
        doubt_since_s=doubted.since_s if doubted else 0.0,
    )


def _request(ask: Ask, removing: int, doubted: Doubt | None) -> Request:
    current = ask.current or _NO_CLUSTER
    total = _together([current, *ask.outdated]) if ask.outdated else current
    surplus = ask.surplus
    needed = ask.waiting - surplus
    granted, most = needed + ask.opened, current.present + ask.opened
    wanted = granted + ask.beyond
    if not ask.opened and (ask.unsure or stops(ask.limits)):
        granted = 0  # or the schedd would replace each pilot that starts
    if doubted:  # the last request stays in force
        granted, most = current.max_idle, current.most
    return Request(
        group=ask.group.name,
        entry=ask.entry.name,
        site=ask.entry.site,
        waiting=total.waiting,
        starting=total.starting,
        running=total.running,
        held=total.held,
        wanted=wanted,
        granted=granted,
        most=most - removing,
        surplus=surplus,
        removing=removing,
        cut_by=cutting(ask.limits) if ask.beyond else (),
        shut=ask.shut,
        hold_reasons=current.hold_reasons,
    )


def _together(clusters: Sequence[PilotCluster]) -> PilotCluster:
    """The first of several clusters with the pilots of all."""
    return clusters[0]._replace(
        waiting=sum(one.waiting for one in clusters),
        starting=sum(one.starting for one in clusters),
        running=sum(one.running for one in clusters),
        held=sum(one.held for one in clusters),
    )


def _actions(
    written: Sequence[tuple[Ask, Request]], basis: _Basis, removals: bool
) -> Iterator[Action]:
    policy, digests = basis.policy, basis.digests
    for ask, request in written:
        if not ask.digest:
            continue
        yield from carry_out(request, ask.current, ask.digest)
        if removals:
            yield from retire(ask.outdated, "its entry or group has changed", policy.settings)
    if not removals:
        return
    orphans = (one for one in basis.seen.clusters if _is_orphan(one, policy, digests))
    yield from retire(orphans, "its entry or group is no longer configured", policy.settings)


def _is_orphan(one: PilotCluster, policy: Policy, digests: Mapping[Pair, str]) -> bool:
    """Not asked for by the configuration; one that cannot be read is a mistake, not a wish."""
    unreadable = {f"entry {one.entry}", f"group {one.group}"} & policy.broken
    return (one.group, one.entry) not in digests and not unreadable
