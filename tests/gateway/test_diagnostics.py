# SPDX-License-Identifier: Apache-2.0
"""What people see of a pilot's job and of a facility."""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import htcondor2
import pytest

from condor_plugins.core.errors import TryAgain
from condor_plugins.gateway.diagnostics import Diagnostics, attributes, job_of
from condor_plugins.gateway.engine import Engine
from condor_plugins.gateway.ledger import Ledger
from condor_plugins.gateway.opening import Opened
from condor_plugins.gateway.values import FacilityState, Record
from condor_plugins.pool.job_ads import JobAds
from tests.gateway.fake_backend import FakeBackend, facility, request

KEY = "home_bl_cm.example_9618_ap.example_{}_1763740000"
LOG = logging.getLogger("condor_plugins.gateway.test")


class Queue:
    """The schedd's JobAds; `gone`: jobs that have left it."""

    name = "ap.example"

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.edits = 0
        self.gone: set[str] = set()

    def set(self, jobs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        for job, values in jobs.items():
            if job not in self.gone:
                self.edits += len(values)
                self.jobs.setdefault(job, {}).update(values)
        return {job: "no such job" for job in jobs if job in self.gone}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    site = facility(poll_s=0.001)
    backend = FakeBackend(site, time.time)
    ledger = Ledger(tmp_path / "ledger.sqlite")
    yield Opened(site, tmp_path, backend, Engine(site, backend, ledger), ledger)
    ledger.close()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 20.0  # each look is late enough for the next telling
        return self.now


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def diagnostics(queue: Queue) -> Diagnostics:
    return Diagnostics(lambda: queue, Clock())  # type: ignore[arg-type, return-value]


def submit(opened: Opened, *jobs: str) -> None:
    names = [opened.engine.accept(request(KEY.format(job))).name for job in jobs]
    opened.engine.send(names)
    opened.engine.poll(force=True)


def test_a_pilot_s_job_shows_what_the_facility_says(
    opened: Opened, queue: Queue, diagnostics: Diagnostics
) -> None:
    submit(opened, "12.3")
    diagnostics.tell(opened, LOG)
    assert queue.jobs["12.3"]["GlideinRemoteId"] == "1000"
    assert queue.jobs["12.3"]["GlideinRemoteState"] == "PENDING"
    edits = queue.edits
    diagnostics.tell(opened, LOG)
    assert queue.edits == edits, "nothing has changed"
    (job,) = opened.backend.jobs  # type: ignore[attr-defined]
    job.word, job.status, job.start_s = "RUNNING", 2, 1763740100.7
    opened.engine.poll(force=True)
    diagnostics.tell(opened, LOG)
    assert queue.jobs["12.3"]["GlideinRemoteState"] == "RUNNING"
    assert queue.jobs["12.3"]["GlideinRemoteStart"] == 1763740100
    assert queue.edits == edits + 2, "only what has changed"


def test_another_process_does_not_tell_it_again(
    opened: Opened, queue: Queue, diagnostics: Diagnostics
) -> None:
    submit(opened, "12.3")
    diagnostics.tell(opened, LOG)
    again = Queue()
    Diagnostics(lambda: again, Clock()).tell(opened, LOG)  # type: ignore[arg-type, return-value]
    assert again.edits == 0


def test_a_job_that_left_the_queue_keeps_nobody_from_being_told(
    opened: Opened, queue: Queue, diagnostics: Diagnostics
) -> None:
    queue.gone = {"12.3"}
    submit(opened, "12.3", "12.4")
    diagnostics.tell(opened, LOG)
    assert set(queue.jobs) == {"12.4"}
    queue.gone = set()
    diagnostics.tell(opened, LOG)
    assert set(queue.jobs) == {"12.4"}, "not at once again"


def test_without_a_schedd_the_file_is_written_all_the_same(opened: Opened) -> None:
    def none() -> JobAds:
        raise TryAgain("no schedd here")

    submit(opened, "12.3")
    Diagnostics(none, Clock()).tell(opened, LOG)
    found = json.loads((opened.directory / "facility-state.json").read_text(encoding="utf-8"))
    assert found["name"] == "nersc"
    assert found["jobs"] == {"submitted": 1}
    assert set(FacilityState._fields) <= set(found)
    assert (opened.directory / "facility-state.json").stat().st_mode & 0o777 == 0o600


def test_the_end_of_the_credential_stands_in_each_pilot_s_ad() -> None:
    record = Record("gl-1", KEY.format("1.0"), "7", "submitted", "{}")
    known = attributes(record, FacilityState(credential_expires_s=1_795_000_000.9))
    assert known["GlideinCredentialExpires"] == 1_795_000_000
    assert attributes(record, FacilityState())["GlideinCredentialExpires"] is None


def test_the_facility_s_trouble_is_shown_where_it_matters() -> None:
    trouble = FacilityState(error="503 maintenance")
    waiting = Record("gl", "k", "h", "intended", "")
    assert attributes(waiting, trouble)["GlideinFacilityError"] == "503 maintenance"
    assert attributes(waiting, trouble)["GlideinRemoteState"] == "not sent yet"
    running = Record("gl", "k", "h", "submitted", "", remote=json.dumps(["gl", "1", 2, "RUNNING"]))
    assert attributes(running, trouble)["GlideinFacilityError"] is None


@pytest.mark.parametrize(
    ("key", "schedd", "job"),
    [
        (KEY.format("12.3"), "ap.example", "12.3"),
        ("home_bl_cm_9618_schedd2_ap.example_12.3_17", "schedd2@ap.example", "12.3"),
        (KEY.format("12.3"), "other.example", ""),
        ("home_bl_0123456789abcdef", "ap.example", ""),
        ("", "ap.example", ""),
        (KEY.format("12.3") + "; rm", "ap.example", ""),
    ],
)
def test_the_job_is_in_the_key(key: str, schedd: str, job: str) -> None:
    assert job_of(key, schedd) == job


class Schedd:
    """htcondor2's; an edit of several jobs fails if one of them is gone."""

    def __init__(self) -> None:
        self.edits: list[tuple[Any, ...]] = []

    def edit(self, *arguments: Any) -> None:
        if "9.9" in arguments[0]:
            raise htcondor2.HTCondorException("Unable to edit jobs")
        self.edits.append(arguments)


def test_one_edit_serves_all_jobs_with_the_same_value() -> None:
    ads = object.__new__(JobAds)
    schedd = ads._schedd = Schedd()
    same = {"GlideinRemoteState": 'a "b" \\', "GlideinRemoteNodes": None}
    failed = ads.set({"1.0": same, "1.1": {**same, "GlideinRemoteStart": 17}})
    assert failed == {}
    found = [one[:3] for one in schedd.edits]
    assert (["1.0", "1.1"], "GlideinRemoteState", '"a \\"b\\" \\\\"') in found
    assert (["1.0", "1.1"], "GlideinRemoteNodes", "undefined") in found
    assert (["1.1"], "GlideinRemoteStart", "17") in found


def test_a_job_that_is_gone_fails_alone() -> None:
    ads = object.__new__(JobAds)
    schedd = ads._schedd = Schedd()
    value: dict[str, str | int | None] = {"GlideinRemoteState": "RUNNING", "GlideinRemoteStart": 5}
    failed = ads.set({"1.0": value, "9.9": value})
    assert list(failed) == ["9.9"]
    assert [one[0] for one in schedd.edits] == [["1.0"], ["1.0"]]


def test_a_schedd_that_does_not_answer_is_asked_once() -> None:
    ads, tries = object.__new__(JobAds), []

    class Silent:
        def edit(self, *arguments: Any) -> None:
            tries.append(arguments)
            raise htcondor2.HTCondorException("Failed to connect to schedd.")

    ads._schedd = Silent()
    value: dict[str, str | int | None] = {"GlideinRemoteState": "RUNNING", "GlideinRemoteStart": 5}
    failed = ads.set({"1.0": value, "1.1": value})
    assert (set(failed), len(tries)) == ({"1.0", "1.1"}, 1)
