# SPDX-License-Identifier: Apache-2.0
"""Run other programs: always a list of words, always with a time limit."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class StepFailed(Exception):
    """A step could not be done; the text says which and what to do."""


@dataclass(frozen=True)
class Done:
    """How a program ended and what it said."""

    argv: tuple[str, ...]
    exit_code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        return self.exit_code == 0

    def why(self) -> str:
        """One line for people; the program's last words decide."""
        words = (self.err.strip() or self.out.strip()).splitlines()
        return f"{' '.join(self.argv[:4])} … ended with {self.exit_code}: {' | '.join(words[-3:])}"


def run(
    argv: Sequence[str],
    timeout_s: float,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
) -> Done:
    """The program's end; exit code 124 where it gave no answer in time, 127 where there is none."""
    words = tuple(argv)
    try:
        done = subprocess.run(
            words, input=stdin, capture_output=True, text=True, errors="replace",
            timeout=timeout_s, check=False, env=env,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Done(words, 124, "", f"no answer within {timeout_s:g} s")
    except FileNotFoundError:
        return Done(words, 127, "", f"{words[0]} is not installed")
    return Done(words, done.returncode, done.stdout, done.stderr)


def run_logged(
    argv: Sequence[str],
    log: Path,
    timeout_s: float,
    on_line: Callable[[str], None],
    env: Mapping[str, str] | None = None,
) -> int:
    """Exit code of a long program whose words go to `log` and, line by line, to `on_line`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    deadline_s = time.monotonic() + timeout_s
    with (
        log.open("a", encoding="utf-8") as kept,
        subprocess.Popen(
            ["timeout", f"{timeout_s:g}", *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", env=env,
        ) as program,
    ):  # fmt: skip
        for line in program.stdout or ():
            kept.write(line)
            kept.flush()
            on_line(line.rstrip())
        return program.wait(timeout=max(deadline_s - time.monotonic(), 0) + 10)
