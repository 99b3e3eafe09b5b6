# SPDX-License-Identifier: Apache-2.0
"""A wish to cancel reaches the disk, even if the disk has a bad minute."""

import sqlite3
import time
from types import SimpleNamespace
from typing import cast

import pytest

from condor_plugins.gateway import carrying
from condor_plugins.gateway.carrying import Carrying
from condor_plugins.gateway.gahp import Request
from condor_plugins.gateway.opening import Opened
from condor_plugins.gateway.promises import Promises
from condor_plugins.gateway.values import SUBMITTED, Record

ASKED = Request("BLAH_JOB_CANCEL", 5, ("nersc/20260101/7",))
LOCKED = sqlite3.OperationalError("database is locked")


class Desk:
    """A ledger that fails as long as `problem` is set; `results` are what HTCondor got."""

    def __init__(self) -> None:
        self.problem: Exception | None = LOCKED
        self.results: list[str] = []
        self.promises = Promises(self.results.append)
        self.carrying = Carrying(self.promises, lambda: cast(Opened, SimpleNamespace(engine=self)))
        self.promises.make(ASKED, time.monotonic())

    def wish(self, handle: str) -> Record:
        if self.problem:
            raise self.problem
        return Record(f"gl-{handle}", "key", handle, SUBMITTED, "", cancel_wanted=1)


def test_a_wish_that_cannot_be_written_down_is_tried_again() -> None:
    desk = Desk()
    assert desk.carrying.write(ASKED) is None
    desk.problem = None
    assert desk.carrying.write(ASKED) == "gl-7"
    assert desk.promises.name(ASKED.reqid) == "gl-7"


def test_a_wish_that_was_answered_with_an_error_is_written_down_all_the_same() -> None:
    desk = Desk()
    assert desk.carrying.write(ASKED) is None
    (promise,) = desk.promises.since(time.monotonic())
    desk.carrying.overdue(promise)
    assert desk.results[0].startswith("5 1 ")
    assert desk.carrying.write(ASKED) is None
    desk.problem = None
    assert desk.carrying.write(ASKED) == "gl-7"
    assert len(desk.results) == 1


def test_a_wish_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "LAST_S", 0.0)
    desk = Desk()
    assert desk.carrying.write(ASKED) is None, "it is not answered yet"
    desk.promises.keep(ASKED.reqid, "5 1 error")
    with pytest.raises(sqlite3.OperationalError):
        desk.carrying.write(ASKED)
