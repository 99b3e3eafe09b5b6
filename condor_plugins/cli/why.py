# SPDX-License-Identifier: Apache-2.0
"""glidein why: why one job waits, why an entry or a group has no more pilots."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import classad2
import click

from condor_plugins.cli.facts.cycle import last_cycle
from condor_plugins.cli.facts.entry_walk import walk_entry
from condor_plugins.cli.facts.gates import Gate
from condor_plugins.cli.facts.group_walk import walk_group
from condor_plugins.cli.facts.job import JobFacts, job_facts
from condor_plugins.cli.facts.reasons import EntryAnswer
from condor_plugins.cli.facts.why import Why, conclusion, gates
from condor_plugins.cli.facts.why import why as why_facts
from condor_plugins.cli.looking import look
from condor_plugins.cli.naming import known_object
from condor_plugins.cli.options import json_option, pass_world
from condor_plugins.cli.tables import Column, Sheet, say, say_json, show
from condor_plugins.cli.times import lasting, stamp
from condor_plugins.cli.words import counted
from condor_plugins.cli.world import World
from condor_plugins.core.errors import TryAgain
from condor_plugins.pool.ads import whole, word
from condor_plugins.pool.observing import kind_of
from condor_plugins.pool.plan_file import plain

_IDLE = 1
_JOB = re.compile(r"\d{1,9}(\.\d{1,9})?")
_MARKS = {True: ("+", ""), False: ("-", "yellow"), None: (".", "")}
_MOST_DETAILS = 20
_COUNTS = ("Waiting", "Starting", "Running", "Held", "Wanted", "Granted")
_ENTRIES = (
    Column("Entry"),
    Column("Site"),
    Column("Matches"),
    *(Column(title, right=True) for title in _COUNTS),
    Column("Why not more", folds=30),
)


@click.command(short_help="Why does this job, entry or group wait?")
@click.argument("what", metavar="JOB|ENTRY|GROUP")
@json_option
@pass_world
def why(world: World, what: str, as_json: bool) -> int:
    """Say in one sentence why there are no pilots, or no more, and then what that rests on.

    JOB is cluster.proc, or a cluster: then its first idle job; exit 1 if it is not in the queue.
    ENTRY and GROUP are names as configured; where both have one name: entry:NAME, group:NAME.
    The list has the gates between idle jobs and pilots in order: + open, - shut, . only figures.

    \b
    glidein why 12.0
    glidein why Perlmutter
    glidein why group:alice
    glidein why 12.0 --json | jq -r .conclusion
    """
    if _JOB.fullmatch(what):
        return _job(world, what, as_json)
    return _object(world, what, as_json)


def _job(world: World, job: str, as_json: bool) -> int:
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


def _object(world: World, what: str, as_json: bool) -> int:
    kind, name = known_object(what, world.texts())
    sight = look(world)
    cycle = last_cycle(world.last_plan(sight.policy), world.texts(), sight.seen.now_s)
    walk = (walk_entry if kind == "entry" else walk_group)(sight, name, cycle)
    if as_json:
        facts = {"conclusion": walk.conclusion, kind: name, "cycle": asdict(cycle)}
        say_json(facts | {"gates": [asdict(gate) for gate in walk.gates]})
    else:
        say(walk.conclusion, "bold")
        say("")
        _tell_gates(walk.gates)
    return 0


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
    passed = gates(sight, facts, cycle)
    text = conclusion(job.job, facts, cycle, sight.policy.settings.dry_run)
    if as_json:
        say_json({
            "conclusion": text,
            "job": asdict(job),
            "why": _plain(facts),
            "gates": [asdict(gate) for gate in passed],
            "cycle": asdict(cycle),
        })
    else:
        _tell(text, job, facts, passed, sight.seen.now_s)
    return 0


def _plain(facts: Why) -> Mapping[str, object]:
    """The signature is a key between programs of one version, and long; so are the sets."""
    document: dict[str, Any] = plain(facts)
    for name in ("signature", "mask", "entries"):
        del document["fate"][name]
    document["fate"]["matching"] = facts.fate.matching
    return document


def _tell(text: str, job: JobFacts, facts: Why, passed: Sequence[Gate], now_s: float) -> None:
    fate = facts.fate
    say(text, "bold")
    say("")
    size = f"{counted(fate.cpus, 'core')}, {fate.memory_mb} MiB"
    idle = f"idle since {stamp(job.since_s)} ({lasting(now_s - job.since_s)})"
    say(f"  . job          {job.job} of {job.owner}, {size}, {idle}")
    _tell_gates(passed)
    if fate.group:
        rows = [_row(one) for one in facts.entries]
        show(Sheet(f"Entries of group {fate.group}", _ENTRIES, rows))


def _tell_gates(passed: Iterable[Gate]) -> None:
    for gate in passed:
        mark, style = _MARKS[gate.open]
        say(f"  {mark} {gate.name:<12} {gate.text}", style)
        for line in gate.details[:_MOST_DETAILS]:
            say(f"                 {line}")
        if len(gate.details) > _MOST_DETAILS:
            say(f"                 and {len(gate.details) - _MOST_DETAILS} more (--json has all)")


def _row(one: EntryAnswer) -> tuple[str | int, ...]:
    asked = one.request
    counts = (asked.waiting, asked.starting, asked.running, asked.held, asked.wanted, asked.granted)
    reasons = "; ".join(one.reasons)
    return (one.entry, one.site, "yes" if one.matches else "no", *counts, reasons)
