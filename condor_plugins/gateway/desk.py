# SPDX-License-Identifier: Apache-2.0
"""What every part of an engine works with, and how requests and states are kept as text."""

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from condor_plugins.facility.values import Backend, Facility, RemoteJob, Resources
from condor_plugins.gateway.ledger import Ledger
from condor_plugins.gateway.memory import Memory
from condor_plugins.gateway.pace import Pace
from condor_plugins.gateway.staging import Store
from condor_plugins.gateway.values import JobRequest, Record

if TYPE_CHECKING:
    import logging

T = TypeVar("T")
MOST_WORDS = 400
FAILED = ("failed", "")
"""In Desk.retries: something unforeseen failed a moment ago."""
_AFTER_FAILURE_S = 5.0


class Retry(NamedTuple):
    """How often something failed here, and when to try again (UNIX seconds)."""

    tries: int = 0
    next_s: float = 0.0


class Desk(NamedTuple):
    """`retries`: of fetches and cancels, by purpose and name; only this process needs them.

    `threads`: how many requests of one kind are under way at once.
    """

    facility: Facility
    backend: Backend
    ledger: Ledger
    memory: Memory
    store: Store
    pace: Pace
    clock: Callable[[], float]
    retries: dict[tuple[str, str], Retry]
    threads: int

    def due(self, purpose: str, name: str) -> bool:
        return self.retries.get((purpose, name), Retry()).next_s <= self.clock()

    def later(self, purpose: str, name: str, first_s: float = 10.0, most_s: float = 600.0) -> None:
        """Do not try this again for a while, which grows."""
        tries = self.retries.get((purpose, name), Retry()).tries + 1
        wait = min(most_s, first_s * 2 ** min(tries - 1, 10))
        self.retries[purpose, name] = Retry(tries, self.clock() + wait)

    def guarded(self, work: Callable[[], object]) -> None:
        """Do this; a failure that nobody foresaw is logged, and stops nothing else."""
        try:
            work()
        except Exception:
            self.retries[FAILED] = Retry(next_s=self.clock() + _AFTER_FAILURE_S)
            log = self.log()
            log.exception("a step of %s failed", self.facility.name)

    def log(self) -> "logging.Logger":
        """gateway_log.log_to says where it goes."""
        import logging  # noqa: PLC0415 (helpers do without)

        return logging.getLogger(f"condor_plugins.gateway.{self.facility.name}")

    def each(self, work: Callable[[T], object], items: Iterable[T]) -> None:
        """Do this for all of them, some at a time; what fails is logged, and fails alone."""
        todo = list(items)

        def one(item: T) -> None:
            self.guarded(lambda: work(item))

        if self.threads < 2 or len(todo) < 2:
            for item in todo:
                one(item)
            return
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 (helpers do without)

        with ThreadPoolExecutor(min(self.threads, len(todo))) as pool:
            for _ in pool.map(one, todo):
                pass


def request_text(request: JobRequest) -> str:
    return json.dumps(request)


def request_of(record: Record) -> JobRequest | None:
    """None for a job that was not sent by this ledger."""
    if not record.request:
        return None
    key, command, arguments, environment, inputs, outputs, *rest = json.loads(record.request)
    stdin, stdout, stderr, resources = rest
    return JobRequest(
        key,
        command,
        tuple(arguments),
        tuple((name, value) for name, value in environment),
        tuple(inputs),
        tuple((name, path) for name, path in outputs),
        stdin,
        stdout,
        stderr,
        Resources(*resources),
    )


def remote_text(job: RemoteJob) -> str:
    return json.dumps(job)


def remote_of(record: Record) -> RemoteJob | None:
    """What the facility said last; None before that."""
    return RemoteJob(*json.loads(record.remote)) if record.remote else None


def words(text: object) -> str:
    """One line, short enough for a status ad."""
    plain = str(text).encode("utf-8", "replace").decode("utf-8")
    return " ".join(plain.split())[:MOST_WORDS]
