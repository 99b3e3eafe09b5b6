# SPDX-License-Identifier: Apache-2.0
"""What happens when: a heap of events; those of one instant come in the order of `Turn`."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

Happening = Callable[[], None]


class Turn(IntEnum):
    """Within one instant: a core that becomes free is matched before its pilot thinks of leaving,
    and the decision sees all of it.
    """

    ARRIVAL = 0
    JOB_END = 1
    PILOT = 2
    NEGOTIATION = 3
    LEAVING = 4
    CYCLE = 5


@dataclass(slots=True)
class Agenda:
    """`now_s` is the time of the event that is happening; it begins at 0."""

    now_s: float = 0.0
    _events: list[tuple[float, int, int, Happening]] = field(default_factory=list)
    _made: int = 0

    def at(self, time_s: float, turn: Turn, happening: Happening) -> None:
        self._made += 1
        heapq.heappush(self._events, (time_s, turn, self._made, happening))

    def every(self, period_s: float, turn: Turn, happening: Happening) -> None:
        """From time 0 on, for ever."""

        def again(count: int) -> None:
            happening()
            self.at(period_s * (count + 1), turn, lambda: again(count + 1))

        self.at(0.0, turn, lambda: again(0))

    def run(self, until_s: float, over: Callable[[], bool]) -> None:
        """Up to and with `until_s`, or until nothing can happen any more."""
        while self._events and self._events[0][0] <= until_s and not over():
            self.now_s, _, _, happening = heapq.heappop(self._events)
            happening()
