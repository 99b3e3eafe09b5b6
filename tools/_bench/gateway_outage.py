# SPDX-License-Identifier: Apache-2.0
"""A maintenance of the facility, scaled in time: it refuses, then hangs, then drops connections.

HTCondor goes on to ask for all jobs and submits more; some jobs end meanwhile.
"""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from _bench.access_point import NoFigures
from _bench.gateway_fire import Fire, Heat
from _bench.gateway_measure import STATUS
from _bench.gateway_place import Place

LATE_S = 120.0


class Outage(NamedTuple):
    """`jobs`: half of them run, the others wait; `more` are submitted meanwhile, `over` end."""

    jobs: int = 200
    more: int = 50
    over: int = 10
    seconds: float = 20.0
    poll_s: float = 0.3
    timeout_s: float = 1.0


def outage(base: Path, api: str, planned: Outage) -> dict[str, Any]:
    """What went wrong, and seconds from the end of the outage to news of all kinds."""
    changes = {"poll_s": planned.poll_s, "timeout_s": planned.timeout_s}
    # In proportion to the interval, as the defaults are.
    changes |= {"grace_s": 10 * planned.poll_s, "patience_s": 2 * planned.poll_s + 2}
    heat = Heat(planned.jobs, 0.0, poll_s=planned.poll_s, most_s=planned.seconds + LATE_S)
    with Place(base, api, **changes) as place:
        player = Maintained(place, heat, frozenset({"1", "2", "4"}))
        try:
            player.fill()
            player.maintained(planned)
            return player.afterwards(planned)
        finally:
            player.end()


class Maintained(Fire):
    """The gridmanager of the fire, which nobody kills here."""

    def fill(self) -> None:
        """The first half runs."""
        half = self.heat.jobs // 2
        self.waiting.clear()
        self.waiting.extend(range(half))
        self._until(lambda: len(self.ids) == half, "the first half is submitted")
        self.place.order("run")
        self.waiting.extend(range(half, self.heat.jobs))
        self._until(lambda: len(self.ids) == self.heat.jobs, "all are submitted")
        self._until(lambda: self._counts() == {"1": self.heat.jobs - half, "2": half}, "known")

    def maintained(self, planned: Outage) -> None:
        """The outage itself, in three kinds that take a third of the time each."""
        self.waiting.extend(range(planned.jobs, planned.jobs + planned.more))
        running = [one for one in self.place.jobs() if one.state == "RUNNING"]
        third_s = planned.seconds / 3
        self._faults({"kind": "maintenance"}, {"kind": "offline"})
        self._for(third_s)
        self.ended = {one.name for one in running[: planned.over]}
        self.place.order("end", ids=[one.job for one in running[: planned.over]])
        self.place.freeze(True)
        self._for(third_s)
        self.place.freeze(False)
        self._faults({"kind": "drop-before"})
        self._for(third_s)
        self.before = self._status_requests()
        self._faults()
        self.over_s = time.monotonic()

    def afterwards(self, planned: Outage) -> dict[str, Any]:
        heard_s = self._until(lambda: self._status_requests() > self.before, "it is asked again")
        total = planned.jobs + planned.more
        submitted_s = self._until(lambda: len(self.place.jobs()) >= total, "all are submitted")
        self._until(lambda: len(self.ids) == total, "HTCondor knows them")
        self.heat = self.heat._replace(jobs=total)
        self._until(lambda: all(self.place.remote_ids().values()), "the gateway knows all ids")
        ended_s = self._until(lambda: self._counts().get("4", 0) >= planned.over, "ends are told")
        found = self.verdict()
        names = [self.place.name(number) for number, said in self.status.items() if said == "4"]
        wrong = [name for name in names if name not in self.ended]
        return {
            **found,
            "held": self._counts().get("5", 0),
            "believed_ended": len(wrong),
            "asked_again_s": heard_s,
            # An interval, and a request that was under way at the end.
            "asked_again_late_s": max(0.0, heard_s - planned.poll_s - planned.timeout_s),
            "all_submitted_s": submitted_s,
            "ends_told_s": ended_s,
        }

    def _counts(self) -> Counter[str]:
        return Counter(self.status.values())

    def _status_requests(self) -> int:
        method, end = STATUS[self.place.api]
        return sum(
            one.times
            for one in self.place.requests()
            if one.method == method and one.route.endswith(end) and one.status == 200
        )

    def _faults(self, *faults: dict[str, object]) -> None:
        self.place.order("faults", faults=list(faults))

    def _for(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.turn()

    def _until(self, is_so: Callable[[], bool], what: str) -> float:
        """Seconds since the end of the outage."""
        give_up_s = time.monotonic() + LATE_S
        while not is_so():
            if time.monotonic() > give_up_s:
                raise NoFigures(f"not within {LATE_S:g} s: {what}")
            self.turn()
        return time.monotonic() - getattr(self, "over_s", 0.0)
