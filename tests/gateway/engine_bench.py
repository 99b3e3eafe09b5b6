# SPDX-License-Identifier: Apache-2.0
"""An engine, a facility in memory, and time at will."""

from pathlib import Path

from condor_plugins.gateway.engine import Engine
from condor_plugins.gateway.ledger import Ledger
from condor_plugins.gateway.values import Record
from tests.gateway.fake_backend import FakeBackend, Job, facility, request


class Bench:
    """An engine, its facility, and time at will."""

    def __init__(self, path: Path, **changes: object) -> None:
        self.now = 1_000_000.0
        self.faults: dict[str, str] = {}
        self.site = facility(**changes)
        self.there = FakeBackend(
            self.site, lambda: self.now, lambda verb: self.faults.get(verb, "")
        )
        self.ledger = Ledger(path)
        self.engine = self.another()

    def another(self) -> Engine:
        return Engine(
            self.site, self.there, Ledger(self.ledger.path), lambda: self.now, lambda: 0.5
        )

    def submit(self, key: str = "home_bl_1", **changes: object) -> str:
        name = self.engine.accept(request(key, **changes)).name
        self.engine.send([name])
        return name

    def record(self, name: str) -> Record:
        found = self.ledger.get(name)
        assert found
        return found

    def phase(self, name: str) -> str:
        return self.record(name).phase

    def job(self, name: str) -> Job:
        (found,) = self.there.of(name)
        return found

    def poll(self, wait_s: float = 61.0) -> bool:
        """After this time, in which answers came as often as they do."""
        while wait_s > 120.0:
            self.now += 61.0
            wait_s -= 61.0
            self.engine.poll()
        self.now += wait_s
        return self.engine.poll()

    def running(self, key: str = "home_bl_1", **changes: object) -> str:
        name = self.submit(key, **changes)
        self.there.start(self.job(name))
        assert self.poll()
        return name

    def end(self, name: str, ended: str = "completed", exit_code: int | None = 0) -> None:
        self.there.end(self.job(name), ended, exit_code)
        assert self.poll()
