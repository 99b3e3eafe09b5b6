# SPDX-License-Identifier: Apache-2.0
"""Run a scenario with the decision of production, its memory handed from cycle to cycle."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import classad2

from condor_plugins.core.decide import decide
from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.matching import Matcher
from condor_plugins.core.plan import Memory, Plan
from condor_plugins.core.policy import Policy
from condor_plugins.core.snapshot import Snapshot
from condor_plugins.simulate.figures import Figures, figures
from condor_plugins.simulate.knobs import digests_of, policy_of
from condor_plugins.simulate.scenario import Scenario
from condor_plugins.simulate.world import Moment, World


@dataclass(frozen=True, slots=True)
class Outcome:
    """The figures of one run, and the world after each of its cycles."""

    figures: Figures
    moments: tuple[Moment, ...]


@dataclass(slots=True)
class Decider:
    """What a provisioner keeps: its files hold the memory and the answers between runs."""

    policy: Policy
    digests: Mapping[tuple[str, str], str]
    memory: Memory = field(default_factory=Memory)
    matcher: Matcher = field(default_factory=Matcher)

    def decide(self, seen: Snapshot) -> Plan:
        plan = decide(seen, self.policy, self.digests, self.memory, self.matcher)
        self.memory = plan.memory
        return plan


def simulate(
    scenario: Scenario, changes: Mapping[str, str] | None = None, seed: int | None = None
) -> Outcome:
    """One run. `changes`: knobs that are set otherwise than the scenario has them."""
    _require_functions()
    if seed is not None:
        scenario = replace(scenario, seed=seed)
    policy = policy_of(scenario, changes or {})
    world = World(scenario, policy, Decider(policy, digests_of(policy)).decide)
    world.run()
    return Outcome(figures(world), tuple(world.moments))


def _require_functions() -> None:
    """Where HTCondor has found no configuration its ClassAd functions fail: nothing would match."""
    if classad2.ExprTree('split("works")[0]').eval() != "works":
        text = "names no configuration that HTCondor can read; unset it, or set it to /dev/null"
        raise Misconfigured(f"CONDOR_CONFIG: {text}")
