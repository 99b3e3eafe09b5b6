# SPDX-License-Identifier: Apache-2.0
"""One thing that fails does not stop the others: jobs apart, and the steps of a round apart."""

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from condor_plugins.gateway import working
from condor_plugins.gateway.opening import Opened
from condor_plugins.gateway.script import render
from condor_plugins.gateway.values import CANCELLED, DONE, INTENDED, REFUSED, SUBMITTED
from tests.gateway.engine_bench import Bench
from tests.gateway.fake_backend import request


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "state" / "ledger.sqlite")
    yield made
    made.ledger.close()


def broken(*_: object) -> NoReturn:
    raise LookupError("nobody foresaw this")


@pytest.mark.parametrize(("verb", "fault"), [("put", "rejected"), ("submit", "not-sent")])
def test_what_cannot_be_sent_stops_nothing_else(bench: Bench, verb: str, fault: str) -> None:
    ended, unwanted = bench.running("home_bl_1"), bench.running("home_bl_2")
    bench.faults = {verb: fault, "cancel": "no-news"}
    bench.now += 3600.0  # the directory of jobs is made anew
    waiting = bench.submit("home_bl_3")
    assert bench.phase(waiting) == INTENDED and bench.record(waiting).error
    assert not bench.engine.cancel(unwanted)
    del bench.faults["cancel"]
    bench.there.end(bench.job(ended), "completed", 0)
    bench.engine = bench.another()  # without this one's own waits
    bench.engine.work()
    assert [bench.phase(one) for one in (ended, unwanted, waiting)] == [DONE, CANCELLED, INTENDED]
    assert bench.record(ended).cleaned == 1
    assert bench.engine.state().wait_until_s == 0.0


def test_a_cancel_without_an_answer_is_tried_again_soon_but_not_at_once(bench: Bench) -> None:
    name = bench.running()
    bench.faults["cancel"] = "no-news"
    bench.engine.cancel(name)
    bench.engine.work()
    assert bench.there.calls.count("cancel") == 1
    bench.now += 5.0
    bench.engine.work()
    assert bench.there.calls.count("cancel") == 2


def test_a_step_that_fails_does_not_stop_the_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = bench.engine.accept(request("home_bl_1")).name
    for verb in ("states", "credential", "remove", "cancel"):
        monkeypatch.setattr(bench.there, verb, broken)
    assert bench.engine.work() >= 5.0
    assert bench.phase(name) == SUBMITTED
    bench.now += 61.0
    assert bench.engine.work() >= 5.0


def test_a_job_that_fails_unforeseen_fails_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [bench.running(f"home_bl_{number}") for number in range(3)]
    bench.ledger.update(names[0], (SUBMITTED,), remote="{damaged")
    for name in names[1:]:
        bench.there.end(bench.job(name), "completed", 0)
    get = bench.there.get

    def of_others(path: str, most_bytes: int) -> bytes | None:
        return broken() if names[1] in path else get(path, most_bytes)

    monkeypatch.setattr(bench.there, "get", of_others)
    bench.job(names[2]).exit_code = None
    bench.job(names[1]).exit_code = None
    bench.poll()
    bench.engine.work()
    assert [bench.phase(one) for one in names] == [SUBMITTED, "ended", DONE]
    assert bench.record(names[2]).cleaned == 1


def test_a_job_that_cannot_be_prepared_is_refused_alone(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def choosy(asked: object, *others: object) -> object:
        return broken() if "bad" in str(asked) else render(asked, *others)  # type: ignore[arg-type]

    monkeypatch.setattr("condor_plugins.gateway.sending.render", choosy)
    bench.there.most_at_once = 10
    names = [bench.engine.accept(request(key)).name for key in ("home_bl_bad", "home_bl_2")]
    bench.engine.send(names)
    assert [bench.phase(one) for one in names] == [REFUSED, SUBMITTED]
    assert "nobody foresaw this" in bench.record(names[0]).error


def test_nothing_to_do_is_no_reason_to_look_all_the_time(bench: Bench) -> None:
    assert bench.engine.work() == 60.0
    name = bench.running()
    assert bench.engine.work() == 60.0
    bench.end(name)
    bench.engine.work()
    bench.now += 600.0
    assert bench.engine.work() == 60.0


def opened(bench: Bench) -> Opened:
    return Opened(bench.site, bench.ledger.path.parent, bench.there, bench.engine, bench.ledger)


def test_a_working_process_has_a_successor_when_its_time_is_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(working, "go_on", begun.append)
    monkeypatch.setattr(working, "_AGAIN_S", 0.1)
    name = bench.running()
    working.work(opened(bench), 0.3)
    assert begun == [], "to ask how jobs are is left to status scripts"
    bench.end(name)
    bench.faults["remove"] = "no-news"
    working.work(opened(bench), 0.3)
    assert bench.phase(name) == DONE
    assert begun == ["nersc"], "its files are still there"
    bench.faults.clear()
    bench.now += 3600.0
    working.work(opened(bench), 0.3)
    assert (len(begun), bench.record(name).cleaned) == (1, 1)


def test_diagnostics_that_fail_do_not_end_a_working_process(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(working, "go_on", begun.append)
    monkeypatch.setattr(working, "_AGAIN_S", 0.1)
    monkeypatch.setattr("condor_plugins.gateway.diagnostics.Diagnostics.tell", broken)
    bench.engine.accept(request("home_bl_1"))
    working.work(opened(bench), 0.3)
    assert begun == ["nersc"]


def test_a_working_process_ends_when_its_ledger_is_taken_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(working, "go_on", begun.append)
    bench.engine.accept(request("home_bl_1"))
    bench.ledger.path.unlink()
    working.work(opened(bench), 30.0)
    assert begun == bench.there.calls == []
