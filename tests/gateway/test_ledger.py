# SPDX-License-Identifier: Apache-2.0
"""The ledger: all of a change or nothing of it, one winner, and a copy in memory that follows."""

import multiprocessing
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from condor_plugins.gateway.ledger import Ledger
from condor_plugins.gateway.memory import Memory
from condor_plugins.gateway.values import CANCELLED, DONE, INTENDED, SENT, SUBMITTED, Record


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "state" / "ledger.sqlite")
    yield made
    made.close()


def record(name: str, **changes: object) -> Record:
    made = Record(name=name, key=f"key of {name}", handle=name, phase=INTENDED, request="[]")
    return made._replace(**changes)  # type: ignore[arg-type]


def add(ledger: Ledger, *records: Record) -> None:
    with ledger.transaction() as rows:
        for one in records:
            rows.insert(one)


def test_a_record_comes_back_as_it_went_in(ledger: Ledger) -> None:
    whole = record("a", remote_id="7", remote='["ä\'"]', told=3, made_s=1.5, sends=2)
    add(ledger, whole)
    assert ledger.get("a") == whole
    assert Ledger(ledger.path).of_key("key of a") == [whole]
    for handle in ("a", "7"):
        assert ledger.find(handle) == whole
    assert ledger.find("' OR 1=1 --") is None


def test_only_this_account_may_read_it(ledger: Ledger) -> None:
    add(ledger, record("a"))
    assert ledger.path.parent.stat().st_mode & 0o777 == 0o700
    for path in ledger.path.parent.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_change_needs_its_phase(ledger: Ledger) -> None:
    add(ledger, record("a"))
    assert not ledger.update("a", (SENT, SUBMITTED), remote_id="1")
    assert ledger.update("a", (INTENDED,), phase=SENT, sent_s=5.0)
    assert not ledger.update("a", (INTENDED,), phase=SENT, sent_s=6.0)
    assert ledger.get("a") == record("a", phase=SENT, sent_s=5.0)
    with pytest.raises(TypeError, match="colour"):
        ledger.update("a", (SENT,), colour="red")


def test_what_breaks_off_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(KeyboardInterrupt), ledger.transaction() as rows:
        rows.insert(record("a"))
        rows.set_fact("x", "1")
        raise KeyboardInterrupt
    assert (ledger.get("a"), ledger.fact("x")) == (None, "")
    add(ledger, record("a"))
    assert ledger.get("a")


def claim(path: str, number: int) -> None:
    ledger = Ledger(Path(path))
    for name in range(20):
        with ledger.transaction() as rows:
            if rows.update(f"job {name}", (INTENDED,), phase=SENT, hint=str(number)):
                rows.set_fact(f"{name}:{number}", "won")


def test_one_process_of_many_wins_a_claim(ledger: Ledger) -> None:
    add(ledger, *(record(f"job {name}") for name in range(20)))
    spawn = multiprocessing.get_context("spawn")
    them = [spawn.Process(target=claim, args=(str(ledger.path), number)) for number in range(3)]
    for one in them:
        one.start()
    for one in them:
        one.join(30)
        assert one.exitcode == 0
    won = ledger.connect().execute("SELECT count(*) FROM facts WHERE value = 'won'").fetchone()[0]
    assert won == 20


def test_threads_do_not_get_in_each_others_way(ledger: Ledger) -> None:
    def work(number: int) -> None:
        for turn in range(10):
            add(ledger, record(f"{number}.{turn}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(ledger.rows("")) == 200


def test_memory_follows_this_and_other_processes(ledger: Ledger) -> None:
    memory, other = Memory(ledger), Ledger(ledger.path)
    assert memory.records() == []
    add(ledger, record("a"))
    add(other, record("b"))
    assert {one.name for one in memory.records()} == {"a", "b"}
    other.update("a", (INTENDED,), phase=SUBMITTED, remote_id="17", handle="17")
    assert memory.find("17") == memory.find("a") == ledger.get("a")
    other.update("a", (SUBMITTED,), phase=DONE)
    found = memory.find("17")
    assert found and found.phase == DONE, "there is still something to clean up"
    other.update("a", (DONE,), cleaned=1)
    assert memory.find("17") is memory.find("a") is None
    assert [one.name for one in memory.records()] == ["b"]
    other.close()


def test_memory_begins_with_what_is_open(ledger: Ledger) -> None:
    add(ledger, record("a"), record("b", phase=DONE, cleaned=1), record("c", phase=CANCELLED))
    memory = Memory(ledger)
    assert {one.name for one in memory.records()} == {"a", "c"}


def test_memory_does_not_read_what_did_not_change(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(ledger, record("a"))
    memory = Memory(ledger)
    assert memory.find("a") is None, "a single question does not fill it"
    memory.records()

    def never(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(Ledger, "changed", never)
    assert memory.find("a")
    assert memory.records()


def test_an_older_ledger_gets_the_columns_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    fields = [name for name in Record._fields if name not in {"sends", "published"}]
    old = sqlite3.connect(path)
    old.execute(f"CREATE TABLE jobs ({', '.join(fields)}, change INTEGER, PRIMARY KEY (name))")
    values = dict(record("a")._asdict())
    marks = ", ".join("?" * len(fields))
    old.execute(f"INSERT INTO jobs VALUES ({marks}, 0)", [values[name] for name in fields])  # noqa: S608
    old.commit()
    old.close()
    ledger = Ledger(path)
    assert ledger.get("a") == record("a")
    assert ledger.update("a", (INTENDED,), sends=4)
    ledger.close()
