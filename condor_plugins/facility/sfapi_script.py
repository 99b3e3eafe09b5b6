# SPDX-License-Identifier: Apache-2.0
"""A job's resources as lines for sbatch; no value can end its line or become another option."""

import re
from collections.abc import Iterator

from condor_plugins.facility.values import Submission

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LIST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._,:@/|-]*")
_FEATURES = re.compile(r"[A-Za-z0-9(\[][A-Za-z0-9._,:*&|()\[\]-]*")
# No percent sign: sbatch would put something else in its place.
_PATH = re.compile(r"/[A-Za-z0-9._/+=:@,-]+")
_EXTRA = re.compile(r"[A-Za-z0-9._,:=/@+*&|()\[\]-]+")
# Job name and log are ours, for by them it is found; the others are for more or other jobs.
_OURS = ("job-name", "output", "error", "array", "wrap", "clusters", "chdir", "input", "uid", "gid")
_OURS_SHORT = "JoeaMDi"
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
    log = _checked("log", job.log, _PATH)
    yield f"--job-name={_checked('name', job.name, _WORD)}"
    yield f"--output={log}"
    yield f"--error={log}"
    texts = (
        ("account", "project", asked.project, _WORD),
        (queue_option, "queue", asked.queue, _WORD),
        ("constraint", "constraint", asked.constraint, _FEATURES),
        ("reservation", "reservation", asked.reservation, _LIST),
        ("licenses", "licenses", asked.licenses, _LIST),
    )
    for option, attribute, value, good in texts:
        if value:
            yield f"--{option}={_checked(attribute, value, good)}"
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
        yield " ".join(map(_checked_extra, words))


def _checked(attribute: str, value: str, good: re.Pattern[str]) -> str:
    if not good.fullmatch(value):
        raise WrongValue(f"{attribute} holds characters that are not allowed: {value[:80]!r}")
    return value


def _checked_extra(word: str) -> str:
    """One word of extra options. sbatch understands beginnings of long names, too."""
    _checked("extra", word, _EXTRA)
    name = word.partition("=")[0]
    if name.startswith("--"):
        wrong = any(one.startswith(name[2:]) for one in _OURS)
    elif name.startswith("-"):
        wrong = name[1:2] in _OURS_SHORT or (len(word) > 2 and name[1:2] not in _WITH_VALUE)
    else:
        wrong = False
    if wrong:
        raise WrongValue(f"extra may not set {name[:80]}")
    return word
