# SPDX-License-Identifier: Apache-2.0
"""The Superfacility API as a backend: what its answers to submit and cancel mean."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from condor_plugins.facility import sfapi
from condor_plugins.facility.backends import backend
from condor_plugins.facility.sfapi import Sfapi
from condor_plugins.facility.tokens import Token
from condor_plugins.facility.values import (
    Accepted,
    Allocation,
    CredentialState,
    Health,
    NoAccess,
    NoNews,
    NotSent,
    Refused,
    Rejected,
    Resources,
    Submission,
    Unclear,
    Wanted,
)
from tests.facility.sfapi_service import (
    JOBS,
    OK,
    ROOT,
    TASKS,
    Bench,
    failed,
    row,
    serving,
    task,
)
from tests.facility.standins import make_key
from tests.facility.web_player import Heard, Said, said

BUSY = "sbatch: error: Batch job submission failed: "


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with serving(tmp_path, monkeypatch) as made:
        yield made


def pilot(name: str = "gl-1", **asked: Any) -> Submission:
    return Submission(
        name, "#!/bin/sh\necho ä&=\n".replace("ä", ""), f"{ROOT}/l", Resources(**asked)
    )


def test_a_submit_is_one_post_and_one_question(bench: Bench) -> None:
    assert bench.nersc.submit([pilot(queue="debug")]) == [Accepted("gl-1", "98765")]
    assert [(one.method, one.path) for one in bench.player.heard] == [
        ("POST", JOBS),
        ("GET", TASKS + "t1"),
    ]
    form = bench.player.heard[0].form()
    assert form["isPath"] == "false"
    assert form["job"].startswith("#!/bin/sh\n#SBATCH --job-name=gl-1\n")
    assert form["job"].endswith("#SBATCH --cpus-per-task=1\necho &=\n")
    assert "#SBATCH --qos=debug\n" in form["job"]
    assert bench.player.heard[0].headers["authorization"] == "Bearer good"
    (kept,) = set(bench.state_dir.glob("sfapi-token-*")) - set(bench.state_dir.glob("*.lock"))
    assert kept.stat().st_mode & 0o777 == 0o600


def test_many_go_at_once_and_answers_keep_their_order(bench: Bench) -> None:
    together = threading.Barrier(8, timeout=10)

    def submitted(one: Heard) -> Said:
        together.wait()
        name = one.form()["job"].partition("--job-name=gl-")[2].partition("\n")[0]
        bench.service.plays[f"GET /tasks/t{name}"] = task({"status": "ok", "jobid": name})
        return said({"task_id": f"t{name}", **OK})

    bench.service.plays["POST /compute/jobs/perlmutter"] = submitted
    outcomes = bench.nersc.submit([pilot(f"gl-{number}") for number in range(16)])
    assert outcomes == [Accepted(f"gl-{number}", str(number)) for number in range(16)]
    assert len(bench.player.asked("POST", JOBS)) == 16


def test_the_task_is_asked_until_it_is_done(bench: Bench) -> None:
    answers = [
        task(None, "new"),
        said({}, 503),
        Said(silent=True),
        bench.service.plays["GET /tasks/t1"],
    ]

    def asked(_: Heard) -> Said:
        found = answers.pop(0)
        assert isinstance(found, Said)
        return found

    bench.service.plays["GET /tasks/t1"] = asked
    assert bench.nersc.submit([pilot()]) == [Accepted("gl-1", "98765")]


SUBMITS: list[tuple[Said, type, str]] = [
    (said({"task_id": None, "status": "ERROR", "error": BUSY + "Invalid qos"}), Refused, "qos"),
    (failed(BUSY + "Unable to contact slurm controller"), NotSent, "contact"),
    (failed(BUSY + "Socket timed out on send/recv"), Unclear, "timed out"),
    (failed("temporarily unable, sleeping; " + BUSY + "Zero Bytes"), Unclear, "Zero"),
    (failed("sbatch: " + "x" * 400 + " Connection reset by peer"), Unclear, "sbatch"),
    (failed("sbatch: " + "x" * 400 + " Unable to contact slurm controller"), NotSent, "sbatch"),
    (failed("internal error"), Unclear, "internal"),
    (said({**OK, "task_id": None}), Unclear, "no task"),
    (said({**OK, "task_id": "../x"}), Unclear, "no task"),
    (said([]), Unclear, "form"),
    (Said(b'{"task_id": "t'), Unclear, "cut off"),
    (said({"detail": "Not found"}, 404), Refused, "404 Not found"),
    (said({"detail": [{"loc": ["job"], "msg": "bad"}]}, 422), Refused, "job: bad"),
    *((Said(b"<html>", status), NotSent, str(status)) for status in (404, 405, 407, 421)),
    *((said({}, status), Unclear, str(status)) for status in (302, 409, 410)),
    *((said({"detail": "no"}, status), Refused, "no") for status in (400, 413, 501)),
    (said({"detail": "no"}, 401), NotSent, "401 no"),
    (said({"detail": "no"}, 403), NotSent, "403 no"),
    (said({}, 429, Retry_After="9"), NotSent, "429"),
    (said({}, 408), Unclear, "408"),
    (said({}, 500), Unclear, "500"),
    (said({}, 503), Unclear, "503"),
    (said({"detail": "Scheduled maintenance"}, 503), NotSent, "503"),
    (Said(silent=True), Unclear, ""),
]


@pytest.mark.parametrize(("answer", "kind", "words"), SUBMITS)
def test_what_an_answer_to_a_submit_means(
    answer: Said, kind: type, words: str, bench: Bench
) -> None:
    bench.service.plays["POST /compute/jobs/perlmutter"] = answer
    (outcome,) = bench.nersc.submit([pilot()])
    assert isinstance(outcome, kind)
    assert words in outcome.reason  # type: ignore[union-attr]
    refused = answer.status in {401, 403}
    assert len(bench.player.asked("POST", JOBS)) == (2 if refused else 1)
    if answer.status == 429:
        assert outcome == NotSent("gl-1", "HTTP 429", 9.0)


RESULTS: list[tuple[Said, type, str]] = [
    (task({"status": "error", "jobid": None, "error": BUSY + "no"}), Refused, ": no"),
    (task({"status": "error", "jobid": None, "error": "Invalid account"}), Refused, "account"),
    (task({"status": "error", "error": BUSY + "Socket timed out"}), Unclear, "timed out"),
    (task({"status": "error", "error": "Slurm temporarily unable"}), NotSent, "temporarily"),
    (task({"status": "ok", "jobid": "1 2"}), Unclear, "without a job id"),
    (task(None), Unclear, "without a job id"),
    (task(None, "failed"), Unclear, "without a job id"),
    (task({"status": "error", "error": "the worker was lost"}, "failed"), Unclear, "lost"),
    (task({"status": "error", "error": BUSY + "no"}, "failed"), Refused, ": no"),
    (task(None, "cancelled"), Unclear, "without a job id"),
    (said({"id": "t1", "status": "completed", "result": "{"}), Unclear, "without a job id"),
    (said({"id": "t1", "status": "completed", "result": {}}), Unclear, "without a job id"),
    (said({"detail": "Not found"}, 404), Unclear, "404"),
    (task(None, "new"), Unclear, "not done in time"),
]


@pytest.mark.parametrize(("answer", "kind", "words"), RESULTS)
def test_what_an_ended_task_means(answer: Said, kind: type, words: str, bench: Bench) -> None:
    bench.service.plays["GET /tasks/t1"] = answer
    (outcome,) = Sfapi(bench.facility._replace(timeout_s=0.5), bench.state_dir).submit([pilot()])
    assert isinstance(outcome, kind)
    assert words in outcome.reason  # type: ignore[union-attr]
    if isinstance(outcome, Unclear):
        assert outcome.hint == "t1"


def test_nobody_there_is_not_sent(bench: Bench) -> None:
    dead = Sfapi(bench.facility._replace(url="http://127.0.0.1:9/api"), bench.state_dir)
    (outcome,) = dead.submit([pilot()])
    assert isinstance(outcome, NotSent)


@pytest.mark.parametrize("err", [NoNews("closed", 7.0), Rejected("client expired")])
def test_without_a_token_nothing_is_sent(
    err: Exception, monkeypatch: pytest.MonkeyPatch, bench: Bench
) -> None:
    def fails(*_: Any) -> Token:
        raise err

    monkeypatch.setattr(sfapi, "fetched", fails)
    (outcome,) = bench.nersc.submit([pilot()])
    assert isinstance(outcome, NotSent)
    assert str(err) in outcome.reason
    assert outcome.retry_after_s == getattr(err, "retry_after_s", 0.0)
    assert bench.player.heard == []


def test_a_value_that_is_no_value_is_refused_here(bench: Bench) -> None:
    (outcome,) = bench.nersc.submit([pilot(project="a b")])
    assert isinstance(outcome, Refused)
    assert "project" in outcome.reason
    assert bench.player.heard == []


CANCELS: list[tuple[Said, str | None]] = [
    (said({"task_id": "t9", **OK}), ""),
    (failed("scancel: error: Kill job error on job id 1: Invalid job id specified"), ""),
    (failed("Job/step already completing or completed"), ""),
    (failed("Access/permission denied"), "Access/permission denied"),
    (said({"detail": "Not found"}, 404), "HTTP 404 Not found"),
    (said({}, 500), None),
]


@pytest.mark.parametrize(("answer", "words"), CANCELS)
def test_what_an_answer_to_a_cancel_means(answer: Said, words: str | None, bench: Bench) -> None:
    bench.service.plays["DELETE /compute/jobs/perlmutter/1"] = answer
    if words is None:
        with pytest.raises(NoNews):
            bench.nersc.cancel([Wanted("gl-1", "1")])
    else:
        assert bench.nersc.cancel([Wanted("gl-1", "1")]) == {"gl-1": words}
    assert len(bench.player.heard) == 1


def test_a_refused_credential_is_no_word_on_a_job(bench: Bench) -> None:
    bench.service.plays["DELETE /compute/jobs/perlmutter/1"] = said({"detail": "no"}, 403)
    bench.service.plays["GET /tasks/t1"] = said({"detail": "no"}, 401)
    bench.service.queue()
    with pytest.raises(NoAccess):
        bench.nersc.cancel([Wanted("gl-1", "1")])
    with pytest.raises(NoAccess):
        bench.nersc.states([Wanted("gl-1", "", "t1")])


def test_a_job_that_is_not_ours_to_cancel_stops_no_other(bench: Bench) -> None:
    bench.service.plays["DELETE /compute/jobs/perlmutter/1"] = said({"detail": "no"}, 403)
    bench.service.plays["DELETE /compute/jobs/perlmutter/2"] = said(OK)
    both = [Wanted("gl-1", "1"), Wanted("gl-2", "2")]
    assert bench.nersc.cancel(both) == {"gl-1": "HTTP 403 no", "gl-2": ""}
    bench.service.plays["DELETE /compute/jobs/perlmutter/2"] = said({"detail": "no"}, 403)
    with pytest.raises(NoAccess):
        bench.nersc.cancel(both)


def test_another_secret_may_be_of_another_account(bench: Bench, tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.touch()
    nersc = Sfapi(bench.facility._replace(secret=str(secret)), bench.state_dir)
    bench.service.queue()
    for changed_s, asked in ((1, 1), (1, 1), (2, 2)):
        os.utime(secret, (changed_s, changed_s))
        assert nersc.states([Wanted("gl-1")]) == {}
        assert len(bench.player.asked("GET", "/account/")) == asked
    assert len([*bench.state_dir.glob("sfapi-token-*.lock")]) == 2


def test_a_job_without_an_id_is_looked_up_to_be_cancelled(bench: Bench) -> None:
    bench.service.queue(row("4", "gl-4"))
    bench.service.plays["DELETE /compute/jobs/perlmutter/4"] = said(OK)
    bench.service.plays["DELETE /compute/jobs/perlmutter/98765"] = said(OK)
    bench.service.plays["DELETE /compute/jobs/perlmutter/1"] = said({}, 500)
    wanted = [Wanted("gl-1", "1"), Wanted("gl-4"), Wanted("gl-5", "", "t1"), Wanted("gl-6")]
    assert bench.nersc.cancel(wanted) == {
        "gl-1": "HTTP 500",
        "gl-4": "",
        "gl-5": "",
        "gl-6": "no job of this name is there yet",
    }
    assert len(bench.player.asked("DELETE", JOBS)) == 3


def test_the_cheap_questions(bench: Bench) -> None:
    answer = {
        "name": "perlmutter",
        "status": "unavailable",
        "notes": ["until 8"],
        "description": "M",
    }
    bench.service.plays["GET /status/perlmutter"] = said(answer)
    assert bench.nersc.health() == Health("down", "until 8; M")
    assert "authorization" not in bench.player.heard[-1].headers
    for status, state in (("active", "up"), ("degraded", "degraded"), ("new", "degraded")):
        bench.service.plays["GET /status/perlmutter"] = said({"status": status})
        assert bench.nersc.health() == Health(state, "")
    rows = [{"repo_name": "m1", "hours_given": 10.5, "hours_used": "2"}, {"repo_name": "m2"}, 3]
    bench.service.plays["GET /account/projects"] = said(rows)
    assert bench.nersc.allocation() == [Allocation("m1", 10.5, 2.0, "node-hours")]
    assert 3e9 > bench.nersc.login() > 2e9


def test_a_credential_that_cannot_be_asked_for_is_unknown(bench: Bench, tmp_path: Path) -> None:
    assert bench.nersc.credential() == CredentialState(0.0, "no credential is configured")
    secret = tmp_path / "key"
    secret.touch(0o600)
    secret.write_text(f"mine\n{make_key().private_pem}")
    nersc = Sfapi(bench.facility._replace(secret=str(secret), timeout_s=0.5), bench.state_dir)
    path = "GET /account/clients"
    rows: list[Any] = [3, {"clientId": "other", "expiresAt": "2026-01-01T00:00:00Z"}]
    answers = {
        "403": said({"detail": "not for this client"}, 403),
        "500": said({}, 500),
        "not list": said(rows),
        "unreadable": said([*rows, {"clientId": "mine", "expiresAt": "soon"}]),
    }
    for words, answer in answers.items():
        bench.service.plays[path] = answer
        assert nersc.credential().expires_s == 0
        assert words in nersc.credential().words
    mine = {"clientId": "mine", "name": "factory", "expiresAt": "2026-01-01T00:00:00"}
    for zone, ends_s in (("", 1767225600.0), ("Z", 1767225600.0), ("-08:00", 1767254400.0)):
        bench.service.plays[path] = said([*rows, mine | {"expiresAt": mine["expiresAt"] + zone}])
        assert nersc.credential() == CredentialState(ends_s, "factory")


def test_an_api_that_is_not_known(bench: Bench) -> None:
    with pytest.raises(Rejected, match="no such API: ssh"):
        backend(bench.facility._replace(api="ssh"), bench.state_dir)
