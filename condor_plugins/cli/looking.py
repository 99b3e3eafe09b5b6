# SPDX-License-Identifier: Apache-2.0
"""One look at the world, and the decision on it: the same decide() as in the provisioner."""

from dataclasses import dataclass, field, replace

from condor_plugins.cli.world import World
from condor_plugins.core.configuration import usable_policy
from condor_plugins.core.decide import decide
from condor_plugins.core.errors import Misconfigured, TryAgain
from condor_plugins.core.matching import Matcher
from condor_plugins.core.plan import Plan
from condor_plugins.core.policy import Policy
from condor_plugins.core.reading import Problem
from condor_plugins.core.snapshot import Snapshot
from condor_plugins.pool.factory import MAY_NOT_READ


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


def look(world: World) -> Sight:
    """A dry run of one cycle.

    Raises TryAgain when a query had no answer, and Misconfigured when a plain knob is wrong (the
    provisioner does nothing then) or when this account may not read what the provisioner reads.
    """
    policy = usable_policy(world.texts())
    pilots = world.pilots(policy)
    unread = [one.text for one in pilots.problems if one.text.endswith(MAY_NOT_READ)]
    if unread:
        raise Misconfigured(unread[0])
    policy = replace(policy, problems=(*policy.problems, *pilots.problems))
    seen = world.snapshot(policy)
    if seen.failed:
        raise TryAgain("; ".join(seen.failed))
    matcher = Matcher()
    plan = decide(seen, policy, pilots.digests, world.memory(policy), matcher)
    unmade = {one.knob.removeprefix("GLIDEIN_ENTRY_"): one.text for one in pilots.problems}
    return Sight(policy, seen, plan, unmade, matcher)
