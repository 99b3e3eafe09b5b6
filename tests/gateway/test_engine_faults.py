# SPDX-License-Identifier: Apache-2.0
"""Whatever is lost, refused or killed: in the end each job was there once, and ran once."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from condor_plugins.gateway.engine import Engine
from condor_plugins.gateway.ledger import Ledger, Transaction
from condor_plugins.gateway.values import CANCELLED, DONE, FINAL, REFUSED, Record
from tests.gateway.fake_backend import FakeBackend, Job, facility, request

FAULTS = {
    "submit": ("lost", "lost-before", "not-sent"),
    "states": ("no-news", "maintenance", "rejected"),
    "rows": ("empty",),
    "cancel": ("no-news", "rejected"),
    "get": ("no-news",),
    "put": ("no-news",),
    "remove": ("no-news",),
    "credential": ("rejected",),
}


class Killed(BaseException):
    """The process ends here."""


class Alone(Engine):
    """All in one thread: the same seed is the same run."""

    threads = 1


class DeadlyLedger(Ledger):
    """Any transaction may be the last one: before it begins, before it is kept, or after that."""

    world: "World"

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self.world.may_die()
        with super().transaction() as rows:
            yield rows
            self.world.may_die()
        self.world.may_die()


class World:
    """A facility, HTCondor, and two gateways on one ledger; everything by one seed."""

    def __init__(self, seed: int, path: Path, hide_s: float) -> None:
        self.dice = random.Random(seed)  # noqa: S311 (the same each time)
        self.now = 1_000_000.0
        self.faults, self.deadly = 0.3, 0.03
        self.path = path
        self.site = facility()
        self.facility = FakeBackend(
            self.site, lambda: self.now, self.fault, lambda: self.dice.choice((0.0, 5.0, hide_s))
        )
        self.gateways = [self.begin(), self.begin()]
        self.wanted: dict[str, str] = {}
        self.taken_back: set[str] = set()

    def begin(self) -> Engine:
        ledger = DeadlyLedger.__new__(DeadlyLedger)
        ledger.world = self
        deadly, self.deadly = self.deadly, 0.0
        Ledger.__init__(ledger, self.path)
        self.deadly = deadly
        return Alone(self.site, self.facility, ledger, lambda: self.now, self.dice.random)

    def fault(self, verb: str) -> str:
        self.may_die()
        if self.dice.random() < self.faults * (0.3 if verb == "rows" else 1):
            return self.dice.choice(FAULTS[verb])
        return ""

    def may_die(self) -> None:
        if self.dice.random() < self.deadly:
            raise Killed

    def step(self) -> None:
        number = self.dice.randrange(2)
        try:
            self.do(self.gateways[number])
        except Killed:
            self.gateways[number] = self.begin()
        self.facility_goes_on()
        self.now += self.dice.choice((0.0, 1.0, 20.0, 61.0, 200.0))

    def do(self, gateway: Engine) -> None:
        match self.dice.randrange(6):
            case 0 if len(self.wanted) < 6:
                self.submit(gateway, f"home_bl_pool_{len(self.wanted)}")
            case 1 if self.wanted:
                # The gridmanager died, and asks for the same again.
                self.submit(gateway, self.dice.choice(sorted(self.wanted)))
            case 2 if self.wanted and self.dice.random() < 0.3:
                key = self.dice.choice(sorted(self.wanted))
                self.taken_back.add(key)
                gateway.cancel(self.wanted[key])
            case 3:
                gateway.poll(force=self.dice.random() < 0.3)
            case 4:
                gateway.finish()
            case _:
                assert gateway.work() >= 0

    def submit(self, gateway: Engine, key: str) -> None:
        if key in self.taken_back:
            return
        record = gateway.accept(request(key))
        # Known to HTCondor from here on; this one is in its queue whatever happens now.
        self.wanted[key] = record.name
        gateway.send([record.name])

    def facility_goes_on(self) -> None:
        for job in self.facility.jobs:
            luck = self.dice.random()
            if job.word == "PENDING" and luck < 0.2:
                self.facility.start(job)
            elif job.word == "RUNNING" and luck < 0.1:
                self.facility.end(job, "completed", exit_code=int(job.id) % 7)

    def settle(self) -> None:
        """Nothing fails any more; HTCondor asks for what it wants until it is over."""
        self.faults = self.deadly = 0.0
        for _ in range(2000):
            for gateway in self.gateways:
                for key in self.taken_back & self.wanted.keys():
                    gateway.cancel(self.wanted[key])
                gateway.work()
            self.facility_goes_on()
            self.now += 30.0
            if all(one.phase in FINAL and one.cleaned for one in self.records()):
                break
        else:
            raise AssertionError([one for one in self.records() if one.phase not in FINAL])
        for _ in range(100):
            self.facility_goes_on()

    def records(self) -> list[Record]:
        ledger = Ledger(self.path)
        try:
            return ledger.rows("ORDER BY rowid")
        finally:
            ledger.close()

    def check(self) -> None:
        records = self.records()
        assert sorted(one.key for one in records) == sorted({one.key for one in records})
        for record in records:
            copies = self.facility.of(record.name)
            self.check_one(record, copies, [job for job in copies if job.ran])
        assert [job for job in self.facility.jobs if not job.ended] == []
        self.now += 8 * 86400
        self.gateways[0].work()
        assert self.facility.root_files() == []

    def check_one(self, record: Record, copies: list[Job], ran: list[Job]) -> None:
        assert record.phase != REFUSED
        assert len(ran) <= 1
        if record.key not in self.taken_back:
            assert record.phase == DONE
            assert [job.id for job in ran] == [record.remote_id]
            answer = self.gateways[0].answer(record.name)
            assert answer.attributes["ExitCode"] == int(ran[0].id) % 7
        else:
            assert record.phase in {CANCELLED, DONE}
        assert copies or record.phase == CANCELLED


def run(seed: int, path: Path, hide_s: float) -> World:
    world = World(seed, path, hide_s)
    for _ in range(150):
        world.step()
    world.settle()
    world.check()
    return world


@pytest.mark.parametrize("seed", range(8))
def test_each_job_is_there_once_if_it_is_listed_within_the_grace_period(
    seed: int, tmp_path: Path
) -> None:
    world = run(seed, tmp_path / "ledger.sqlite", hide_s=500.0)
    for record in world.records():
        assert len(world.facility.of(record.name)) <= 1, record


@pytest.mark.parametrize("seed", range(100, 108))
def test_each_job_runs_once_even_if_it_is_listed_much_later(seed: int, tmp_path: Path) -> None:
    run(seed, tmp_path / "ledger.sqlite", hide_s=1500.0)
