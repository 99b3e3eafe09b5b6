# SPDX-License-Identifier: Apache-2.0
"""sbatch's options for pretended jobs: words and #SBATCH lines, refused as sbatch refuses them."""

import re
import shlex
from collections.abc import Iterator, Sequence

from .scheduler import Batch, SubmitError

SHORT = {
    "-J": "job-name", "-t": "time", "-A": "account", "-p": "partition", "-q": "qos", "-N": "nodes",
    "-n": "ntasks", "-c": "cpus-per-task", "-G": "gpus", "-C": "constraint", "-L": "licenses",
    "-o": "output", "-e": "error", "-i": "input", "-D": "chdir", "-d": "dependency",
}  # fmt: skip
LONG = frozenset(SHORT.values()) | {
    "mem", "mem-per-cpu", "mem-per-gpu", "gpus-per-node", "gpus-per-task", "gres", "reservation",
    "comment", "export", "signal", "open-mode", "ntasks-per-node", "begin", "deadline", "tmp",
    "mail-type", "mail-user", "image", "module", "time-min", "nodelist", "exclude", "priority",
    "nice", "wckey", "kill-on-invalid-dep", "threads-per-core", "hint", "export-file", "array",
    "cpus-per-gpu", "tasks-per-node", "network", "switches", "uid", "gid",
}  # fmt: skip
FLAGS = frozenset({
    "requeue", "no-requeue", "hold", "parsable", "quiet", "overcommit", "exclusive", "contiguous",
    "spread-job", "oversubscribe", "test-only", "verbose",
})  # fmt: skip
NOT_A_SCRIPT = (
    "sbatch: error: This does not look like a batch script.  The first\n"
    "sbatch: error: line must start with #! followed by the path to an interpreter.\n"
    "sbatch: error: For instance: #!/bin/sh"
)
DOS_LINES = (
    "sbatch: error: Batch script contains DOS line breaks (\\r\\n)\n"
    "sbatch: error: instead of expected UNIX line breaks (\\n)."
)


def options(batch: Batch, script: str) -> dict[str, str]:
    """By long name. Raises SubmitError."""
    if not script.startswith("#!"):
        raise SubmitError(NOT_A_SCRIPT)
    if "\r\n" in script:
        raise SubmitError(DOS_LINES)
    found = dict(_parsed(list(_directives(script))))
    found.update(_parsed(list(batch.options)))
    if found.get("nodes", "1").partition("-")[0] == "0":
        raise SubmitError("sbatch: error: invalid number of nodes (-N 0)")
    return found


def seconds(text: str) -> float:
    """Slurm's time limit: minutes, M:S, H:M:S, D-H, D-H:M or D-H:M:S. Raises SubmitError."""
    if not re.fullmatch(r"(\d+-)?\d+(:\d+){0,2}", text):
        raise SubmitError("sbatch: error: Invalid --time specification")
    days, dash, rest = text.rpartition("-")
    numbers = [int(word) for word in rest.split(":")]
    if dash:
        hours, minutes, secs = (*numbers, 0, 0)[:3]
        return float(int(days) * 86_400 + hours * 3600 + minutes * 60 + secs)
    if len(numbers) == 3:
        return float(numbers[0] * 3600 + numbers[1] * 60 + numbers[2])
    return float(numbers[0] * 60 + (numbers[1] if len(numbers) == 2 else 0))


def _directives(script: str) -> Iterator[str]:
    """Words of the #SBATCH lines above the first command."""
    for line in script.splitlines()[1:]:
        if line.strip() and not line.startswith("#"):
            return
        if line.startswith("#SBATCH"):
            yield from shlex.split(line[len("#SBATCH") :], comments=True)


def _parsed(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = _split(word)
        if name in FLAGS:
            yield name, value
        elif name not in LONG:
            raise SubmitError(f"sbatch: error: unrecognized option '{word}'")
        elif equals:
            yield name, value
        elif rest:
            yield name, rest.pop(0)
        else:
            raise SubmitError(f"sbatch: error: option '{word}' requires an argument")


def _split(word: str) -> tuple[str, str, str]:
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        return name, equals, value
    return SHORT.get(word[:2], ""), word[2:], word[2:]
