# SPDX-License-Identifier: Apache-2.0
"""One cycle, readable from top to bottom."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from condor_plugins.core.configuration import usable_policy
from condor_plugins.core.decide import decide
from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.matching import Matcher
from condor_plugins.core.plan import Plan
from condor_plugins.core.policy import Policy, Settings
from condor_plugins.core.recorded import Record, decision_of
from condor_plugins.pool.answers import read_answers, write_answers
from condor_plugins.pool.collector import Collector
from condor_plugins.pool.configuration import act_as_account, bound_answers, knob
from condor_plugins.pool.factory import render_pilots
from condor_plugins.pool.files import only_one
from condor_plugins.pool.observing import observe
from condor_plugins.pool.plan_file import read_memory, write_plan
from condor_plugins.pool.record_files import write_record
from condor_plugins.pool.schedd import Schedd
from condor_plugins.provisioner.acting import Actor, Outcome, places


class Report(NamedTuple):
    """What a cycle did; `queries` counts what was asked of schedd and collector.

    `unrecorded`: why no record of it could be written, if one should have been.
    """

    plan: Plan
    outcomes: Sequence[Outcome]
    queries: int
    took_s: float
    unrecorded: str = ""


def run_cycle(knobs: Mapping[str, str], dry_run: bool, record: bool = False) -> Report:
    """Look, choose, do, tell. Raises Misconfigured or TryAgain before anything is changed.

    `record`: leave a record also when nothing is done, and insist on a place for it.
    """
    policy = usable_policy(knobs)
    if record and not policy.settings.record_dir:
        raise Misconfigured("GLIDEIN_RECORD_DIR is not set: there is no place for a record")
    kept = knobs if record or (policy.settings.record_dir and not dry_run) else None
    with only_one(Path(policy.settings.state_dir, "lock")):
        return _locked_cycle(policy, dry_run or policy.settings.dry_run, kept)


def _locked_cycle(policy: Policy, dry_run: bool, kept: Mapping[str, str] | None) -> Report:
    """`kept`: the knobs for the record; None: no record is kept."""
    begin_s = time.monotonic()
    act_as_account(policy.settings.token_directory)
    bound_answers(policy.settings.timeout_s)
    schedd, collector = Schedd(), Collector()
    pilots = render_pilots(policy, schedd.name, knob("TRUST_DOMAIN"))
    policy = policy._replace(problems=(*policy.problems, *pilots.problems))
    before = read_memory(policy.settings.state_dir)
    seen = observe(schedd, collector, policy, time.time(), before)
    matcher = Matcher(read_answers(policy.settings.state_dir))
    plan = decide(seen, policy, pilots.digests, before, matcher)
    outcomes: list[Outcome] = []
    if not dry_run:
        joined = frozenset(one.pilot for one in seen.slots)
        actor = Actor(schedd, pilots.jobs, joined, places(seen.clusters))
        outcomes = actor.act(plan.actions)
        write_plan(policy.settings.state_dir, plan, [_plain(one) for one in outcomes])
        write_answers(policy.settings.state_dir, matcher.kept)
    unrecorded = ""
    if kept is not None:
        record = Record(seen, kept, pilots.digests, before, decision_of(plan), schedd.name)
        unrecorded = _unrecorded(policy.settings, record)
    queries = schedd.asked() + collector.queries
    return Report(plan, outcomes, queries, time.monotonic() - begin_s, unrecorded)


def _unrecorded(settings: Settings, record: Record) -> str:
    """Write the record; why it could not be written, which is no reason to fail."""
    try:
        write_record(Path(settings.record_dir), record, settings.record_keep)
    except (OSError, ValueError) as err:
        return f"GLIDEIN_RECORD_DIR: {err}"
    return ""


def _plain(one: Outcome) -> dict[str, str]:
    return {"group": one.group, "entry": one.entry, "done": one.done, "failed": one.failed}
