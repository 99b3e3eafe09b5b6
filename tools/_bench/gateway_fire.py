# SPDX-License-Identifier: Apache-2.0
"""Submits while answers are lost, services fail, and gateway and gridmanager are killed.

At the end every job has to be at the facility once, under the id that the gateway tells.
"""

import random
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from _bench.access_point import NoFigures
from _bench.gateway_manager import MOST_IN_FLIGHT, Gridmanager, Result
from _bench.gateway_place import Place

LOOK_S = 0.05
COMMIT_S = 0.5  # the gridmanager writes ids into the schedd now and then, not at once


class Heat(NamedTuple):
    """Each with `chance`, for requests: an answer is dropped; the service fails, before it did the

    work and after; it is slower than `timeout_s`. For submits: the gateway is killed; the
    gridmanager is. The others are the facility's settings, `most_s` for all of it.
    """

    jobs: int
    chance: float = 0.1
    timeout_s: float = 1.5
    grace_s: float = 8.0
    poll_s: float = 1.0
    patience_s: float = 15.0
    most_s: float = 600.0
    seed: int = 1

    def faults(self) -> list[dict[str, object]]:
        kinds: list[dict[str, object]] = [
            {"kind": "drop"},
            {"kind": "status", "code": 502},
            {"kind": "status-after"},
            {"kind": "delay", "seconds": 1.5 * self.timeout_s},
        ]
        return [{**one, "chance": self.chance} for one in kinds]


@dataclass
class Fire:
    """HTCondor's side. `problems`: what must not happen, in words; `alive`: statuses that may."""

    place: Place
    heat: Heat
    alive: frozenset[str] = frozenset({"1", "2"})
    problems: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.heat.seed)  # noqa: S311 (the same each time)
        self.waiting = deque(range(self.heat.jobs))
        self.fresh = set(self.waiting)
        self.flying: dict[int, int] = {}
        self.asking: dict[int, int] = {}
        self.told: dict[int, tuple[float, str]] = {}
        self.ids: dict[int, str] = {}
        self.refused: set[int] = set()
        self.asked_s: dict[int, float] = {}
        self.status: dict[int, str] = {}
        self.planned: list[tuple[float, str]] = []
        self.left: list[Gridmanager] = []
        self.deadline_s = time.monotonic() + self.heat.most_s
        self.manager = Gridmanager(self.place)

    def submit(self) -> None:
        """Until every id is with the schedd."""
        while len(self.ids) + len(self.refused) < self.heat.jobs:
            self.turn()

    def turn(self) -> None:
        """A moment of the gridmanager's life. Raises NoFigures when there were too many."""
        if time.monotonic() > self.deadline_s:
            raise NoFigures(f"not done in {self.heat.most_s:g} s: {len(self.ids)} submitted")
        self._commit()
        self._kill_what_is_due()
        self._begin()
        self._ask()
        for one in self.manager.results(LOOK_S):
            self._take(one)

    def _commit(self) -> None:
        now_s = time.monotonic()
        for number, (told_s, job) in list(self.told.items()):
            if now_s - told_s >= COMMIT_S:
                self.ids[number] = job
                del self.told[number]

    def _begin(self) -> None:
        """Submit; for each job it is diced once whether somebody dies while it is under way."""
        while self.waiting and len(self.flying) < MOST_IN_FLIGHT:
            number = self.waiting.popleft()
            self.flying[self.manager.start("BLAH_JOB_SUBMIT", self.place.ad(number))] = number
            if number in self.fresh:
                self.fresh.discard(number)
                self._plan("gateway")
                self._plan("gridmanager")

    def _plan(self, who: str) -> None:
        if self.dice.random() < self.heat.chance:
            self.planned.append((time.monotonic() + self.dice.random(), who))

    def _ask(self) -> None:
        """Statuses, one for each job in an interval."""
        now_s = time.monotonic()
        for number, job in self.ids.items():
            if len(self.asking) >= MOST_IN_FLIGHT:
                return
            if now_s - self.asked_s.get(number, 0.0) >= self.heat.poll_s:
                self.asked_s[number] = now_s
                self.asking[self.manager.start("BLAH_JOB_STATUS", job)] = number

    def _take(self, one: Result) -> None:
        if one.verb == "BLAH_JOB_STATUS":
            self._take_status(self.asking.pop(one.reqid), one.words)
            return
        number = self.flying.pop(one.reqid)
        if one.words[0] == "0":
            self.told[number] = time.monotonic(), one.words[2]
        else:
            self.problems.append(f"submit of job {number}: {one.words}")
            self.refused.add(number)

    def _take_status(self, number: int, words: list[str]) -> None:
        self.status[number] = words[2]
        if words[0] != "0" or words[2] not in self.alive:
            self.problems.append(f"status of job {number}: {words}")

    def _kill_what_is_due(self) -> None:
        now_s = time.monotonic()
        due = [who for when_s, who in self.planned if when_s <= now_s]
        self.planned = [one for one in self.planned if one[0] > now_s]
        if due:
            self._kill("gridmanager" if "gridmanager" in due else "gateway")

    def _kill(self, who: str) -> None:
        """Commands under way are forgotten; when the gridmanager dies, results that it had, too.

        Then its gateway may be killed along, or go on for a while beside the next one.
        """
        again = list(self.flying.values())
        if who == "gridmanager":
            again += self.told
            self.told.clear()
        self.waiting.extendleft(reversed(again))
        self.flying.clear()
        self.asking.clear()
        if who == "gridmanager" and self.dice.random() < 0.5:
            who = "gridmanager, not gateway"
            self.manager.leave()
            self.left.append(self.manager)
        else:
            self.manager.kill()
        self.kills[who] += 1
        self.manager = Gridmanager(self.place)

    def settle(self) -> None:
        """Without faults all jobs are to be known as running."""
        self.place.order("faults", faults=[])
        self.status.clear()
        while len(self.status) < len(self.ids) or set(self.status.values()) != {"2"}:
            self.place.order("run")
            self.turn()

    def end(self) -> None:
        self.manager.kill()
        for one in self.left:
            one.end()

    def verdict(self) -> dict[str, Any]:
        """Counts of what is wrong; `problems` in words, the first ones."""
        jobs, ledger = self.place.jobs(), self.place.remote_ids()
        wanted = {self.place.name(number): number for number in range(self.heat.jobs)}
        there = Counter(one.name for one in jobs)
        ids = {one.name: one.id for one in jobs}
        handles = {name: self.ids.get(number, "") for name, number in wanted.items()}
        wrong = [
            name
            for name, job in ids.items()
            if ledger.get(name) != job or handles.get(name, "").split("/")[-1] not in {name, job}
        ]
        return {
            "asked_for": self.heat.jobs,
            "there": len(jobs),
            "missing": sum(name not in there for name in wanted),
            "strange": sum(name not in wanted for name in there),
            "double": sum(count - 1 for count in there.values()),
            "wrong_ids": len(wrong),
            "errors": len(self.problems),
            "problems": [*self.problems[:5], *wrong[:5]],
            "kills": dict(self.kills),
        }


def fire(base: Path, api: str, heat: Heat) -> dict[str, Any]:
    """The verdict, with how long it took and which faults hit how often."""
    settings = heat._asdict()
    changes = {name: settings[name] for name in ("timeout_s", "grace_s", "poll_s", "patience_s")}
    with Place(base, api, **changes) as place:
        began_s, player = time.monotonic(), Fire(place, heat)
        try:
            place.order("faults", faults=heat.faults())
            player.submit()
            submitted_s = time.monotonic() - began_s
            found = {"faults": place.order("hit"), "submitted_s": submitted_s}
            player.settle()
        except NoFigures as trouble:
            found = {"faults": place.order("hit")}
            player.problems.append(str(trouble))
        finally:
            player.end()
        return {**player.verdict(), **found, "all_s": time.monotonic() - began_s}
