# SPDX-License-Identifier: Apache-2.0
"""Expressions of entries and groups tried on an example: do they evaluate, can they be true?"""

from collections.abc import Iterable, Iterator, Sequence

import classad2

from condor_plugins.core.expressions import conjuncts, needed_of_itself, needed_of_target
from condor_plugins.core.matching import prototype
from condor_plugins.core.policy import Entry, Group
from condor_plugins.core.problems import Problem
from condor_plugins.core.reading import nearest
from condor_plugins.core.table import ENTRY

# An ordinary job as condor_submit 25.14 makes it, in the attributes that policies look at.
_EXAMPLE_JOB = """[
    Owner = "alice"; User = "alice@example.org"; AcctGroup = "physics"; Cmd = "/bin/sleep";
    JobUniverse = 5; JobStatus = 1; JobPrio = 0; ClusterId = 1; ProcId = 0; NumJobStarts = 0;
    QDate = 1700000000; EnteredCurrentStatus = 1700000000; RequestCpus = 1; RequestMemory = 1024;
    RequestDisk = 1048576; ImageSize = 1000; DiskUsage = 1000; Requirements = true;
]"""
_TRUE = classad2.ExprTree("true")
_NO_GROUP = Group("", _TRUE, _TRUE, _TRUE, max_pilots=0, max_idle_pilots=0)


def entry_expressions(entry: Entry) -> Iterator[Problem]:
    """An entry's Start: evaluates to error, or refuses every job."""
    slot = prototype(entry, _NO_GROUP)
    yield from _start(f"GLIDEIN_ENTRY_{entry.name}", entry.start, slot)


def group_expressions(group: Group, entries: Sequence[Entry]) -> Iterator[Problem]:
    """A group's Jobs, Entries and Start."""
    knob = f"GLIDEIN_GROUP_{group.name}"
    yield from _jobs(knob, group.jobs)
    yield from _entries(knob, group.entries, entries)
    if entries:
        yield from _start(knob, group.start, prototype(entries[0], _NO_GROUP))


def _start(knob: str, start: classad2.ExprTree, slot: classad2.ClassAd) -> Iterator[Problem]:
    for clause in conjuncts(str(start)):
        scope = classad2.ClassAd(str(slot))
        scope["Clause"] = tried = classad2.ExprTree(f"({clause}) && true")
        wanted = needed_of_target(scope, ["Clause"])
        values = [tried.eval(slot, job) for job in _example_jobs(wanted)]
        if all(value is classad2.Value.Error for value in values):
            yield Problem(knob, "Start", f"{clause} evaluates to error for every job")
        elif not wanted and values[0] is not True:
            yield Problem(knob, "Start", f"{clause} is not true: every job is refused")


def _jobs(knob: str, jobs: classad2.ExprTree) -> Iterator[Problem]:
    for clause in conjuncts(str(jobs)):
        scope = classad2.ClassAd()
        scope["Clause"] = tried = classad2.ExprTree(clause)
        wanted = needed_of_itself(scope, ["Clause"]) | needed_of_target(scope, ["Clause"])
        values = [tried.eval(job) for job in _example_jobs(wanted)]
        if all(value is classad2.Value.Error for value in values):
            yield Problem(knob, "Jobs", f"{clause} evaluates to error for every job")
        elif not wanted and values[0] is not True:
            yield Problem(knob, "Jobs", f"{clause} is not true: no job is taken", "warning")


def _example_jobs(wanted: Iterable[str]) -> list[classad2.ClassAd]:
    """The example job; and with each attribute it lacks as a string, as a number, as true."""
    plain = classad2.ClassAd(_EXAMPLE_JOB)
    lacking = [name for name in wanted if name not in plain]
    jobs = [plain]
    for value in ("text", 1, True) if lacking else ():
        job = classad2.ClassAd(_EXAMPLE_JOB)
        for name in lacking:
            job[name] = value
        jobs.append(job)
    return jobs


def _entries(
    knob: str, expression: classad2.ExprTree, entries: Sequence[Entry]
) -> Iterator[Problem]:
    scope = classad2.ClassAd()
    scope["Entries"] = expression
    known = {"Name", *(one.name for one in ENTRY.attributes), *_names_of(entries)}
    lower = {name.lower() for name in known}
    for name in sorted(needed_of_itself(scope, ["Entries"])):
        if name.lower() not in lower:
            near = nearest(name, known)
            text = f"no entry has the attribute {name}{near if 'did you mean' in near else ''}"
            yield Problem(knob, "Entries", text, "warning")
    failing = [one.name for one in entries if expression.eval(one.ad) is classad2.Value.Error]
    if failing:
        text = f"{expression} evaluates to error for entry {failing[0]}"
        yield Problem(knob, "Entries", text)


def _names_of(entries: Iterable[Entry]) -> set[str]:
    return {name for entry in entries for name in entry.ad}
