# SPDX-License-Identifier: Apache-2.0
"""The configuration of a scenario: knob texts as an administrator would write them."""

from collections.abc import Mapping

from condor_plugins.core.configuration import read_policy
from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.policy import Policy
from condor_plugins.simulate.scenario import Scenario

_GROUP = "jobs"
_DIGEST = "simulated"


def knobs_of(scenario: Scenario) -> dict[str, str]:
    """One group for all jobs; the limits over all entries are no narrower than the entries'."""
    made = {
        "GLIDEIN_ENTRY_NAMES": " ".join(scenario.entries),
        "GLIDEIN_GROUP_NAMES": _GROUP,
        "GLIDEIN_MAX_PILOTS": str(_sum_of(scenario, "MaxPilots", 10_000)),
        "GLIDEIN_MAX_IDLE_PILOTS": str(_sum_of(scenario, "MaxIdlePilots", 1_000)),
    }
    made[f"GLIDEIN_GROUP_{_GROUP.upper()}"] = (
        f"MaxPilots = {made['GLIDEIN_MAX_PILOTS']}\n"
        f"MaxPilotsPerEntry = {made['GLIDEIN_MAX_PILOTS']}\n"
        f"MaxIdlePilots = {made['GLIDEIN_MAX_IDLE_PILOTS']}"
    )
    for name, attributes in scenario.entries.items():
        lines = [f"{attribute} = {value}" for attribute, value in attributes.items()]
        made[f"GLIDEIN_ENTRY_{name.upper()}"] = "\n".join(['GridResource = "simulated"', *lines])
    return {**made, **scenario.knobs}


def policy_of(scenario: Scenario, changes: Mapping[str, str]) -> Policy:
    """`changes`: further knob texts by name. Raises Misconfigured when anything is wrong."""
    changed = {name.upper(): value for name, value in changes.items()}
    given = {*scenario.knobs, *changed}
    policy = read_policy(knobs_of(scenario) | changed)
    wrong = [one for one in policy.problems if one.severity == "error" or one.knob in given]
    if wrong:
        raise Misconfigured("; ".join(str(one) for one in wrong))
    unknown = [name for name in policy.entries if name not in scenario.sites]
    if unknown:
        raise Misconfigured(f"GLIDEIN_ENTRY_NAMES: {unknown[0]} is no entry of the simulated world")
    return policy


def digests_of(policy: Policy) -> dict[tuple[str, str], str]:
    """One for every pair that the configuration wants; a simulated pilot never changes."""
    return {
        (group.name, entry.name): _DIGEST
        for group in policy.groups.values()
        for entry in policy.entries.values()
        if policy.serves(group, entry)
    }


def _sum_of(scenario: Scenario, attribute: str, least: int) -> int:
    return max(least, sum(int(one.get(attribute, 0)) for one in scenario.entries.values()))
