# SPDX-License-Identifier: Apache-2.0
"""All tests, as CI runs them: the fast ones here, then the system tests against the testbed."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from _testbed.lifecycle import up
from _testbed.places import CHECKOUT
from _testbed.progress import Progress

FAST = "not testbed"
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
    """0 when everything that was selected passed; both kinds run even when the first one fails."""
    results = [run_pytest("fast tests", FAST, arguments, FAST_TIMEOUT_S)]
    if selects_any("testbed", arguments):
        up(progress)
        results.append(run_pytest("system tests", "testbed", arguments, SYSTEM_TIMEOUT_S))
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
    workers = ["-n", "6"] if marker == FAST else []
    return [sys.executable, "-m", "pytest", "-m", marker, *workers, *arguments]


def run_pytest(name: str, marker: str, arguments: Sequence[str], timeout_s: float) -> Result:
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
            sys.stdout.write(line)
            sys.stdout.flush()
            last = line.strip() or last
        exit_code = program.wait(timeout=60)
        watchdog.cancel()
    took_s = time.monotonic() - began_s
    if took_s >= timeout_s:
        return Result(name, TIMED_OUT, f"stopped after {timeout_s:g} s; last line: {last}", took_s)
    return Result(name, abs(exit_code), last, took_s)
