# SPDX-License-Identifier: Apache-2.0
"""The request log: counted by route, the last lines at hand, each line to a file as JSON.

A line has no query, no header and no body, so it can hold no token.
"""

import json
import threading
from collections import Counter, deque
from collections.abc import Iterable
from typing import IO, Any, NamedTuple

MOST_LINES = 20_000


class Line(NamedTuple):
    """One request. `status` is 0 where no answer was given; `fault`: the kind that hit it."""

    time: float
    method: str
    path: str
    route: str
    status: int
    ms: float
    fault: str = ""


class Log:
    def __init__(self, file: IO[str] | None = None) -> None:
        self._lines: deque[Line] = deque(maxlen=MOST_LINES)
        self._counts: Counter[tuple[str, str, int]] = Counter()
        self._lock = threading.Lock()
        self._file = file

    def add(self, line: Line) -> None:
        with self._lock:
            self._lines.append(line)
            self._counts[line.method, line.route, line.status] += 1
            if self._file:
                self._file.write(json.dumps(line._asdict()) + "\n")
                self._file.flush()

    def lines(self) -> list[Line]:
        with self._lock:
            return list(self._lines)

    def counts(self) -> dict[tuple[str, str, int], int]:
        """(method, route template, status) -> requests."""
        with self._lock:
            return dict(self._counts)

    def clear(self) -> None:
        with self._lock:
            self._lines.clear()
            self._counts.clear()


def as_rows(counts: Iterable[tuple[tuple[str, str, int], int]]) -> list[dict[str, Any]]:
    """The counts for JSON, most frequent first."""
    rows = [
        {"method": method, "route": route, "status": status, "count": count}
        for (method, route, status), count in counts
    ]
    return sorted(rows, key=lambda row: -int(row["count"]))
