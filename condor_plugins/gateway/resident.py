# SPDX-License-Identifier: Apache-2.0
"""The resident gateway: a GAHP server for the batch types of facilities, started by <TYPE>_GAHP.

The gridmanager waits 20 s for an answer at most, and its death takes all grid jobs of the user
along: so the reader does nothing that could wait, and nothing that is read ends the process.
"""

import logging
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from condor_plugins.gateway import gahp
from condor_plugins.gateway.gahp import Lines, Request
from condor_plugins.gateway.outbox import Outbox

if TYPE_CHECKING:
    from condor_plugins.gateway.station import Station

_LEFT_S = 60.0
_READ_BYTES = 1 << 16


class Resident:
    """`reading`: handle of the commands. `make`: a started station for a batch type."""

    def __init__(
        self, reading: int, outbox: Outbox, make: "Callable[[str], Station] | None" = None
    ) -> None:
        self._reading = reading
        self._outbox = outbox
        self._make = make or self._station
        self._stations: dict[str, Station] = {}
        self._over = False

    def serve(self, wake: int) -> None:
        """Greet, then obey until QUIT, the end of the input, or something to read from `wake`."""
        self._outbox.say(gahp.GREETING)
        lines = Lines()
        with selectors.DefaultSelector() as selector:
            selector.register(self._reading, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            while not self._over and not self._outbox.broken.is_set():
                ready = {key.fd for key, _ in selector.select()}
                if wake in ready or not (read := os.read(self._reading, _READ_BYTES)):
                    return
                for line in lines.feed(read):
                    self.obey(line)

    def obey(self, line: str) -> None:
        """One command; its answer goes out at once, its result later."""
        words = gahp.split(line)
        match words[0].upper():
            case "":
                return
            case "COMMANDS":
                self._outbox.say(gahp.commands())
            case "VERSION":
                self._outbox.say(f"S {gahp.GREETING}")
            case "ASYNC_MODE_ON" | "ASYNC_MODE_OFF" as mode:
                self._outbox.asynchronous(mode == "ASYNC_MODE_ON")
            case "RESULTS":
                self._outbox.results()
            case "QUIT":
                self._outbox.say("S")
                self._over = True
            case _:
                self._later(gahp.request(words))

    def _later(self, asked: Request | None) -> None:
        if asked is None:
            self._outbox.say(gahp.line("E", "Unknown command"))
            return
        self._outbox.say("S")
        batch_type = gahp.batch_type(asked)
        if not batch_type:
            self._outbox.add(gahp.failed(asked, "it does not say which batch type it is for"))
            return
        try:
            if batch_type not in self._stations:
                self._stations[batch_type] = self._make(batch_type)
            self._stations[batch_type].take(asked)
        except Exception as problem:
            logging.getLogger("condor_plugins.gateway").exception("%s", asked.verb)
            self._outbox.add(gahp.failed(asked, f"{type(problem).__name__}: {problem}"))

    def _station(self, batch_type: str) -> "Station":
        # Only now: the greeting must not wait for what all this imports.
        from condor_plugins.gateway.station import Station  # noqa: PLC0415

        made = Station(batch_type, self._outbox.add)
        made.start()
        return made

    def end(self) -> None:
        """Bring to an end what is under way, for a minute at most."""
        until_s = time.monotonic() + _LEFT_S
        for station in self._stations.values():
            try:
                station.end(until_s)
            except Exception:
                logging.getLogger("condor_plugins.gateway").exception("end")


def main() -> int:
    """Serve stdin and stdout; stdout is out of reach of anything else that might write to it."""
    writing = os.dup(1)
    os.dup2(2, 1)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    # The gridmanager says it like this when it ends; a second one means it.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: _stop(number, wake))
    resident = Resident(0, Outbox(writing))
    resident.serve(woken)
    resident.end()
    sys.stderr.flush()
    os._exit(0)  # threads that wait for an answer of the facility must not hold it up


def _stop(number: int, wake: int) -> None:
    signal.signal(number, signal.SIG_DFL)
    os.write(wake, b"\n")
