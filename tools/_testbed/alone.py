# SPDX-License-Identifier: Apache-2.0
"""There is one testbed on a machine: who changes it or measures in it does so alone."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

from _testbed.command import StepFailed
from _testbed.places import NAME
from _testbed.progress import Progress
from _testbed.waiting import NotInTime, wait_until

# Told to child processes, which would otherwise wait for their own parent.
HELD = "GLIDEIN_TESTBED_HELD"
WAIT_S = 1800


def lock_path() -> Path:
    """The images and containers of a user without root rights are his own, and so is the lock."""
    return Path(tempfile.gettempdir()) / f"{NAME}-{os.geteuid()}.lock"


@contextmanager
def alone(progress: Progress, timeout_s: float = WAIT_S) -> Iterator[None]:
    """Hold the testbed while the block runs; wait for another process that does, and name it."""
    if os.environ.get(HELD):
        yield
        return
    with lock_path().open("a+", encoding="utf-8") as lock:
        if not take(lock):
            lock.seek(0)
            progress.say(f"process {lock.read().strip()} uses the testbed; waiting for its end")
            wait_for(lock, timeout_s)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        os.environ[HELD] = "1"
        try:
            yield
        finally:
            del os.environ[HELD]


def take(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for(lock: TextIO, timeout_s: float) -> None:
    try:
        wait_until("the testbed is free", partial(take, lock), timeout_s, every_s=1)
    except NotInTime as late:
        raise StepFailed(f"{late}; see who holds {lock.name}") from late
