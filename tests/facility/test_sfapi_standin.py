# SPDX-License-Identifier: Apache-2.0
"""The Superfacility backend against the stand-in, with what goes wrong out there."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from condor_plugins.facility import sfapi_tasks
from condor_plugins.facility.sfapi import Sfapi
from condor_plugins.facility.values import (
    COMPLETED,
    IDLE,
    RUNNING,
    Accepted,
    Facility,
    NoNews,
    NotSent,
    Outcome,
    Refused,
    Rejected,
    RemoteJob,
    Resources,
    Submission,
    Unclear,
    Wanted,
)
from tests.facility.standins import CLIENT_ID, USER, Key, make_key, stand_in
from tests.testbed.facility.pretend import Pretend
from tests.testbed.facility.server import StandIn

pytestmark = pytest.mark.programs

SUBMIT = "POST /compute/jobs"
LIST = "GET /compute/jobs"


@pytest.fixture(scope="module")
def key() -> Key:
    return make_key()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sfapi_tasks, "FIRST_WAIT_S", 0.02)


@pytest.fixture
def pretend(tmp_path: Path) -> Pretend:
    return Pretend(home=tmp_path, user=USER)


@pytest.fixture
def standin(tmp_path: Path, key: Key, pretend: Pretend) -> Iterator[StandIn]:
    with stand_in(tmp_path, key, pretend) as running:
        yield running


@pytest.fixture
def facility(standin: StandIn, key: Key, tmp_path: Path) -> Facility:
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text(f"{CLIENT_ID}\n{key.private_pem}")
    return Facility(
        "nersc",
        "sfapi",
        standin.url("sfapi"),
        "perlmutter",
        str(tmp_path / "scratch"),
        secret=str(secret),
        token_url=standin.url("sfapi-token"),
        timeout_s=2.0,
    )


@pytest.fixture
def nersc(facility: Facility, tmp_path: Path) -> Sfapi:
    return Sfapi(facility, tmp_path / "state")


def pilot(name: str = "gl-1") -> Submission:
    return Submission(name, "#!/bin/sh\nexit 0\n", "/tmp/log", Resources(wall_s=600))  # noqa: S108


def submitted(nersc: Sfapi, name: str = "gl-1") -> str:
    (outcome,) = nersc.submit([pilot(name)])
    assert isinstance(outcome, Accepted), outcome
    return outcome.id


def one(nersc: Sfapi, name: str = "gl-1", number: str = "", hint: str = "") -> RemoteJob | None:
    return nersc.states([Wanted(name, number, hint)]).get(name)


def test_the_life_of_a_pilot(nersc: Sfapi, pretend: Pretend, standin: StandIn) -> None:
    number = submitted(nersc)
    assert "#SBATCH --time=10\n" in pretend.script(number)
    waiting = one(nersc, "gl-1", number)
    assert waiting
    assert (waiting.id, waiting.status, waiting.reason) == (number, IDLE, "Priority")
    pretend.run(number)
    running = one(nersc, "gl-1", number)
    assert running
    assert (running.status, running.nodes) == (RUNNING, "nid000001")
    assert abs(running.start_s - time.time()) < 5
    pretend.end(number, 3)
    over = one(nersc, "gl-1", number)
    assert over
    assert (over.status, over.ended, over.exit_code, over.signal) == (COMPLETED, "failed", 3, 0)
    # A token, the submit and its task; the account's name, two lists while it lives, two after.
    assert len(standin.requests()) == 3 + 1 + 2 + 2


def test_many_pilots_cost_two_requests_each_and_one_list(
    nersc: Sfapi, standin: StandIn, pretend: Pretend
) -> None:
    outcomes = nersc.submit([pilot(f"gl-{number}") for number in range(40)])
    wanted = [Wanted(made.name, made.id) for made in outcomes if isinstance(made, Accepted)]
    assert len({made.id for made in wanted}) == 40
    assert standin.count("POST", "/compute/jobs/{machine}") == 40
    assert standin.count("GET", "/tasks/{id}") <= 80
    assert standin.count("POST", "/c2id/token") == 1
    before = len(standin.requests())
    assert len(nersc.states(wanted)) == 40
    assert len(standin.requests()) == before + 2


def test_a_lost_answer_leaves_one_job_that_is_found_by_its_name(
    nersc: Sfapi, standin: StandIn, pretend: Pretend
) -> None:
    nersc.login()
    standin.faults({"kind": "drop", "match": SUBMIT, "times": 1})
    (outcome,) = nersc.submit([pilot()])
    assert isinstance(outcome, Unclear)
    wait_for("the job is in the queue", lambda: len(pretend.queue()) == 1)
    found = one(nersc)
    assert found
    assert (found.id, found.status) == (pretend.queue()[0].id, IDLE)
    assert standin.count("POST", "/compute/jobs/{machine}") == 1
    pretend.end(found.id)
    again = one(nersc)
    assert again
    assert again.ended == "completed"


def wait_for(what: str, is_so: Callable[[], bool], limit_s: float = 10.0) -> None:
    pause, until_s = threading.Event(), time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < until_s, f"not within {limit_s} s: {what}"
        pause.wait(0.02)


UNCLEAR = [
    {"kind": "drop-before"},
    {"kind": "truncate"},
    {"kind": "cut"},
    {"kind": "status", "code": 504},
    {"kind": "delay", "seconds": 3},
]


@pytest.mark.parametrize("fault", UNCLEAR, ids=lambda fault: str(fault["kind"]))
def test_no_usable_answer_to_a_submit_is_unclear_and_asked_once(
    fault: dict[str, object], nersc: Sfapi, standin: StandIn
) -> None:
    nersc.login()
    standin.faults({**fault, "match": SUBMIT})
    (outcome,) = nersc.submit([pilot()])
    assert isinstance(outcome, Unclear)
    wait_for("the request has ended", lambda: standin.count("POST", "/compute/jobs/{machine}") == 1)


def outcome_of(nersc: Sfapi) -> Outcome:
    (outcome,) = nersc.submit([pilot()])
    return outcome


def test_too_many_requests_are_sent_later(nersc: Sfapi, standin: StandIn, pretend: Pretend) -> None:
    fault = {"kind": "status", "code": 429, "retry_after": "17", "match": SUBMIT, "times": 1}
    standin.faults(fault)
    outcome = outcome_of(nersc)
    assert isinstance(outcome, NotSent)
    assert outcome.retry_after_s == 17
    assert pretend.queue() == []
    assert submitted(nersc)


def test_a_refusal_of_sbatch_is_a_refusal(nersc: Sfapi, standin: StandIn) -> None:
    standin.faults({"kind": "refuse-submit", "times": 1})
    outcome = outcome_of(nersc)
    assert isinstance(outcome, Refused)
    assert "sbatch" in outcome.reason


def test_a_task_that_sticks_is_a_hint(facility: Facility, standin: StandIn, tmp_path: Path) -> None:
    nersc = Sfapi(facility._replace(timeout_s=0.5), tmp_path / "state")
    standin.faults({"kind": "task-stuck", "times": 1})
    outcome = outcome_of(nersc)
    assert isinstance(outcome, Unclear)
    assert outcome.hint
    found = one(nersc, "gl-1", "", outcome.hint)
    assert found
    assert (found.id, found.word, found.status) == (f"task.{outcome.hint}", "SUBMITTING", IDLE)
    assert one(nersc, "gl-1", found.id) == found


def test_an_error_with_status_200_is_no_news(nersc: Sfapi, standin: StandIn) -> None:
    number = submitted(nersc)
    standin.faults({"kind": "queue-error", "times": 1})
    with pytest.raises(NoNews, match="slurm"):
        one(nersc, "gl-1", number)
    assert one(nersc, "gl-1", number)


def test_one_bad_row_hides_no_other(nersc: Sfapi, standin: StandIn) -> None:
    numbers = [submitted(nersc, f"gl-{number}") for number in range(3)]
    standin.faults({"kind": "bad-row", "match": LIST, "times": 1})
    wanted = [Wanted(f"gl-{number}", name) for number, name in enumerate(numbers)]
    assert len(nersc.states(wanted)) == 3  # the first by sacct


def test_an_unknown_state_lives(nersc: Sfapi, standin: StandIn, pretend: Pretend) -> None:
    number = submitted(nersc)
    pretend.run(number)
    pretend.change(number, state="MARVELLING")
    found = one(nersc, "gl-1", number)
    assert found
    assert (found.status, found.word, found.ended) == (RUNNING, "MARVELLING", "")


def test_a_job_that_is_not_listed_yet_is_only_not_found(nersc: Sfapi, standin: StandIn) -> None:
    standin.faults({"kind": "unknown-job", "seconds": 600})
    number = submitted(nersc)
    assert one(nersc, "gl-1", number) is None


@pytest.mark.parametrize("code", [401, 403])
def test_an_expired_token_costs_a_new_one_and_no_job(
    code: int, nersc: Sfapi, standin: StandIn, pretend: Pretend
) -> None:
    submitted(nersc, "gl-1")
    standin.faults({"kind": "expire-token", "code": code, "times": 1})
    submitted(nersc, "gl-2")
    assert standin.count("POST", "/c2id/token") == 2
    assert len(pretend.queue()) == 2


def test_a_replaced_key_is_used_and_a_wrong_one_refused(
    nersc: Sfapi, facility: Facility, standin: StandIn, tmp_path: Path
) -> None:
    good = Path(facility.secret).read_text()
    Path(facility.secret).write_text(f"{CLIENT_ID}\n{make_key().private_pem}")
    with pytest.raises(Rejected, match="JWT"):
        nersc.login()
    assert isinstance(outcome_of(nersc), NotSent)
    Path(facility.secret).write_text(good)
    assert 500 < nersc.login() <= 600
    assert submitted(nersc)


def test_one_token_serves_the_next_process(
    nersc: Sfapi, facility: Facility, standin: StandIn, tmp_path: Path
) -> None:
    nersc.login()
    number = submitted(Sfapi(facility, tmp_path / "state"))
    assert one(Sfapi(facility, tmp_path / "state"), "gl-1", number)
    assert standin.count("POST", "/c2id/token") == 1


def test_cancel(nersc: Sfapi, pretend: Pretend, standin: StandIn) -> None:
    number = submitted(nersc)
    submitted(nersc, "gl-2")
    wanted = [Wanted("gl-1", number), Wanted("gl-2"), Wanted("gl-3", "4711"), Wanted("gl-4")]
    words = nersc.cancel(wanted)
    assert (words["gl-1"], words["gl-2"], words["gl-3"]) == ("", "", "")
    assert "no job" in words["gl-4"]
    assert pretend.queue() == []
    found = one(nersc, "gl-1", number)
    assert found
    assert found.ended == "cancelled"
    assert nersc.cancel([Wanted("gl-1", number)]) == {"gl-1": ""}


def test_files_there_and_back(nersc: Sfapi, facility: Facility) -> None:
    path, content = f"{facility.root}/store/a b", bytes(range(256)) * 10
    assert nersc.get(path, 100) is None
    nersc.put(path, content)
    assert nersc.get(path, 10_000) == content
    assert nersc.get(path, 7) == content[-7:]
    root = Path(facility.root)
    assert [one.stat().st_mode & 0o777 for one in (root, root / "store")] == [0o700] * 2
    nersc.remove([path, f"{facility.root}/absent"])
    assert nersc.get(path, 7) is None
    nersc.remove([f"{facility.root}/store"])
    nersc.put(path, b"again")
    assert nersc.get(path, 10) == b"again"


def test_maintenance(nersc: Sfapi, standin: StandIn) -> None:
    assert nersc.health().state == "up"
    number = submitted(nersc)
    standin.faults({"kind": "maintenance"})
    health = nersc.health()
    assert health.state == "down"
    assert "maintenance" in health.words.lower()
    assert isinstance(outcome_of(nersc), Unclear)
    with pytest.raises(NoNews):
        one(nersc, "gl-1", number)


def test_what_people_want_to_know(nersc: Sfapi) -> None:
    (account,) = nersc.allocation()
    assert (account.project, account.granted, account.used) == ("m0001", 1000.0, 250.0)
    assert abs(nersc.credential().expires_s - time.time() - 2 * 86_400) < 60
