# SPDX-License-Identifier: Apache-2.0
"""All tests, as CI runs them: the fast ones, then the system tests against the testbed.

Tests of whole programs need no testbed, but seconds each; they run beside the system tests, which
mostly wait.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from _testbed.lifecycle import up
from _testbed.places import CHECKOUT
from _testbed.progress import Progress

FAST, PROGRAMS, SYSTEM = "not testbed and not programs", "programs", "testbed"
FAST_TIMEOUT_S = 900
SYSTEM_TIMEOUT_S = 2400

# pytest's own exit code for "no test was selected".
NO_TESTS = 5
TIMED_OUT = 124


@dataclass(frozen=True)
class Result:
    """How one run of pytest ended; `summary` is its last line."""

    name: str
    exit_code: int
    summary: str
    took_s: float


def run_suite(progress: Progress, arguments: Sequence[str]) -> int:
    """0 when everything that was selected passed; all kinds run even when the first one fails."""
    results = [run_pytest("fast tests", FAST, arguments, FAST_TIMEOUT_S)]
    system = selects_any(SYSTEM, arguments)
    if system:
        up(progress)
    lines: list[str] = []
    with ThreadPoolExecutor(1) as beside:
        words = ("tests of programs", PROGRAMS, arguments, FAST_TIMEOUT_S, lines.append)
        programs = beside.submit(run_pytest, *words)
        if system:
            results.append(run_pytest("system tests", SYSTEM, arguments, SYSTEM_TIMEOUT_S))
        results.append(programs.result())
    sys.stdout.write("".join(lines))
    for result in results:
        progress.say(f"{result.name} ({result.took_s:.0f} s): {result.summary}")
    codes = [result.exit_code for result in results]
    return max((code for code in codes if code != NO_TESTS), default=NO_TESTS)


def selects_any(marker: str, arguments: Sequence[str]) -> bool:
    """Whether these arguments select a test at all: starting the testbed for none is a waste."""
    argv = [*pytest_words(marker, arguments), "--collect-only", "--quiet"]
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, timeout=120, check=False)
    return done.returncode != NO_TESTS


def pytest_words(marker: str, arguments: Sequence[str]) -> list[str]:
    """The fast tests mostly wait for processes of their own: more workers than cores pay."""
    workers = {FAST: ["-n", "6"], PROGRAMS: ["-n", "2", "--dist", "loadgroup"]}.get(marker, [])
    polite = ["nice"] if marker == PROGRAMS else []
    return [*polite, sys.executable, "-m", "pytest", "-m", marker, *workers, *arguments]


def run_pytest(
    name: str,
    marker: str,
    arguments: Sequence[str],
    timeout_s: float,
    write: Callable[[str], object] = sys.stdout.write,
) -> Result:
    """pytest with its words passed through as they come; its last line is kept for the end."""
    argv = pytest_words(marker, arguments)
    if sys.stdout.isatty():
        argv.append("--color=yes")
    began_s, last = time.monotonic(), ""
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        argv, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=env
    ) as program:
        watchdog = threading.Timer(timeout_s, program.terminate)
        watchdog.start()
        for line in program.stdout or ():
            write(line)
            sys.stdout.flush()
            last = line.strip() or last
        exit_code = program.wait(timeout=60)
        watchdog.cancel()
    took_s = time.monotonic() - began_s
    if took_s >= timeout_s:
        return Result(name, TIMED_OUT, f"stopped after {timeout_s:g} s; last line: {last}", took_s)
    return Result(name, abs(exit_code), last, took_s)
