# SPDX-License-Identifier: Apache-2.0
"""What goes to the gridmanager: answers at once, and results that it fetches when told of them."""

import os
import threading
from collections import deque

from condor_plugins.gateway import gahp


class Outbox:
    """Written to from any thread; whole lines only.

    In asynchronous mode one line "R" says that there are results that RESULTS has not fetched.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._lock = threading.Lock()
        self._results: deque[str] = deque()
        self._asynchronous = False
        self._told = False
        self.broken = threading.Event()

    def say(self, line: str) -> None:
        """An answer to the command that was just read."""
        with self._lock:
            self._write(f"{line}\n")

    def add(self, result: str) -> None:
        """A result, for the next RESULTS."""
        with self._lock:
            self._results.append(result)
            self._tell()

    def results(self) -> None:
        """Answer RESULTS."""
        with self._lock:
            lines = [f"S {len(self._results)}", *self._results]
            self._results.clear()
            self._told = False
            self._write("".join(f"{line}\n" for line in lines))

    def asynchronous(self, wanted: bool) -> None:
        """Answer ASYNC_MODE_ON or ASYNC_MODE_OFF."""
        with self._lock:
            self._asynchronous = wanted
            self._told = False
            self._write(gahp.line("S", f"Async mode {'on' if wanted else 'off'}") + "\n")
            if self._results:
                self._tell()

    def _tell(self) -> None:
        if self._asynchronous and not self._told:
            self._told = True
            self._write("R\n")

    def _write(self, text: str) -> None:
        """All of it; nobody reads any more: that is noted, not raised."""
        rest = memoryview(text.encode("utf-8", "surrogateescape"))
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError:
            self.broken.set()
