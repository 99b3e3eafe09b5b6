# SPDX-License-Identifier: Apache-2.0
"""Rows of squeue and sacct become jobs; strange ones harm nobody."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as any_

from condor_plugins.facility.sfapi_rows import by_id, by_name, jobs_of
from condor_plugins.facility.values import COMPLETED, IDLE, RUNNING, RemoteJob, Wanted

# 2026-01-02T03:04:05 on a clock eight hours behind UTC.
START, START_S = "2026-01-02T03:04:05", 1767351845.0
NOW_S = START_S + 100


def squeue(number: str = "12", state: str = "RUNNING", **values: str) -> dict[str, str]:
    row = {
        "jobid": number,
        "name": "gl-1",
        "state": state,
        "st": "R",
        "user": "alice",
        "nodelist": "",
        "exec_host": "n/a",
        "reason": "None",
        "time": "0:00",
        "start_time": "N/A",
    }
    return row | values


def sacct(state: str, exitcode: str = "0:0", **values: str) -> dict[str, str]:
    row = {
        "jobid": "12",
        "jobname": "gl-1",
        "state": state,
        "exitcode": exitcode,
        "nodelist": "nid1",
        "reason": "None",
        "elapsed": "00:01:40",
        "start": START,
        "end": START,
    }
    return row | values


def only(row: Any) -> RemoteJob:
    (job,) = jobs_of([row], NOW_S)
    return job


def test_a_running_job() -> None:
    job = only(squeue(nodelist="nid[1-2]", time="1-02:03:04", start_time=START))
    wanted = (RUNNING, "RUNNING", "", "nid[1-2]", NOW_S - 93784)
    assert (job.status, job.word, job.reason, job.nodes, job.start_s) == wanted
    assert (job.name, job.id, job.ended, job.exit_code, job.signal) == (
        "gl-1",
        "12",
        "",
        None,
        None,
    )


def test_a_waiting_job_and_its_reason() -> None:
    job = only(squeue(state="PENDING", reason="QOSMaxJobsPerUserLimit", start_time=START))
    assert (job.status, job.reason) == (IDLE, "QOSMaxJobsPerUserLimit")
    assert job.start_s == 0  # nobody knows the machine's time zone


def test_a_job_that_runs_tells_the_time_zone() -> None:
    rows = [
        squeue("1", "PENDING", name="a", start_time="2026-01-02T04:04:05"),
        squeue("2", name="b", time="1:40", start_time=START),
    ]
    first, second = jobs_of(rows, NOW_S)
    assert (first.start_s, second.start_s) == (START_S + 3600, START_S)


@pytest.mark.parametrize(
    ("state", "nodes", "status"),
    [
        ("CONFIGURING", "nid1", IDLE),
        ("COMPLETING", "", RUNNING),
        ("SUSPENDED", "nid1", RUNNING),
        ("REQUEUE_HOLD", "", IDLE),
        ("LAUNCH_FAILED", "nid1", RUNNING),
        ("LAUNCH_FAILED", "(null)", IDLE),
        ("something new", "None assigned", IDLE),
    ],
)
def test_what_is_not_known_to_be_over_lives(state: str, nodes: str, status: int) -> None:
    job = only(squeue(state=state, nodelist=nodes))
    assert (job.status, job.word, job.ended) == (status, state, "")


@pytest.mark.parametrize(
    ("state", "exitcode", "ended", "code", "signal"),
    [
        ("COMPLETED", "0:0", "completed", 0, 0),
        ("FAILED", "3:0", "failed", 3, 0),
        ("FAILED", "0:9", "failed", 0, 9),
        ("CANCELLED by 1001", "0:15", "cancelled", 0, 15),
        ("CANCELLED+", "0:0", "cancelled", 0, 0),
        ("TIMEOUT", "0:0", "time-limit", 0, 0),
        ("DEADLINE", "0:0", "time-limit", 0, 0),
        ("OUT_OF_MEMORY", "0:125", "out-of-memory", 0, 125),
        ("NODE_FAIL", "0:0", "node-failure", 0, 0),
        ("BOOT_FAIL", "", "node-failure", None, None),
        ("PREEMPTED", "x:y", "cancelled", None, None),
        ("REVOKED", "0:0", "cancelled", 0, 0),
    ],
)
def test_how_a_job_ended(
    state: str, exitcode: str, ended: str, code: int | None, signal: int | None
) -> None:
    job = only(sacct(state, exitcode))
    assert (job.status, job.word, job.ended) == (COMPLETED, state, ended)
    assert (job.exit_code, job.signal) == (code, signal)


def test_a_job_that_lives_has_no_exit_code() -> None:
    job = only(sacct("RUNNING"))
    assert (job.exit_code, job.signal, job.start_s) == (None, None, NOW_S - 100)


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        "x",
        {},
        {"jobid": None, "state": None, "name": 17},
        squeue("12.batch"),
        squeue("12_[1-9]"),
        squeue("", name="a"),
        squeue(name=""),
        squeue(state=""),
        squeue() | {"state": {"a": 1}},
    ],
)
def test_a_strange_row_harms_no_other(row: Any) -> None:
    assert [job.id for job in jobs_of([squeue("1"), row, squeue("2")], NOW_S)] == ["1", "2"]


@settings(deadline=None, derandomize=True)
@given(
    any_.dictionaries(any_.sampled_from(sorted(squeue() | sacct("x"))), any_.text() | any_.none())
)
def test_no_row_can_break_the_reading(row: dict[str, Any]) -> None:
    for job in jobs_of([squeue() | row, row], NOW_S):
        assert job.word.isprintable()
        assert job.reason.isprintable()


def test_the_id_that_is_asked_for_wins_over_the_name() -> None:
    jobs = jobs_of([squeue("7"), squeue("12"), squeue("30", name="cut")], NOW_S)
    wanted = [Wanted("gl-1", "12"), Wanted("gl-2", "30"), Wanted("gl-3", "99"), Wanted("gl-4")]
    found = by_id(jobs, wanted)
    assert {name: (job.name, job.id) for name, job in found.items()} == {
        "gl-1": ("gl-1", "12"),
        "gl-2": ("gl-2", "30"),
    }


def test_of_several_jobs_of_one_name_the_oldest_that_lives() -> None:
    rows = [squeue("100"), squeue("20"), squeue("5", "COMPLETED"), squeue("6", name="other")]
    found = by_name(jobs_of(rows, NOW_S), [Wanted("gl-1"), Wanted("absent")])
    assert {name: job.id for name, job in found.items()} == {"gl-1": "20"}
    found = by_name(
        jobs_of([squeue("9", "FAILED"), squeue("5", "FAILED")], NOW_S), [Wanted("gl-1")]
    )
    assert found["gl-1"].id == "5"
