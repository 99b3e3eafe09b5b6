# SPDX-License-Identifier: Apache-2.0
"""One facility behind the protocol: threads that carry out commands, and the rounds between them.

The reader of the protocol only hands over. Nothing that a command brings along, no answer of the
facility and no full disk ends a thread: the command gets an error, the log says why.
"""

import logging
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import NamedTuple

from condor_plugins.gateway import gahp
from condor_plugins.gateway.carrying import Carrying
from condor_plugins.gateway.gahp import Request
from condor_plugins.gateway.gateway_log import log_to
from condor_plugins.gateway.opening import Opened, open_facility
from condor_plugins.gateway.promises import Promises
from condor_plugins.gateway.rounds import Rounds

_SEND, _ASK = "send", "ask"
# Threads by command. A submission and a wish to cancel are only written down in their lanes; two
# more are for what the facility is asked then. That may take minutes (uploads), and nothing that
# is still to be written down, and no status, may wait behind it.
_LANES = {
    "BLAH_JOB_SUBMIT": 4,
    _SEND: 4,
    "BLAH_JOB_STATUS": 1,
    "BLAH_JOB_CANCEL": 2,
    _ASK: 2,
    "BLAH_PING": 1,
}
_NEXT = {"BLAH_JOB_SUBMIT": _SEND, "BLAH_JOB_CANCEL": _ASK}
_MOST_ASKED = 100
_PATIENCE_S = 120.0  # until the facility's own is known
_GATHER_S = 0.2
_TICK_S = 0.25
_AGAIN_S = 1.0
_REOPEN_S = 5.0
_REFUSED = {
    "BLAH_JOB_HOLD": "a job at a facility cannot be held; condor_hold cancels it there",
    "BLAH_JOB_RESUME": "a job at a facility is never held there",
}


class Item(NamedTuple):
    """A command in a lane; `name`: of its record, once it is written down."""

    asked: Request
    name: str = ""


class Station:
    """Commands of one batch type. `deliver`: takes a result line, from any thread."""

    def __init__(
        self,
        batch_type: str,
        deliver: Callable[[str], None],
        opening: Callable[[str], Opened] = open_facility,
    ) -> None:
        self.batch_type = batch_type
        self._opening = opening
        self._opened: Opened | None = None
        self._failed: tuple[float, Exception] | None = None
        self._lock = threading.Lock()
        self._busy = threading.Lock()
        self._count = 0
        self._patience_s = _PATIENCE_S
        self._promises = Promises(deliver)
        self._carrying = Carrying(self._promises, self.opened)
        self._rounds = Rounds(self.opened, self._carrying.settle, self.reopen)
        self.log = logging.getLogger("condor_plugins.gateway")
        self._lanes: dict[str, SimpleQueue[Item]] = {verb: SimpleQueue() for verb in _LANES}
        self._taking = {verb: threading.Lock() for verb in _LANES}

    def start(self) -> None:
        """Begin to work, in threads that end with the process."""
        for verb, threads in _LANES.items():
            for _ in range(threads):
                threading.Thread(target=self._lane, args=(verb,), daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()

    def take(self, asked: Request) -> None:
        """Carry out a command; returns at once."""
        self._promises.make(asked, time.monotonic())
        if asked.damaged:
            why = f"{asked.verb} has too few or too many words"
            self._promises.keep(asked.reqid, gahp.failed(asked, why))
        elif asked.verb in _REFUSED:
            self._promises.keep(asked.reqid, gahp.failed(asked, _REFUSED[asked.verb]))
        elif asked.verb == "BLAH_JOB_REFRESH_PROXY":
            # No pilot of ours carries an X.509 proxy.
            self._promises.keep(asked.reqid, gahp.done(asked.reqid))
        else:
            self._put(asked.verb, Item(asked))

    def _put(self, lane: str, item: Item) -> None:
        with self._busy:
            self._count += 1
        self._lanes[lane].put(item)

    def opened(self) -> Opened:
        """The facility; the first command opens it. Raises Misconfigured, or what a disk raises."""
        with self._lock:
            return self._opened or self._use(self._open())

    def _open(self) -> Opened:
        """One that cannot be opened is not tried again for each of a thousand commands."""
        if self._failed and time.monotonic() - self._failed[0] < _REOPEN_S:
            raise self._failed[1]
        try:
            return self._opening(self.batch_type)
        except Exception as problem:
            self._failed = time.monotonic(), problem
            raise

    def reopen(self) -> None:
        """By the configuration as it is now; what is under way goes on with the old one."""
        new = self._opening(self.batch_type)
        with self._lock:
            if self._opened is None or new.facility != self._opened.facility:
                self._use(new)

    def _use(self, opened: Opened) -> Opened:
        first = self._opened is None
        self._opened = opened
        self._patience_s = opened.facility.patience_s
        self.log = log_to(self.batch_type, opened.directory / "gateway.log")
        self.log.info("%s %s", "gateway to" if first else "changed:", opened.facility.url)
        self._carrying.log = self._rounds.log = self.log
        if first:
            threading.Thread(target=self._rounds.run, daemon=True).start()
        return opened

    def _lane(self, lane: str) -> None:
        while True:
            bunch: list[Item] = []
            try:
                # One at a time: or each thread would send a part of what belongs together.
                with self._taking[lane]:
                    self._gather(lane, bunch)
                self._carry(lane, bunch)
            except Exception as problem:
                self.log.exception("%s", lane)
                for item in bunch:
                    self._carrying.fail(item.asked, problem)
            with self._busy:
                self._count -= len(bunch)
            if lane in (_SEND, _ASK):
                self._rounds.wake()

    def _gather(self, lane: str, bunch: list[Item]) -> None:
        """The next one; with it those of the same moment, where many go at once."""
        queue = self._lanes[lane]
        bunch.append(queue.get())
        most = _MOST_ASKED if lane == _ASK else 1
        if lane == _SEND:
            most = self.opened().backend.most_at_once
        until_s = time.monotonic() + _GATHER_S
        while len(bunch) < most and (left_s := until_s - time.monotonic()) > 0:
            try:
                bunch.append(queue.get(timeout=left_s))
            except Empty:
                break

    def _carry(self, lane: str, bunch: list[Item]) -> None:
        match lane:
            case "BLAH_JOB_STATUS":
                self._carrying.status(bunch[0].asked)
            case "BLAH_PING":
                self._carrying.ping(bunch[0].asked)
            case "send":
                self._carrying.send([item.name for item in bunch])
            case "ask":
                self._carrying.take_back()
            case _:
                self._write(bunch[0].asked)

    def _write(self, asked: Request) -> None:
        name = self._carrying.write(asked)
        if name is None:
            time.sleep(_AGAIN_S)
            self._put(asked.verb, Item(asked))
        elif name:
            self._put(_NEXT[asked.verb], Item(asked, name))

    def _watch(self) -> None:
        """Answer in time what the facility, or the disk, takes too long for."""
        while True:
            time.sleep(_TICK_S)
            for promise in self._promises.since(time.monotonic() - self._patience_s):
                try:
                    self._carrying.overdue(promise)
                except Exception:
                    self.log.exception("an answer in time")

    def end(self, until_s: float) -> None:
        """Nobody reads results any more: what is left is done until then (monotonic seconds)."""
        while self._at_work() and time.monotonic() < until_s:
            time.sleep(_TICK_S)
        if self._opened:
            self._rounds.end(until_s)

    def _at_work(self) -> bool:
        with self._busy:
            return self._count > 0
