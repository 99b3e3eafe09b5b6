# SPDX-License-Identifier: Apache-2.0
"""The Superfacility API as a backend: what is known of jobs, and what is no knowledge."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from condor_plugins.facility.sfapi import Sfapi
from condor_plugins.facility.values import COMPLETED, IDLE, RUNNING, NoNews, Wanted
from tests.facility.sfapi_service import JOBS, OK, Bench, ended, failed, row, serving, task
from tests.facility.web_player import Said, said

BUSY = "sbatch: error: Batch job submission failed: "


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with serving(tmp_path, monkeypatch) as made:
        yield made


def test_one_question_tells_all_that_live(bench: Bench) -> None:
    bench.service.queue(
        row("1", "gl-1"), {"jobid": None}, row("2", "gl-2", "PENDING", nodelist=""), row("3", "x")
    )
    wanted = [Wanted("gl-1", "1"), Wanted("gl-2")]
    for _ in range(2):
        found = bench.nersc.states(wanted)
        assert {name: (job.id, job.status) for name, job in found.items()} == {
            "gl-1": ("1", RUNNING),
            "gl-2": ("2", IDLE),
        }
    lists = bench.player.asked("GET", JOBS)
    assert [one.query for one in lists] == [
        {"sacct": "false", "cached": "false", "kwargs": "user=alice"}
    ] * 2
    assert len(bench.player.heard) == 3  # the account's name is asked for once
    assert bench.nersc.states([]) == {}
    assert len(bench.player.heard) == 3


def test_another_secret_may_be_another_account(bench: Bench) -> None:
    secret = bench.state_dir / "key"
    bench.service.queue()
    for name in ("alice", "bob"):
        secret.write_text(name)
        bench.service.plays["GET /account/"] = said({"name": name})
        made = Sfapi(bench.facility._replace(secret=str(secret)), bench.state_dir)
        made.states([Wanted("gl-1", "1")])
    users = [
        one.query["kwargs"]
        for one in bench.player.asked("GET", JOBS)
        if one.query["sacct"] == "false"
    ]
    assert users == ["user=alice", "user=bob"]


def test_who_left_squeue_is_asked_of_sacct(bench: Bench) -> None:
    bench.service.queue(
        row("1", "gl-1"),
        ended=[ended("2", "gl-2", "FAILED", "3:0"), ended("3", "gl-3", "CANCELLED by 1", "0:15")],
    )
    found = bench.nersc.states([Wanted(f"gl-{one}", str(one)) for one in range(1, 5)])
    assert sorted(found) == ["gl-1", "gl-2", "gl-3"]
    assert (found["gl-2"].status, found["gl-2"].ended, found["gl-2"].exit_code) == (
        COMPLETED,
        "failed",
        3,
    )
    assert (found["gl-3"].ended, found["gl-3"].signal) == ("cancelled", 15)
    asked = [one.query["kwargs"] for one in bench.player.asked("GET", JOBS)]
    assert asked == ["user=alice", "jobid=2,3,4"]


def test_many_ids_are_asked_in_parts(bench: Bench) -> None:
    bench.service.queue()
    assert bench.nersc.states([Wanted(f"gl-{one}", str(one)) for one in range(450)]) == {}
    assert len(bench.player.asked("GET", JOBS)) == 4


def test_what_is_in_both_lives_until_squeue_lets_go(bench: Bench) -> None:
    accounts = [ended("1", "gl-1", "COMPLETED"), ended("2", "gl-2", "COMPLETED", "4:0")]
    bench.service.queue(
        row("1", "gl-1", "COMPLETING"), row("2", "gl-2", "COMPLETED"), ended=accounts
    )
    found = bench.nersc.states([Wanted("gl-1", "1"), Wanted("gl-2", "2")])
    assert (found["gl-1"].status, found["gl-1"].word) == (RUNNING, "COMPLETING")
    assert (found["gl-2"].status, found["gl-2"].exit_code) == (COMPLETED, 4)


@pytest.mark.parametrize(
    "accounts", [failed("slurmdbd is down"), [], [ended("2", "gl-2", "RUNNING")]]
)
def test_an_end_in_squeue_counts_without_sacct(accounts: Any, bench: Bench) -> None:
    bench.service.queue(row("2", "gl-2", "FAILED"), ended=accounts)
    job = bench.nersc.states([Wanted("gl-2", "2")])["gl-2"]
    assert (job.status, job.ended, job.exit_code) == (COMPLETED, "failed", None)


def test_without_sacct_nobody_is_lost(bench: Bench) -> None:
    bench.service.queue(row("1", "gl-1"), ended=failed("slurmdbd is down"))
    found = bench.nersc.states([Wanted("gl-1", "1"), Wanted("gl-2", "2")])
    assert found["gl-1"].word == "RUNNING"
    assert (found["gl-2"].status, found["gl-2"].word, found["gl-2"].id) == (RUNNING, "UNKNOWN", "2")
    assert "slurmdbd is down" in found["gl-2"].reason
    with pytest.raises(NoNews, match="slurmdbd"):
        bench.nersc.states([Wanted("gl-3")])


@pytest.mark.parametrize(
    "answer",
    [
        failed("slurm_load_jobs error"),
        said({"status": "ERROR", "output": None, "error": None}),
        said({**OK, "output": None}),
        said([]),
        said({}, 500),
        said({}, 503),
        Said(b'{"status": "OK", "output": ['),
        Said(silent=True),
    ],
)
def test_no_answer_is_no_empty_queue(answer: Said, bench: Bench) -> None:
    bench.service.queue()
    bench.service.plays["GET /compute/jobs/perlmutter"] = answer
    with pytest.raises(NoNews):
        Sfapi(bench.facility._replace(timeout_s=0.3), bench.state_dir).states([Wanted("gl-1", "1")])


def test_a_name_alone_is_looked_for_everywhere(bench: Bench) -> None:
    bench.service.queue(row("20", "gl-1"), row("7", "gl-1"), ended=[ended("9", "gl-2", "TIMEOUT")])
    found = bench.nersc.states([Wanted("gl-1"), Wanted("gl-2"), Wanted("gl-3")])
    assert {name: (job.id, job.ended) for name, job in found.items()} == {
        "gl-1": ("7", ""),
        "gl-2": ("9", "time-limit"),
    }
    # Two rows of the query have one name, so the last is what the parser of the player keeps.
    assert [one.query["kwargs"] for one in bench.player.asked("GET", JOBS)] == [
        "user=alice",
        "name=gl-2,gl-3",
    ]


def test_the_id_wins_over_the_name(bench: Bench) -> None:
    bench.service.queue(row("7", "gl-1"), row("20", "gl-1"))
    assert bench.nersc.states([Wanted("gl-1", "20")])["gl-1"].id == "20"
    bench.service.queue(row("7", "gl-1"), ended=[ended("20", "gl-1", "COMPLETED")])
    assert bench.nersc.states([Wanted("gl-1", "20")])["gl-1"].ended == "completed"
    bench.service.queue(row("7", "gl-1"))
    assert bench.nersc.states([Wanted("gl-1", "20")])["gl-1"].id == "7"


HINTS: list[tuple[Said, tuple[str, str] | None]] = [
    (task({"status": "ok", "jobid": "5"}), ("5", "SUBMITTED")),
    (task(None, "new"), ("task.t1", "SUBMITTING")),
    (said({}, 500), ("task.t1", "UNKNOWN")),
    (task({"status": "error", "error": BUSY}), None),
    (said({"detail": "Not found"}, 404), None),
    (Said(b"<html>404</html>", 404), ("task.t1", "UNKNOWN")),
]


@pytest.mark.parametrize(("answer", "wanted"), HINTS)
def test_a_hint_leads_to_the_job(
    answer: Said, wanted: tuple[str, str] | None, bench: Bench
) -> None:
    bench.service.queue()
    bench.service.plays["GET /tasks/t1"] = answer
    for one in (Wanted("gl-1", "", "t1"), Wanted("gl-1", "task.t1", "")):
        found = bench.nersc.states([one])
        got = {name: (job.id, job.word) for name, job in found.items()}
        assert got == ({"gl-1": wanted} if wanted else {})


def test_a_hint_leads_to_a_job_that_has_ended(bench: Bench) -> None:
    bench.service.queue(ended=[ended("98765", "gl-1", "COMPLETED", "2:0")])
    assert bench.nersc.states([Wanted("gl-1", "", "t1")])["gl-1"].exit_code == 2


def test_nothing_about_the_account_is_taken_on_trust(bench: Bench) -> None:
    for name in ("a b", "x,y", "", None, 5):
        bench.service.plays["GET /account/"] = said({"name": name})
        with pytest.raises(NoNews, match="name"):
            bench.nersc.states([Wanted("gl-1", "1")])
