# SPDX-License-Identifier: Apache-2.0
"""Do to daemons what happens to daemons: stop, kill, freeze, cut off; and read what they log."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from _testbed.inside import Testbed
from _testbed.waiting import wait_until

CONDOR_LOG = "/var/log/condor"


@contextmanager
def stopped(testbed: Testbed, host: str, daemon: str) -> Iterator[None]:
    """A daemon (collector, negotiator, schedd) is off while the block runs."""
    testbed.tell(host, "condor_off", "-fast", "-daemon", daemon)
    wait_until(f"{daemon} is off", lambda: not process_ids(testbed, host, f"condor_{daemon}"), 30)
    try:
        yield
    finally:
        testbed.tell(host, "condor_on", "-daemon", daemon)
        wait_until(f"{daemon} is on", lambda: process_ids(testbed, host, f"condor_{daemon}"), 30)


def restart(testbed: Testbed, host: str, daemon: str) -> None:
    """Returns when another process than before runs and, for a schedd, answers."""
    before = process_ids(testbed, host, f"condor_{daemon}")
    testbed.tell(host, "condor_restart", "-fast", "-daemon", daemon)

    def is_new() -> bool:
        now = process_ids(testbed, host, f"condor_{daemon}")
        return bool(now) and now != before

    wait_until(f"{daemon} was restarted", is_new, 60)
    if daemon == "schedd":
        wait_until("the schedd answers", lambda: testbed.run(host, "condor_q").ok, 60)


def process_ids(testbed: Testbed, host: str, pattern: str) -> list[int]:
    """Ids of processes whose command line `pattern` matches."""
    return [int(word) for word in testbed.run(host, "pgrep", "-f", pattern).out.split()]


def send_signal(testbed: Testbed, host: str, pattern: str, signal: str = "KILL") -> list[int]:
    """Ids of those it was sent to; that there are none is a mistake of the test."""
    ids = process_ids(testbed, host, pattern)
    assert ids, f"no process on {host} matches {pattern!r}"
    testbed.run(host, "kill", f"-{signal}", *map(str, ids))
    return ids


@contextmanager
def frozen(testbed: Testbed, host: str, pattern: str) -> Iterator[None]:
    """Processes are there but do nothing (SIGSTOP) while the block runs."""
    ids = send_signal(testbed, host, pattern, "STOP")
    try:
        yield
    finally:
        testbed.run(host, "kill", "-CONT", *map(str, ids))


@contextmanager
def cut_off(testbed: Testbed, host: str) -> Iterator[None]:
    """The host's network is down while the block runs."""
    testbed.tell(host, "ip", "link", "set", "eth0", "down")
    try:
        yield
    finally:
        testbed.tell(host, "ip", "link", "set", "eth0", "up")


@contextmanager
def log_contains(
    testbed: Testbed, host: str, path: str, pattern: str, timeout_s: float = 30
) -> Iterator[None]:
    """The block makes a daemon log `pattern`; what stood there before does not count."""
    before = len(read_log(testbed, host, path))
    yield
    wait_until(
        f"{host}:{path} says {pattern!r}",
        lambda: re.search(pattern, read_log(testbed, host, path)[before:], re.MULTILINE),
        timeout_s,
        every_s=0.5,
    )


def read_log(testbed: Testbed, host: str, path: str) -> str:
    """All of a log, or nothing while there is none; a name alone is one of HTCondor's logs."""
    place = path if path.startswith("/") else f"{CONDOR_LOG}/{path}"
    return testbed.run(host, "cat", place).out
