# SPDX-License-Identifier: Apache-2.0
"""Faults on order: which requests they hit, how often and for how long.

A fault is a mapping; every key but `kind` may be left out:

    kind     one of the following, or of the services' own (SERVICE_KINDS)
    match    "METHOD regex", searched in the path with its query; "* regex": any method; "": all
    times    after so many hits the fault is over
    chance   0 to 1, of each request that matches
    for_s    the fault is over so many seconds after it was set

    delay          the answer begins after `seconds`
    slow-body      it dribbles for `seconds`
    status         answered with `code` (503), `retry_after` and `word` in place of being done
    status-after   the same after it was done (504)
    drop           done, then the connection ends without an answer; drop-before: not done either
    truncate       the body is cut in half, HTTP is whole; cut: the connection ends half way
    expire-token   the token of the request is refused for ever, with `code` (401)
    maintenance    the machine is not available; each service has its own way to say so
    unknown-job    a job is not listed for `seconds` after its submit
    unknown-state  all jobs of an answer are in the state `word`
    bad-row        one row of an answer is malformed
"""

import random
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from .wire import Request

SERVER_KINDS = frozenset({
    "delay", "slow-body", "status", "status-after", "drop", "drop-before", "truncate", "cut",
    "expire-token", "maintenance",
})  # fmt: skip
ROW_KINDS = frozenset({"unknown-job", "unknown-state", "bad-row"})
SERVICE_KINDS = frozenset({
    "task-stuck", "task-fails", "command-error", "queue-error", "refuse-submit", "offline",
    "lost-result", "half-upload",
})  # fmt: skip
KINDS = SERVER_KINDS | ROW_KINDS | SERVICE_KINDS
KEYS = frozenset({
    "kind", "match", "times", "seconds", "chance", "for_s", "code", "retry_after", "word",
})  # fmt: skip
CHANCE = random.SystemRandom().random


class Fault(NamedTuple):
    """One fault as ordered. `until_s` 0: no end; `retry_after`: the header's text, "" for none."""

    kind: str
    method: str = "*"
    path: re.Pattern[str] = re.compile("")
    seconds: float = 0.0
    chance: float = 1.0
    until_s: float = 0.0
    code: int = 0
    retry_after: str = ""
    word: str = ""

    def meets(self, request: Request | None, now: float) -> bool:
        if 0 < self.until_s < now:
            return False
        if request is None:
            return True
        return self.method in {"*", request.method} and bool(self.path.search(request.target()))


class Faults:
    """The faults in force. Thread safe; `chance` and `clock` are replaced in tests."""

    def __init__(
        self,
        chance: Callable[[], float] = CHANCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rows: list[tuple[Fault, list[int | None]]] = []
        self._lock = threading.Lock()
        self._chance, self._clock = chance, clock

    def add(self, specs: Sequence[Mapping[str, Any]]) -> None:
        """All or none. Raises ValueError with the key that is wrong."""
        rows = [(_fault(spec, self._clock()), [_times(spec)]) for spec in specs]
        with self._lock:
            self._rows += rows

    def clear(self) -> None:
        with self._lock:
            self._rows.clear()

    def take(self, kind: str, request: Request | None = None) -> Fault | None:
        """The first fault of this kind that hits the request; it counts as one of its `times`."""
        if not self._rows:
            return None
        with self._lock:
            for fault, left in self._rows:
                if fault.kind == kind and left[0] != 0 and self._hits(fault, request):
                    left[0] = None if left[0] is None else left[0] - 1
                    return fault
        return None

    def on(self, kind: str, request: Request | None = None) -> Fault | None:
        """The same question without counting."""
        with self._lock:
            now = self._clock()
            found = (
                fault
                for fault, left in self._rows
                if fault.kind == kind and left[0] != 0 and fault.meets(request, now)
            )
            return next(found, None)

    def _hits(self, fault: Fault, request: Request | None) -> bool:
        return fault.meets(request, self._clock()) and (
            fault.chance >= 1 or self._chance() < fault.chance
        )


def _times(spec: Mapping[str, Any]) -> int | None:
    times = spec.get("times")
    return None if times is None else int(times)


def _fault(spec: Mapping[str, Any], now: float) -> Fault:
    unknown = set(spec) - KEYS
    kind = str(spec.get("kind"))
    if unknown or kind not in KINDS:
        raise ValueError(f"no such fault: {kind} {sorted(unknown)}")
    method, _, path = str(spec.get("match") or "* ").partition(" ")
    for_s = float(spec.get("for_s") or 0)
    return Fault(
        kind=kind,
        method=method,
        path=re.compile(path),
        seconds=float(spec.get("seconds") or 0),
        chance=float(spec.get("chance", 1.0)),
        until_s=now + for_s if for_s else 0.0,
        code=int(spec.get("code") or 0),
        retry_after=str(spec.get("retry_after") or ""),
        word=str(spec.get("word") or ""),
    )
