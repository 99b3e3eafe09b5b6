# SPDX-License-Identifier: Apache-2.0
"""glidein why: why one job waits."""

import re
from collections.abc import Mapping
from dataclasses import asdict

import classad2
import click

from condor_plugins.cli.facts.cycle import Cycle, last_cycle
from condor_plugins.cli.facts.job import JobFacts, job_facts
from condor_plugins.cli.facts.reasons import EntryAnswer
from condor_plugins.cli.facts.why import Why, conclusion
from condor_plugins.cli.facts.why import why as why_facts
from condor_plugins.cli.looking import look
from condor_plugins.cli.options import json_option, pass_world
from condor_plugins.cli.tables import Column, Sheet, say, say_json, show
from condor_plugins.cli.times import lasting, stamp
from condor_plugins.cli.words import counted
from condor_plugins.cli.world import World
from condor_plugins.core.errors import TryAgain
from condor_plugins.pool.ads import whole, word
from condor_plugins.pool.observing import kind_of

_IDLE = 1
_COUNTS = ("Waiting", "Starting", "Running", "Held", "Wanted", "Granted")
_ENTRIES = (
    Column("Entry"),
    Column("Site"),
    Column("Matches"),
    *(Column(title, right=True) for title in _COUNTS),
    Column("Why not more", folds=30),
)


def _job_id(context: click.Context, parameter: click.Parameter, text: str) -> str:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        raise click.BadParameter(f"{text!r} is no job: write cluster.proc, for example 12.0")
    return text


@click.command(short_help="Why does this job wait?")
@click.argument("job", callback=_job_id)
@json_option
@pass_world
def why(world: World, job: str, as_json: bool) -> int:
    """Say in one sentence why JOB waits, then what that rests on.

    JOB is cluster.proc, or a cluster: then its first idle job. Exit 1 if it is not in the queue.

    \b
    glidein why 12.0
    glidein why 12
    glidein why 12.0 --json | jq -r .conclusion
    """
    job, ad = _find(world, job)
    if ad is None:
        text = (
            f"Job {job} is not in the queue of {world.schedd_name()}:"
            f" it has ended or never was (condor_history {job})."
        )
        _say_end(as_json, text, None)
        return 1
    slots = world.glidein_slots() if whole(ad, "JobStatus") != _IDLE else []
    facts = job_facts(job, ad, slots)
    if facts.end:
        _say_end(as_json, facts.end, facts)
        return 0
    return _idle(world, facts, ad, as_json)


def _find(world: World, job: str) -> tuple[str, classad2.ClassAd | None]:
    """The job's id and whole ad; of a cluster its first idle job, or else its first one."""
    if "." not in job:
        rows = world.cluster_states(int(job))
        rows.sort(key=lambda row: whole(row, "JobStatus") != _IDLE)
        if not rows:
            return job, None
        job = word(rows[0], "JobIds").split(" ")[0]
    return job, world.job(job)


def _say_end(as_json: bool, text: str, facts: JobFacts | None) -> None:
    if as_json:
        say_json({"conclusion": text, "job": asdict(facts) if facts else None, "why": None})
    else:
        say(text, "bold")


def _idle(world: World, job: JobFacts, ad: classad2.ClassAd, as_json: bool) -> int:
    sight = look(world)
    kind = kind_of(ad, sight.seen.kinds)
    if kind is None:
        raise TryAgain(f"job {job.job} has just changed")
    facts = why_facts(sight, kind)
    cycle = last_cycle(world.last_plan(sight.policy), world.texts(), sight.seen.now_s)
    text = conclusion(job.job, facts, cycle, sight.policy.settings.dry_run)
    if as_json:
        say_json({
            "conclusion": text,
            "job": asdict(job),
            "why": _plain(facts),
            "cycle": asdict(cycle),
        })
    else:
        _tell(text, job, facts, cycle, sight.seen.now_s)
    return 0


def _plain(facts: Why) -> Mapping[str, object]:
    """The signature is a key between programs of one version, and long."""
    document = asdict(facts)
    del document["fate"]["signature"]
    return document


def _tell(text: str, job: JobFacts, facts: Why, cycle: Cycle, now_s: float) -> None:
    fate = facts.fate
    say(text, "bold")
    say("")
    size = f"{counted(fate.cpus, 'core')}, {fate.memory_mb} MiB"
    idle = f"idle since {stamp(job.since_s)} ({lasting(now_s - job.since_s)})"
    say(f"  job      {job.job} of {job.owner}, {size}, {idle}")
    say(f"  group    {fate.group or 'none'}")
    say(
        f"  alike    {counted(fate.count, 'idle job')}: {fate.in_slots} have room in slots,"
        f" {fate.in_coming} in coming pilots, {sum(fate.asked.values())} in pilots asked for now,"
        f" {fate.unmet} have none"
    )
    say(f"  slots    {facts.supply.matching} match it, {facts.supply.with_room} have room for it")
    say(f"  cycle    {cycle.in_words()}")
    if facts.frozen:
        say(f"  frozen   {facts.frozen}", "yellow")
    for group in facts.groups:
        for clause in group.clauses:
            say(f"  {group.group}: {clause}")
    if fate.group:
        rows = [_row(one) for one in facts.entries]
        show(Sheet(f"Entries of group {fate.group}", _ENTRIES, rows))


def _row(one: EntryAnswer) -> tuple[str | int, ...]:
    asked = one.request
    counts = (asked.waiting, asked.starting, asked.running, asked.held, asked.wanted, asked.granted)
    reasons = "; ".join(one.reasons)
    return (one.entry, one.site, "yes" if one.matches else "no", *counts, reasons)
