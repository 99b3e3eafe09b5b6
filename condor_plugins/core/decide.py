# SPDX-License-Identifier: Apache-2.0
"""The decision: what was seen and what is wanted become a plan. Arithmetic only."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from condor_plugins.core.actions import carry_out, lasting_surplus, retire
from condor_plugins.core.asking import Ask, Want, asks, wants
from condor_plugins.core.governor import freeze
from condor_plugins.core.limit_rows import Pair
from condor_plugins.core.limits import cutting
from condor_plugins.core.matching import Matcher
from condor_plugins.core.plan import Action, Fate, Memory, Plan, Request
from condor_plugins.core.policy import Policy
from condor_plugins.core.sharing import share
from condor_plugins.core.snapshot import PilotCluster, Snapshot
from condor_plugins.core.supply import take_coming, take_slots


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
    jobs = wants(seen, policy)
    requests = asks(seen, policy, digests)
    take_slots(jobs, seen.slots, matcher)
    take_coming(jobs, requests, matcher)
    share(jobs, requests, matcher)
    frozen = freeze(seen, policy.settings)
    surplus = {ask.key: ask.surplus for ask in requests}
    ripe, memory = lasting_surplus(surplus, before, seen.now_s, policy.settings)
    written = [(ask, _request(ask, 0 if frozen else ripe.get(ask.key, 0))) for ask in requests]
    return Plan(
        now_s=seen.now_s,
        frozen=frozen,
        requests=tuple(request for _, request in written),
        fates=tuple(_fate(want) for want in jobs),
        actions=() if frozen else tuple(_actions(written, seen.clusters, policy, digests)),
        memory=Memory() if frozen else memory,
        problems=tuple(str(one) for one in policy.problems),
    )


def _request(ask: Ask, removing: int) -> Request:
    current = ask.current or PilotCluster(0, ask.group.name, ask.entry.name, "", 0, 0)
    all_of_it = [current, *ask.outdated]
    needed = ask.waiting - ask.surplus
    return Request(
        group=ask.group.name,
        entry=ask.entry.name,
        site=ask.entry.site,
        waiting=sum(one.waiting for one in all_of_it),
        starting=sum(one.starting for one in all_of_it),
        running=sum(one.running for one in all_of_it),
        held=sum(one.held for one in all_of_it),
        wanted=needed + ask.opened + ask.beyond,
        granted=needed + ask.opened,
        most=current.present + ask.opened,
        surplus=ask.surplus,
        removing=removing,
        cut_by=cutting(ask.limits) if ask.beyond else (),
        shut=ask.shut,
        hold_reasons=current.hold_reasons,
    )


def _fate(want: Want) -> Fate:
    kind = want.kind
    return Fate(
        signature=kind.signature,
        example=kind.example,
        owner=kind.owner,
        count=kind.count,
        cpus=kind.each.cpus,
        memory_mb=kind.each.memory_mb,
        group=want.group.name if want.group else "",
        in_slots=want.in_slots,
        in_coming=want.in_coming,
        asked=want.asked,
        unmet=want.left,
        matching=tuple(want.matching),
    )


def _actions(
    written: Sequence[tuple[Ask, Request]],
    clusters: Iterable[PilotCluster],
    policy: Policy,
    digests: Mapping[Pair, str],
) -> Iterator[Action]:
    for ask, request in written:
        if not ask.digest:
            continue
        yield from carry_out(request, ask.current, ask.digest)
        yield from retire(ask.outdated, "its entry or group has changed", policy.settings)
    yield from retire(
        (one for one in clusters if _is_orphan(one, policy, digests)),
        "its entry or group is no longer configured",
        policy.settings,
    )


def _is_orphan(one: PilotCluster, policy: Policy, digests: Mapping[Pair, str]) -> bool:
    """Not asked for by the configuration; one that cannot be read is a mistake, not a wish."""
    unreadable = {f"entry {one.entry}", f"group {one.group}"} & policy.broken
    return (one.group, one.entry) not in digests and not unreadable
