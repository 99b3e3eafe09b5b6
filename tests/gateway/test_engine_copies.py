# SPDX-License-Identifier: Apache-2.0
"""Jobs that are taken back, and copies of a job that nobody wanted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from condor_plugins.facility.values import COMPLETED
from condor_plugins.gateway.values import (
    CANCELLED,
    INTENDED,
    REFUSED,
    SENT,
    SUBMITTED,
)
from tests.gateway.engine_bench import Bench
from tests.gateway.fake_backend import request


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "state" / "ledger.sqlite")
    yield made
    made.ledger.close()


def test_taking_back_what_was_not_sent_needs_no_facility(bench: Bench) -> None:
    record = bench.engine.accept(request("home_bl_1"))
    assert bench.engine.cancel(record.name)
    bench.engine.work()
    assert bench.phase(record.name) == CANCELLED
    assert "submit" not in bench.there.calls


def test_taking_back_is_carried_out_later_if_not_at_once(bench: Bench) -> None:
    name = bench.running()
    bench.faults["cancel"] = "no-news"
    assert not bench.engine.cancel(name)
    assert bench.record(name).cancel_wanted == 1
    bench.faults.clear()
    bench.now += 61.0
    bench.another().work()
    assert (bench.phase(name), bench.job(name).ended) == (CANCELLED, "cancelled")
    bench.poll()
    bench.engine.finish()
    assert (bench.record(name).cleaned, bench.there.root_files()) == (1, [])
    assert "get" not in bench.there.calls
    again = bench.submit()
    assert (again, bench.phase(again)) == (f"{name}-2", SUBMITTED)


def test_taking_back_what_may_have_arrived_waits_for_it(bench: Bench) -> None:
    bench.faults["submit"] = "lost"
    name = bench.submit()
    assert not bench.engine.cancel(name)
    assert bench.phase(name) == SENT
    bench.now += 61.0
    bench.engine.work()
    assert bench.job(name).ended == "cancelled"


def test_a_second_copy_that_ends_is_not_the_end(bench: Bench) -> None:
    bench.there.hide_s = lambda: 5000.0
    bench.faults["submit"] = "lost"
    name = bench.submit()
    bench.faults.clear()
    first = bench.job(name)
    for _ in range(4):
        bench.poll(700.0)
    bench.engine.work()
    second = bench.there.of(name)[1]
    assert bench.record(name).remote_id == second.id
    bench.there.start(first)
    bench.there.start(second)
    first.listed_s = 0.0
    bench.poll()
    bench.engine.finish()
    found = bench.record(name)
    assert (second.ended, found.phase, found.remote_id) == ("completed", SUBMITTED, first.id)
    bench.there.end(first, "completed", 6)
    bench.poll()
    bench.engine.work()
    assert bench.engine.answer(name).attributes["ExitCode"] == 6


def test_a_copy_that_comes_after_the_end_does_not_run(bench: Bench) -> None:
    bench.there.hide_s = lambda: 1e9
    bench.faults["submit"] = "lost"
    name = bench.submit()
    bench.faults.clear()
    for _ in range(4):
        bench.poll(700.0)
    bench.engine.work()
    first, second = bench.there.of(name)
    bench.there.start(second)
    bench.there.end(second, "completed", 0)
    bench.poll()
    bench.engine.work()
    assert (bench.record(name).cleaned, bench.engine.answer(name).status) == (1, COMPLETED)
    bench.there.start(first)
    assert not first.ran
    bench.now += 8 * 86400
    bench.engine.work()
    assert bench.there.root_files() == []


def test_giving_up_what_may_have_arrived_looks_for_it(bench: Bench) -> None:
    """Sent once without an answer, to be sent again, then taken back: the copy turns up late."""
    bench.there.hide_s = lambda: 2400.0
    bench.faults["submit"] = "lost"
    name = bench.submit()
    for _ in range(3):
        bench.poll(700.0)
    assert bench.phase(name) == INTENDED
    bench.engine.cancel(name)
    assert (bench.phase(name), bench.record(name).ended_s) == (CANCELLED, 0.0)
    for _ in range(3):
        bench.now += 300.0
        bench.engine.work()
    assert bench.job(name).ended == "cancelled"


def test_another_copy_that_is_refused_does_not_end_the_first_one(bench: Bench) -> None:
    bench.there.hide_s = lambda: 2400.0
    bench.faults["submit"] = "lost"
    name = bench.submit()
    bench.poll(1300.0)
    assert bench.phase(name) == INTENDED
    bench.faults["submit"] = "refuse"
    bench.engine.work()
    assert bench.phase(name) == SENT
    bench.there.start(bench.job(name))
    bench.poll(500.0)
    bench.engine.finish()
    assert "remove" not in bench.there.calls
    bench.job(name).listed_s = 0.0
    bench.poll()
    assert (bench.phase(name), bench.record(name).error) == (SUBMITTED, "")


def test_another_copy_that_is_refused_is_refused_once_the_first_is_not_found(bench: Bench) -> None:
    bench.faults["submit"] = "lost-before"
    name = bench.submit()
    bench.poll(1300.0)
    bench.faults["submit"] = "refuse"
    bench.engine.work()
    bench.poll(1300.0)
    assert bench.phase(name) == REFUSED
    assert "Invalid qos" in bench.record(name).error
    assert bench.there.calls.count("submit") == 2


def test_a_wish_while_it_could_not_be_sent_ends_it(bench: Bench) -> None:
    name = bench.engine.accept(request("home_bl_1")).name
    _taken_back_and_not_sent(bench, name)
    assert (bench.phase(name), bench.record(name).ended_s) == (CANCELLED, bench.now)


def test_a_wish_while_it_could_not_be_sent_again_looks_for_the_first_copy(bench: Bench) -> None:
    bench.there.hide_s = lambda: 2400.0
    bench.faults["submit"] = "lost"
    name = bench.submit()
    for _ in range(3):
        bench.poll(700.0)
    _taken_back_and_not_sent(bench, name)
    assert (bench.phase(name), bench.record(name).ended_s) == (CANCELLED, 0.0)
    for _ in range(3):
        bench.now += 300.0
        bench.engine.work()
    assert bench.job(name).ended == "cancelled"


def _taken_back_and_not_sent(bench: Bench, name: str) -> None:
    """HTCondor's wish comes while the request is under way, which then fails."""
    other = bench.another()

    def switch(verb: str) -> str:
        if verb == "submit":
            other.cancel(name)
            return "not-sent"
        return ""

    bench.there.switch = switch
    bench.engine.send([name])
    bench.there.switch = lambda verb: ""


@pytest.mark.parametrize("by", ["work", "wish"])
def test_a_wish_for_a_job_that_nobody_sends_is_carried_out(by: str, bench: Bench) -> None:
    name = bench.engine.accept(request("home_bl_1")).name
    bench.ledger.update(name, (INTENDED,), cancel_wanted=1)
    if by == "work":
        bench.engine.work()
    else:
        bench.engine.wish(name)
    assert (bench.phase(name), bench.record(name).ended_s) == (CANCELLED, bench.now)


def test_taking_back_some_leaves_the_others_to_others(bench: Bench) -> None:
    names = [bench.running(f"home_bl_{number}") for number in range(3)]
    for name in names:
        bench.engine.wish(name)
    bench.engine.take_back({names[1]})
    assert [bool(bench.job(name).ended) for name in names] == [False, True, False]
