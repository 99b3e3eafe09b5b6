# SPDX-License-Identifier: Apache-2.0
"""The end of a job: how it is told, and what comes back before that."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from condor_plugins.facility.values import COMPLETED, RUNNING, NoAccess, Rejected
from condor_plugins.gateway.script import place_of
from condor_plugins.gateway.values import DONE
from tests.gateway.engine_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "state" / "ledger.sqlite")
    yield made
    made.ledger.close()


ENDINGS = [
    ("completed", 0, None, {"ExitBySignal": False, "ExitCode": 0}, "ended by itself"),
    ("failed", 3, None, {"ExitBySignal": False, "ExitCode": 3}, "failed"),
    ("failed", 0, 9, {"ExitBySignal": True, "ExitSignal": 9}, "failed"),
    ("cancelled", None, 15, {"ExitBySignal": True, "ExitSignal": 15}, "cancelled at the facility"),
    ("time-limit", None, None, {"ExitBySignal": False, "ExitCode": 1}, "time limit"),
    ("time-limit", 0, None, {"ExitBySignal": False, "ExitCode": 1}, "time limit"),
    ("out-of-memory", 137, None, {"ExitBySignal": False, "ExitCode": 137}, "too much memory"),
    ("node-failure", None, None, {"ExitBySignal": False, "ExitCode": 1}, "node failed"),
]


@pytest.mark.parametrize("ending", ENDINGS)
def test_endings_are_told_apart(
    bench: Bench, ending: tuple[str, int | None, int | None, dict[str, object], str]
) -> None:
    ended, code, number, exit_as, words = ending
    name = bench.running()
    bench.job(name).start_s = bench.now - 100.0
    bench.there.end(bench.job(name), ended, code, number)
    bench.poll(60.0)
    assert bench.engine.answer(name).status == RUNNING, "its files are not here yet"
    assert bench.engine.finish() == 1
    status, attributes = bench.engine.answer(name)
    assert status == COMPLETED
    assert exit_as.items() <= attributes.items()
    assert words in str(attributes["ExitReason"]) and ended.upper() in str(attributes["ExitReason"])
    assert attributes["RemoteWallClockTime"] == 160.0


def test_the_exit_code_comes_from_the_job_where_the_facility_tells_none(bench: Bench) -> None:
    name = bench.running()
    bench.there.end(bench.job(name), "failed", 42)
    bench.job(name).exit_code = None
    bench.poll()
    bench.engine.finish()
    assert bench.engine.answer(name).attributes["ExitCode"] == 42


def test_a_pilot_that_was_told_to_leave_says_how_it_left(bench: Bench) -> None:
    name = bench.running()
    bench.there.files[f"{place_of(bench.site, name).control}/rc"] = b"70\n"
    bench.end(name, "time-limit", 0)
    bench.engine.finish()
    assert bench.engine.answer(name).attributes["ExitCode"] == 70


def test_a_facility_that_wants_to_be_left_alone_is_not_asked_for_files(bench: Bench) -> None:
    name = bench.running()
    bench.end(name, "failed", None)
    bench.faults["get"], bench.there.retry_after_s = "no-news", 300.0
    bench.engine.finish()
    asked = len(bench.there.calls)
    bench.now += 299.0
    bench.engine.work()
    assert len(bench.there.calls) == asked
    bench.faults.clear()
    bench.now += 60.0
    bench.engine.work()
    assert bench.engine.answer(name).status == COMPLETED


def test_files_come_before_the_end_is_told_and_then_all_is_removed(
    bench: Bench, tmp_path: Path
) -> None:
    name = bench.running(
        stdout=f"{tmp_path}/out", stderr=f"{tmp_path}/err", outputs=(("a b", f"{tmp_path}/a"),)
    )
    bench.there.files[f"{place_of(bench.site, name).directory}/a b"] = b"\x00\xfe"
    bench.there.files[place_of(bench.site, name).log] = b"log"
    bench.end(name)
    bench.faults["get"] = "no-news"
    tries = []
    for _ in range(200):
        before = bench.there.calls.count("get")
        bench.engine.finish()
        tries.append(bench.there.calls.count("get") > before)
        bench.now += 10.0
    assert bench.engine.answer(name).status == RUNNING
    assert 5 <= sum(tries) <= 10, "waits grow"
    bench.faults.clear()
    bench.now += 700.0
    assert bench.engine.finish() == 1
    assert bench.engine.answer(name).status == COMPLETED
    assert (tmp_path / "out").read_bytes() == b"output of 1000\n"
    assert (tmp_path / "err").read_bytes() == b"\x00\xff binary"
    assert (tmp_path / "a").read_bytes() == b"\x00\xfe"
    assert bench.there.root_files() == []
    assert bench.record(name).cleaned == 1


@pytest.mark.parametrize("no", [NoAccess("the secret has run out"), Rejected("403 no such right")])
def test_a_credential_is_waited_for_before_and_after_the_end(
    bench: Bench, tmp_path: Path, no: Rejected, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = bench.running(stdout=f"{tmp_path}/out")
    bench.end(name)

    def refuse(*_: object) -> None:
        raise no

    with monkeypatch.context() as mended:
        mended.setattr(bench.there, "get", refuse)
        for _ in range(5):
            bench.now += 700.0
            assert bench.engine.finish() == 0
    bench.now += 700.0
    with monkeypatch.context() as mended:
        mended.setattr(bench.there, "remove", refuse)
        for _ in range(5):
            bench.engine.work()
            bench.now += 4000.0
        assert (bench.phase(name), bench.record(name).cleaned) == (DONE, 0)
        assert (tmp_path / "out").exists() and bench.there.root_files()
        assert bench.engine.unfinished()
    bench.engine.work()
    assert (bench.record(name).cleaned, bench.there.root_files()) == (1, [])
    assert not bench.engine.unfinished()


def test_what_is_never_allowed_ends_after_three_days(bench: Bench, tmp_path: Path) -> None:
    name = bench.running(stdout=f"{tmp_path}/out")
    bench.end(name)
    bench.faults = {"get": "rejected", "remove": "rejected"}
    bench.engine.finish()
    bench.now += 3 * 86400.0
    bench.engine.finish()
    assert (bench.phase(name), bench.record(name).cleaned) == (DONE, 1)


def test_one_that_cannot_be_removed_does_not_keep_the_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [bench.running(f"home_bl_{number}") for number in range(3)]
    for name in names:
        bench.end(name)
    remove = bench.there.remove

    def not_this(paths: Sequence[str]) -> None:
        if any(names[1] in path for path in paths):
            raise Rejected("403 Forbidden: not your file")
        remove(paths)

    monkeypatch.setattr(bench.there, "remove", not_this)
    bench.engine.finish()
    assert [bench.record(name).cleaned for name in names] == [1, 0, 1]


def test_files_that_may_not_be_fetched_do_not_hold_up_the_end(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = bench.running(stdout=f"{tmp_path}/out")
    bench.end(name)
    get = bench.there.get

    def of_others(path: str, most_bytes: int) -> bytes | None:
        if name in path:
            raise Rejected("403 Forbidden: not your file")
        return get(path, most_bytes)

    monkeypatch.setattr(bench.there, "get", of_others)
    assert bench.engine.finish() == 1
    reason = bench.engine.answer(name).attributes["ExitReason"]
    assert "cannot be fetched: 403 Forbidden" in str(reason)


def test_a_directory_that_is_gone_here_is_said(bench: Bench, tmp_path: Path) -> None:
    name = bench.running(stdout=f"{tmp_path}/gone/out")
    bench.end(name)
    assert bench.engine.finish() == 1
    assert "cannot be written" in str(bench.engine.answer(name).attributes["ExitReason"])


def test_a_facility_that_moves_no_files_is_not_asked_for_any(bench: Bench, tmp_path: Path) -> None:
    bench.there.keeps_files = False
    name = bench.running(stdout=f"{tmp_path}/out")
    bench.end(name)
    bench.engine.work()
    assert "moves no files" in str(bench.engine.answer(name).attributes["ExitReason"])
    assert {"put", "get", "remove"}.isdisjoint(bench.there.calls)


@pytest.mark.parametrize(("log", "made"), [(False, 1), (True, 0)])
def test_a_job_that_left_nothing_casts_doubt_on_the_directory(
    bench: Bench, log: bool, made: int
) -> None:
    name = bench.submit()
    if log:
        bench.there.files[place_of(bench.site, name).log] = b"slurmstepd: error\n"
    bench.end(name, "failed", 1)
    bench.engine.finish()
    puts = bench.there.calls.count("put")
    bench.submit("home_bl_2")
    assert bench.there.calls.count("put") - puts == made


def test_a_store_that_lost_a_file_is_filled_again(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(os.urandom(9000))
    (tmp_path / "large").chmod(0o644)
    inputs = (f"{tmp_path}/large",)
    name = bench.running(inputs=inputs)
    stored = {path for path in bench.there.files if "/store/" in path}
    for path in stored:
        del bench.there.files[path]
    error = f"{place_of(bench.site, name).control}/error"
    bench.there.files[error] = b"deadbeef is not in the store\n"
    bench.end(name, "failed", 76)
    bench.engine.finish()
    assert "deadbeef is not in" in str(bench.engine.answer(name).attributes["ExitReason"])
    bench.submit("home_bl_2", inputs=inputs)
    assert {path for path in bench.there.files if "/store/" in path} == stored
