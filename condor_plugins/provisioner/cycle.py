# SPDX-License-Identifier: Apache-2.0
"""One cycle, readable from top to bottom."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from condor_plugins.core.configuration import usable_policy
from condor_plugins.core.decide import decide
from condor_plugins.core.matching import Matcher
from condor_plugins.core.pilot_job import pilot_prefix
from condor_plugins.core.plan import Plan
from condor_plugins.core.policy import Policy
from condor_plugins.core.snapshot import Snapshot
from condor_plugins.pool.collector import Collector
from condor_plugins.pool.configuration import act_as_account, bound_answers, knob
from condor_plugins.pool.factory import render_pilots
from condor_plugins.pool.files import only_one
from condor_plugins.pool.observing import observe
from condor_plugins.pool.plan_file import read_memory, write_plan
from condor_plugins.pool.schedd import Schedd
from condor_plugins.provisioner.acting import Actor, Outcome


@dataclass(frozen=True, slots=True)
class Report:
    """What a cycle did; `queries` counts what was asked of schedd and collector."""

    plan: Plan
    outcomes: Sequence[Outcome]
    queries: int
    took_s: float


def run_cycle(knobs: Mapping[str, str], dry_run: bool) -> Report:
    """Look, choose, do, tell. Raises Misconfigured or TryAgain before anything is changed."""
    policy = usable_policy(knobs)
    with only_one(Path(policy.settings.state_dir, "lock")):
        return _locked_cycle(policy, dry_run or policy.settings.dry_run)


def _locked_cycle(policy: Policy, dry_run: bool) -> Report:
    begin_s = time.monotonic()
    act_as_account(policy.settings.token_directory)
    bound_answers(policy.settings.timeout_s)
    schedd, collector = Schedd(), Collector()
    pilots = render_pilots(policy, schedd.name, knob("TRUST_DOMAIN"))
    policy = replace(policy, problems=(*policy.problems, *pilots.problems))
    seen = observe(schedd, collector, policy, time.time())
    plan = decide(seen, policy, pilots.digests, read_memory(policy.settings.state_dir), Matcher())
    outcomes: list[Outcome] = []
    if not dry_run:
        outcomes = Actor(schedd, pilots.jobs, _joined(seen, schedd.name)).act(plan.actions)
        write_plan(policy.settings.state_dir, plan, [_plain(one) for one in outcomes])
    queries = schedd.queries + collector.queries
    return Report(plan, outcomes, queries, time.monotonic() - begin_s)


def _joined(seen: Snapshot, schedd: str) -> frozenset[str]:
    """ "cluster.proc" of this schedd's pilots that are in the collector."""
    prefix = pilot_prefix(schedd)
    mine = (one.pilot for one in seen.slots if one.pilot.startswith(prefix))
    return frozenset(pilot.removeprefix(prefix) for pilot in mine)


def _plain(one: Outcome) -> dict[str, str]:
    return {"group": one.group, "entry": one.entry, "done": one.done, "failed": one.failed}
