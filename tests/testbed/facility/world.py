# SPDX-License-Identifier: Apache-2.0
"""What all services of one stand-in share: settings, scheduler, files, tasks, tokens, faults."""

import itertools
import queue
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .faults import Faults
from .files import Files
from .scheduler import Scheduler

MOST_TASKS = 20_000
WORKERS = 8


class Settings(NamedTuple):
    """`clients`: client id -> credential (SFAPI: `keys.PublicKey`, Globus: secret as text).

    `bearers`: tokens that are good for ever (IRI). `options`: switches of one service, by name
    ("iri.account" …). `task_s`: how long an asynchronous task takes at least.
    """

    machine: str = "perlmutter"
    user: str = "glidein"
    token_life_s: float = 600.0
    task_s: float = 0.0
    clients: Mapping[str, Any] = {}
    bearers: frozenset[str] = frozenset()
    options: Mapping[str, str] = {}


class Task(NamedTuple):
    """`status`: new, running, completed, failed or cancelled. `result`: of the work."""

    id: str
    status: str
    result: Any = None
    error: str = ""
    shown_s: float = 0.0


class Tasks:
    """Work that is answered at once with an id and carried out by other threads.

    `wait_s`: a task shows as new for so long at least, though its work is done as soon as it can.
    """

    def __init__(self, prefix: str = "", wait_s: float = 0.0) -> None:
        self._tasks: OrderedDict[str, Task] = OrderedDict()
        self._todo: queue.SimpleQueue[tuple[str, Callable[[], Any]]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._prefix, self._wait_s = prefix, wait_s
        self._threads = 0

    def start(self, work: Callable[[], Any] | None) -> str:
        """The task's id. Without work the task stays new for ever."""
        with self._lock:
            name = f"{self._prefix}{next(self._numbers)}"
            self._tasks[name] = Task(name, "new", shown_s=time.monotonic() + self._wait_s)
            if len(self._tasks) > MOST_TASKS:
                self._tasks.popitem(last=False)
            if self._threads < WORKERS:
                self._threads += 1
                threading.Thread(target=self._work, daemon=True).start()
        if work:
            self._todo.put((name, work))
        return name

    def get(self, name: str) -> Task | None:
        with self._lock:
            task = self._tasks.get(name)
        return _shown(task) if task else None

    def all(self) -> list[Task]:
        with self._lock:
            tasks = list(self._tasks.values())
        return [_shown(task) for task in tasks]

    def cancel(self, name: str) -> bool:
        """Whether it was still to be done."""
        return self._change(name, "cancelled", {"new"})

    def _change(self, name: str, status: str, since: set[str], **result: Any) -> bool:
        with self._lock:
            task = self._tasks.get(name)
            if task is None or task.status not in since:
                return False
            self._tasks[name] = task._replace(status=status, **result)
            return True

    def _work(self) -> None:
        while True:
            name, work = self._todo.get()
            if not self._change(name, "running", {"new"}):
                continue
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - any failure of the work is the task's result
                self._change(name, "failed", {"running"}, error=f"{error}")
            else:
                self._change(name, "completed", {"running"}, result=result)


def _shown(task: Task) -> Task:
    return task if task.shown_s <= time.monotonic() else Task(task.id, "new")


class Tokens:
    """Bearer tokens that were handed out, with their ends."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._ends: dict[str, tuple[float, str]] = {}
        self._clock = clock

    def make(self, owner: str, life_s: float) -> str:
        now = self._clock()
        for token, (end, _) in list(self._ends.items()):
            if end < now:
                self.drop(token)
        token = secrets.token_urlsafe(24)
        self._ends[token] = (now + life_s, owner)
        return token

    def owner(self, token: str) -> str:
        """The client id that the token was made for; "" if it is not or no longer good."""
        end, owner = self._ends.get(token, (0.0, ""))
        return owner if end > self._clock() else ""

    def drop(self, token: str) -> None:
        self._ends.pop(token, None)


class World(NamedTuple):
    """`tokens` and `faults` are one for all services; each service makes its own Tasks."""

    settings: Settings
    scheduler: Scheduler
    files: Files
    faults: Faults
    tokens: Tokens
