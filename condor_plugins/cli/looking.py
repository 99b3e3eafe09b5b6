# SPDX-License-Identifier: Apache-2.0
"""One look at the world, and the decision on it: the same decide() as in the provisioner."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from condor_plugins.cli.world import World
from condor_plugins.core.decide import decide
from condor_plugins.core.errors import Misconfigured, TryAgain
from condor_plugins.core.matching import Matcher
from condor_plugins.core.plan import Plan
from condor_plugins.core.policy import Policy
from condor_plugins.core.problems import Problem
from condor_plugins.core.snapshot import Snapshot
from condor_plugins.core.what_if import changed_policy
from condor_plugins.pool.factory import MAY_NOT_READ, Pilots


@dataclass(frozen=True, slots=True)
class Sight:
    """What is configured, what was seen, what would be done about it now.

    `unmade`: by entry, why its pilot cannot be made.
    """

    policy: Policy
    seen: Snapshot
    plan: Plan
    unmade: dict[str, str]
    matcher: Matcher = field(compare=False, repr=False)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.policy.problems


def look(world: World, changes: Mapping[str, str] | None = None) -> Sight:
    """A dry run of one cycle; with `changes`, as if these knobs were set so (core/what_if.py).

    Raises TryAgain when a query had no answer, and Misconfigured when a plain knob is wrong (the
    provisioner does nothing then) or when this account may not read what the provisioner reads.
    """
    policy, pilots = _read(world, changes or {})
    return _decided(world, policy, pilots, _seen(world, policy))


def look_twice(world: World, changes: Mapping[str, str]) -> tuple[Sight, Sight]:
    """The same world decided on as things are, and with `changes`. Raises as `look`."""
    (now, pilots_now), (then, pilots_then) = _read(world, {}), _read(world, changes)
    seen = _seen(world, _both(now, then))
    return _decided(world, now, pilots_now, seen), _decided(world, then, pilots_then, seen)


def _read(world: World, changes: Mapping[str, str]) -> tuple[Policy, Pilots]:
    policy = changed_policy(world.texts(), changes)
    pilots = world.pilots(policy)
    unread = [one.text for one in pilots.problems if one.text.endswith(MAY_NOT_READ)]
    if unread:
        raise Misconfigured(unread[0])
    return policy._replace(problems=(*policy.problems, *pilots.problems)), pilots


def _both(now: Policy, then: Policy) -> Policy:
    """A policy that looks at every attribute of jobs that one of these looks at."""
    groups = {f"{name} then": one for name, one in then.groups.items()}
    entries = {f"{name} then": one for name, one in then.entries.items()}
    return now._replace(groups={**now.groups, **groups}, entries={**now.entries, **entries})


def _seen(world: World, policy: Policy) -> Snapshot:
    seen = world.snapshot(policy)
    if seen.failed:
        raise TryAgain("; ".join(seen.failed))
    return seen


def _decided(world: World, policy: Policy, pilots: Pilots, seen: Snapshot) -> Sight:
    matcher = Matcher()
    plan = decide(seen, policy, pilots.digests, world.memory(policy), matcher)
    unmade = {one.knob.removeprefix("GLIDEIN_ENTRY_"): one.text for one in pilots.problems}
    return Sight(policy, seen, plan, unmade, matcher)
