# SPDX-License-Identifier: Apache-2.0
"""SFAPI's lists of jobs: which rows a query wants, and SFAPI's own cache of them."""

import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from .listing import history, queue
from .scheduler import Job, SchedulerDown
from .sfapi_rows import sacct_row, squeue_row
from .wire import Request, Response, answer
from .world import World

CACHE_S = 15.0
UNITS_S = {"day": 86_400, "hour": 3600, "minute": 60}
WANTED: Mapping[str, Callable[[Job], str]] = {
    "jobid": lambda job: job.id,
    "job": lambda job: job.id,
    "jobs": lambda job: job.id,
    "user": lambda job: job.user,
    "partition": lambda job: job.partition,
    "name": lambda job: job.name,
    "account": lambda job: job.account,
    "state": lambda job: job.state,
    "states": lambda job: job.state,
}
TIMES = frozenset({"starttime", "endtime"})


class Lists:
    """`cached=true` is what a request without the word means, and may be CACHE_S old."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._cache: dict[tuple[str, ...], tuple[float, list[dict[str, Any]]]] = {}

    def rows(self, request: Request, jobid: str = "") -> Response:
        if self.world.faults.take("queue-error", request):
            return failed("slurm_load_jobs error: Unable to contact slurm controller")
        wishes = request.values("kwargs") + ([f"jobid={jobid}"] if jobid else [])
        sacct = request.value("sacct", "false").lower() == "true"
        try:
            rows = self._rows(request, sacct, wishes)
            begin, limit = (int(request.value(name, "0")) for name in ("index", "limit"))
        except (SchedulerDown, ValueError) as error:
            return failed(f"{error}")
        return answer({
            "status": "OK",
            "output": rows[begin : begin + limit if limit else None],
            "error": None,
        })

    def _rows(self, request: Request, sacct: bool, wishes: list[str]) -> list[dict[str, Any]]:
        key = (str(sacct), *wishes)
        now = time.time()
        made_s, rows = self._cache.get(key, (0.0, []))
        if request.value("cached", "true").lower() == "true" and now - made_s < CACHE_S:
            return rows
        wanted = _wanted(wishes)
        if sacct:
            ids = wanted.get("jobid", ())
            jobs = _recent(history(self.world, request, ids), wanted, now)
        else:
            jobs = queue(self.world, request)
        make = sacct_row if sacct else squeue_row
        rows = self._bad([make(job, now) for job in jobs if _chosen(job, wanted)], request)
        self._cache[key] = now, rows
        return rows

    def _bad(self, rows: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
        if rows and self.world.faults.take("bad-row", request):
            rows[0] = {"jobid": None, "state": None, "name": 17}
        return rows


def failed(words: str) -> Response:
    """A command that failed: HTTP 200 all the same, and an empty list."""
    return answer({"status": "ERROR", "output": [], "error": words})


def _wanted(wishes: list[str]) -> dict[str, list[str]]:
    """Option of squeue or sacct -> its values. Raises ValueError as the command words it."""
    wanted: dict[str, list[str]] = {}
    for wish in wishes:
        name, _, values = wish.partition("=")
        if name not in WANTED and name not in TIMES:
            raise ValueError(f"unrecognized option '--{name}'")
        wanted["jobid" if name in {"job", "jobs"} else name] = values.split(",")
    return wanted


def _chosen(job: Job, wanted: Mapping[str, list[str]]) -> bool:
    return all(WANTED[name](job) in values for name, values in wanted.items() if name not in TIMES)


def _recent(jobs: list[Job], wanted: Mapping[str, list[str]], now: float) -> list[Job]:
    """Without ids sacct lists what lived since `starttime`, and that is midnight by default."""
    if "jobid" in wanted:
        return jobs
    since = _since(wanted.get("starttime", [""])[0], now)
    return [job for job in jobs if not job.end_s or job.end_s >= since]


def _since(text: str, now: float) -> float:
    found = re.fullmatch(r"now-(\d+)(day|hour|minute)s?", text)
    if found:
        return now - int(found[1]) * UNITS_S[found[2]]
    if text:
        return datetime.fromisoformat(text).timestamp()
    return datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0).timestamp()
