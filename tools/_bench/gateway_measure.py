# SPDX-License-Identifier: Apache-2.0
"""What submits and polls cost a gateway and its facility while nothing goes wrong."""

import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from _bench.access_point import NoFigures
from _bench.gateway_manager import MOST_IN_FLIGHT, Gridmanager, ping, submit_all
from _bench.gateway_place import Place, Request

SETTLE_S = 120.0
LOOK_S = 0.02
TOKENS = ("/c2id/token", "/v2/oauth2/token")
# Questions for all jobs at once, by API; and what submits one or more.
STATUS = {
    "sfapi": ("GET", "/compute/jobs/{machine}"),
    "iri": ("POST", "/compute/status/{resource}"),
    "globus": ("POST", "/v2/batch_status"),
}
SUBMIT = {
    "sfapi": ("POST", "/compute/jobs/{machine}"),
    "iri": ("POST", "/compute/job/{resource}"),
    "globus": ("POST", "/submit"),
}


class Sizes(NamedTuple):
    """`poll_s`: the facility's PollInterval; `rounds`: so many of them are measured."""

    jobs: int
    latency_ms: float
    rounds: int
    poll_s: float


def measured(base: Path, api: str, sizes: Sizes) -> dict[str, Any]:
    """Figures by their names, in two parts: submits, polls."""
    with Place(base, api, sizes.latency_ms, poll_s=sizes.poll_s) as place:
        manager = Gridmanager(place)
        try:
            ids, submits = _submits(manager, place, sizes)
            return {"submits": submits, "polls": _polls(manager, place, ids, sizes)}
        finally:
            manager.kill()


def _submits(
    manager: Gridmanager, place: Place, sizes: Sizes
) -> tuple[list[str], dict[str, float]]:
    """The first job takes what all share there; those after it are measured."""
    ping(manager)
    first = submit_all(manager, place, iter([0]))
    tokens = counted(place.requests(), *TOKENS)
    place.order("forget")
    began_s, cpu_s = time.monotonic(), manager.cpu_s()
    ids = submit_all(manager, place, iter(range(1, sizes.jobs)))
    wall_s = time.monotonic() - began_s
    requests = place.requests()
    polls = sum(one.times for one in requests if _is(one, STATUS[place.api]))
    total = sum(one.times for one in requests) - polls
    _until_there(place, sizes.jobs)
    return [*first.values(), *ids.values()], {
        "pilots": float(len(ids)),
        "wall_s": wall_s,
        "requests_per_pilot": total / len(ids),
        "submit_requests": float(sum(one.times for one in requests if _is(one, SUBMIT[place.api]))),
        "polls_meanwhile": float(polls),
        "token_requests": tokens + counted(requests, *TOKENS),
        "cpu_s": manager.cpu_s() - cpu_s,
        "slowest_answer_s": manager.slowest_s,
    }


def _is(one: Request, kind: tuple[str, str]) -> bool:
    """Tasks of the login endpoint carry files, those of the other one pilots; both are submits."""
    return one.method == kind[0] and one.route.endswith(kind[1])


def counted(requests: Sequence[Request], *ends: str) -> float:
    """Requests to routes that end so."""
    return float(sum(one.times for one in requests if one.route.endswith(ends)))


def _polls(
    manager: Gridmanager, place: Place, ids: Sequence[str], sizes: Sizes
) -> dict[str, float]:
    """Every job is asked for once in each interval, and none of them changes."""
    place.order("run")
    _until_all_run(manager, ids)
    place.order("forget")
    answers = Answers(manager)
    began_s, cpu_s, children = time.monotonic(), manager.cpu_s(), set[int]()
    for _ in range(sizes.rounds):
        children |= answers.ask_for(ids, sizes.poll_s)
    wall_s = time.monotonic() - began_s
    used_s = manager.cpu_s() - cpu_s
    requests = place.requests()
    asked = sum(one.times for one in requests)
    return {
        "jobs": float(len(ids)),
        "polls": float(len(ids) * sizes.rounds),
        "intervals": wall_s / sizes.poll_s,
        "requests": float(asked),
        "requests_per_interval": asked / (wall_s / sizes.poll_s),
        "token_requests": counted(requests, *TOKENS),
        "processes": float(len(children)),
        "cpu_s_per_1000_polls": used_s * 1000 / (len(ids) * sizes.rounds),
        "cpu_s_per_interval": used_s * sizes.poll_s / wall_s,
        "slowest_status_s": answers.slowest_s,
    }


def _until_there(place: Place, wanted: int) -> None:
    """Globus Compute hands tasks on after its answer."""
    deadline_s = time.monotonic() + SETTLE_S
    while len(jobs := place.jobs()) < wanted and time.monotonic() < deadline_s:
        time.sleep(LOOK_S)
    if len(jobs) != wanted or len({one.name for one in jobs}) != wanted:
        raise NoFigures(f"{wanted} submits, {len(jobs)} jobs")


def _until_all_run(manager: Gridmanager, ids: Sequence[str]) -> None:
    deadline_s, left = time.monotonic() + SETTLE_S, list(ids)
    while left:
        answers = Answers(manager)
        answers.ask_for(left, 0.0)
        left = [job for job in left if answers.status[job] != "2"]
        if time.monotonic() > deadline_s:
            raise NoFigures(f"{len(left)} jobs run, and the gateway does not say so")


class Answers:
    """Statuses by blah id. Raises NoFigures for an error in place of one."""

    def __init__(self, manager: Gridmanager) -> None:
        self._manager = manager
        self._asked: dict[int, tuple[str, float]] = {}
        self.status: dict[str, str] = {}
        self.slowest_s = 0.0

    def ask_for(self, ids: Sequence[str], seconds: float) -> set[int]:
        """Spread over so many seconds; returns the processes that the gateway had meanwhile."""
        children, began_s = set[int](), time.monotonic()
        todo = deque((began_s + at * seconds / len(ids), job) for at, job in enumerate(ids))
        while todo or self._asked or time.monotonic() < began_s + seconds:
            while todo and todo[0][0] <= time.monotonic() and len(self._asked) < MOST_IN_FLIGHT:
                job = todo.popleft()[1]
                reqid = self._manager.start("BLAH_JOB_STATUS", job)
                self._asked[reqid] = job, time.monotonic()
            children |= self._manager.children()
            self._take(LOOK_S)
        return children

    def _take(self, timeout_s: float) -> None:
        for one in self._manager.results(timeout_s):
            job, asked_s = self._asked.pop(one.reqid)
            if one.words[0] != "0":
                raise NoFigures(f"status of {job}: {one.words[1]}")
            self.status[job] = one.words[2]
            self.slowest_s = max(self.slowest_s, time.monotonic() - asked_s)
