# SPDX-License-Identifier: Apache-2.0
"""Wait for a fact; never for a number of seconds."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class NotInTime(AssertionError):
    """A fact did not come; the text names it and the last answer."""


def wait_until(
    what: str, probe: Callable[[], T | None], timeout_s: float, every_s: float = 0.2
) -> T:
    """Ask `probe` until it answers something true; a failure names the fact that did not come."""
    deadline_s = time.monotonic() + timeout_s
    while not (answer := probe()):
        if time.monotonic() > deadline_s:
            raise NotInTime(f"not within {timeout_s:g} s: {what} (last answer {answer!r})")
        time.sleep(every_s)
    return answer
