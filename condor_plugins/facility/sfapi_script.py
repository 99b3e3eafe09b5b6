# SPDX-License-Identifier: Apache-2.0
"""A job's resources as lines for sbatch; no value can end its line or become another option."""

import re
from collections.abc import Iterator

from condor_plugins.facility.values import Submission

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
LIST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._,:@/|-]*")
FEATURES = re.compile(r"[A-Za-z0-9(\[][A-Za-z0-9._,:*&|()\[\]-]*")
# No percent sign: sbatch would put something else in its place.
_PATH = re.compile(r"/[A-Za-z0-9._/+=:@,-]+")
_EXTRA = re.compile(r"[A-Za-z0-9._,:=/@+*&|()\[\]-]+")
# Job name and log are ours, for by them it is found; the others are for more or other jobs, or
# make sbatch wait, answer otherwise or submit nothing.
_OURS = ("job-name", "output", "error", "array", "wrap", "clusters", "chdir", "input", "uid", "gid")
_NO_JOB = ("test-only", "wait", "help", "usage", "version", "parsable")
_MORE_JOBS = {":", "hetjob", "packjob"}
# The word after one of these would be the name of a script.
_WITHOUT_VALUE = (
    *("exclusive", "hold", "requeue", "no-requeue", "overcommit", "oversubscribe", "share"),
    *("contiguous", "spread-job", "use-min-nodes", "quiet", "verbose", "reboot", "nice"),
    *("no-kill", "get-user-env", "propagate"),
)
_OURS_SHORT = "JoeaMDiWVh"
# Short options that take a value, which may follow at once: the others could hide one of ours.
_WITH_VALUE = "ACcGLNnpqtxw"
MOST = 10**9


class WrongValue(Exception):
    """The attribute and what is wrong with it."""


def with_directives(job: Submission, queue_option: str) -> str:
    """The script with its #SBATCH lines below the first line; `queue_option`: qos or partition.

    Raises WrongValue.
    """
    first, _, rest = job.script.partition("\n")
    if not job.script.isascii() or not first.startswith("#!"):
        raise WrongValue("script is not ASCII or does not begin with #!")
    lines = (f"#SBATCH {option}" for option in _options(job, queue_option))
    return "\n".join((first, *lines, rest))


def _options(job: Submission, queue_option: str) -> Iterator[str]:
    asked = job.resources
    log = checked("log", job.log, _PATH)
    yield f"--job-name={checked('name', job.name, WORD)}"
    yield f"--output={log}"
    yield f"--error={log}"
    texts = (
        ("account", "project", asked.project, WORD),
        (queue_option, "queue", asked.queue, WORD),
        ("constraint", "constraint", asked.constraint, FEATURES),
        ("reservation", "reservation", asked.reservation, LIST),
        ("licenses", "licenses", asked.licenses, LIST),
    )
    for option, attribute, value, good in texts:
        if value:
            yield f"--{option}={checked(attribute, value, good)}"
    numbers = (
        ("time", "wall_s", -(-asked.wall_s // 60), ""),
        ("nodes", "nodes", asked.nodes, ""),
        ("ntasks-per-node", "nodes", 1, ""),
        ("cpus-per-task", "cpus", asked.cpus, ""),
        ("gpus-per-node", "gpus", asked.gpus, ""),
        ("mem", "memory_mb", asked.memory_mb, "M"),
    )
    for option, attribute, number, unit in numbers:
        if not 0 <= number < MOST:
            raise WrongValue(f"{attribute} is out of range")
        if number:
            yield f"--{option}={int(number)}{unit}"
    words = asked.extra.split()
    if words:
        before = ["", *words[:-1]]
        yield " ".join(map(_checked_extra, words, before))


def checked(attribute: str, value: str, good: re.Pattern[str]) -> str:
    """The value itself. Raises WrongValue."""
    if not good.fullmatch(value):
        raise WrongValue(f"{attribute} holds characters that are not allowed: {value[:80]!r}")
    return value


def _checked_extra(word: str, before: str) -> str:
    """One word of extra options. sbatch understands beginnings of long names, too."""
    checked("extra", word, _EXTRA)
    name = word.partition("=")[0]
    if name.startswith("--"):
        wrong = any(one.startswith(name[2:]) for one in (*_OURS, *_NO_JOB))
    elif name.startswith("-"):
        wrong = name[1:2] in _OURS_SHORT or (len(word) > 2 and name[1:2] not in _WITH_VALUE)
    else:
        wrong = word in _MORE_JOBS or not _takes_a_value(before)
    if wrong:
        raise WrongValue(f"extra may not set {name[:80]}")
    return word


def _takes_a_value(word: str) -> bool:
    """Whether the next word may be this option's value."""
    if word.startswith("--"):
        return "=" not in word and word[2:] not in _WITHOUT_VALUE
    return len(word) == 2 and word[0] == "-" and word[1] in _WITH_VALUE
