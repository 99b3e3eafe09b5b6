# SPDX-License-Identifier: Apache-2.0
"""Commands that are still to be answered: each exactly once, and not too late."""

import threading
from collections.abc import Callable
from typing import NamedTuple

from condor_plugins.gateway.gahp import Request


class Promise(NamedTuple):
    """`since_s`: when it was asked, on a clock that only goes forward."""

    asked: Request
    since_s: float
    name: str = ""


class Promises:
    """By request id; `name` is that of the job's record once there is one."""

    def __init__(self, deliver: Callable[[str], None]) -> None:
        self._deliver = deliver
        self._lock = threading.Lock()
        self._open: dict[int, Promise] = {}

    def make(self, asked: Request, now_s: float) -> None:
        with self._lock:
            self._open[asked.reqid] = Promise(asked, now_s)

    def call(self, reqid: int, name: str) -> None:
        """From here on this one waits for the record `name`."""
        with self._lock:
            if one := self._open.get(reqid):
                self._open[reqid] = one._replace(name=name)

    def keep(self, reqid: int, result: str) -> None:
        """Answer, unless that was done already."""
        with self._lock:
            if self._open.pop(reqid, None):
                self._deliver(result)

    def is_open(self, reqid: int) -> bool:
        with self._lock:
            return reqid in self._open

    def name(self, reqid: int) -> str:
        """ "" while it is without one, or answered."""
        with self._lock:
            return self._open[reqid].name if reqid in self._open else ""

    def waiting(self) -> list[Promise]:
        """Those that wait for a record."""
        with self._lock:
            return [one for one in self._open.values() if one.name]

    def since(self, then_s: float) -> list[Promise]:
        """Those that were asked then, or before."""
        with self._lock:
            return [one for one in self._open.values() if one.since_s <= then_s]
