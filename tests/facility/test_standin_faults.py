# SPDX-License-Identifier: Apache-2.0
"""The stand-in's faults do what they say, as often as they say, and the log tells it."""

import base64
import http.client
import json
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.facility.standins import USER, Key, Reply, ask, make_key, stand_in
from tests.testbed.facility.faults import Faults
from tests.testbed.facility.keys import PublicKey, public_key, unpacked
from tests.testbed.facility.pretend import Pretend
from tests.testbed.facility.server import Listen, StandIn
from tests.testbed.facility.wire import Request

pytestmark = pytest.mark.programs

JOBS = "/compute/jobs/perlmutter"
SCRIPT = "#!/bin/sh\nexit 0\n"


@pytest.fixture(scope="module")
def key() -> Key:
    return make_key()


@pytest.fixture
def pretend(tmp_path: Path) -> Pretend:
    return Pretend(home=tmp_path, user=USER)


@pytest.fixture
def standin(tmp_path: Path, key: Key, pretend: Pretend) -> Iterator[StandIn]:
    with stand_in(tmp_path, key, pretend) as running:
        yield running


@pytest.fixture
def token(standin: StandIn) -> str:
    return standin.world.tokens.make("abcdefghijklm", 600)


def submit(standin: StandIn, token: str, script: str = SCRIPT) -> Reply:
    body = urlencode({"isPath": "false", "job": script}).encode()
    return ask(standin, "POST", JOBS, body, token)


def rows(standin: StandIn, token: str, query: str = "cached=false") -> dict[str, Any]:
    told = ask(standin, "GET", f"{JOBS}?{query}", token=token).json()
    assert isinstance(told, dict)
    return told


def task(standin: StandIn, token: str, name: str) -> dict[str, Any]:
    """The task as soon as it is not new any more; at most 5 s."""
    end = monotonic() + 5
    while monotonic() < end:
        told = ask(standin, "GET", f"/tasks/{name}", token=token).json()
        if told["status"] != "new":
            return dict(told)
    raise AssertionError("the task stayed new")


def test_times_and_match() -> None:
    faults = Faults()
    faults.add([{"kind": "status", "match": "POST /jobs$", "times": 2, "code": 503}])
    hits = [Request("POST", "/x/jobs"), Request("GET", "/x/jobs"), Request("POST", "/x/jobs/1")]
    hits += [Request("POST", "/jobs")] * 2
    assert [bool(faults.take("status", one)) for one in hits] == [True, False, False, True, False]
    assert faults.take("drop", hits[0]) is None


def test_chance_and_end_of_a_fault() -> None:
    luck, now = iter([0.1, 0.9, 0.1]), [100.0]
    faults = Faults(lambda: next(luck), lambda: now[0])
    faults.add([{"kind": "drop", "chance": 0.5, "for_s": 10}])
    request = Request("GET", "/")
    assert [bool(faults.take("drop", request)) for _ in range(2)] == [True, False]
    now[0] = 111.0
    assert faults.take("drop", request) is None


@pytest.mark.parametrize("spec", [{"kind": "dorp"}, {"kind": "drop", "tmies": 1}, {}])
def test_a_fault_that_is_misspelt_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no such fault"):
        Faults().add([spec])


def test_status_with_retry_after(standin: StandIn, token: str) -> None:
    standin.faults({"kind": "status", "code": 429, "retry_after": "7", "times": 1})
    refused = ask(standin, "GET", JOBS, token=token)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "7")
    assert ask(standin, "GET", JOBS, token=token).status == 200


def test_drop_carries_the_request_out(standin: StandIn, token: str, pretend: Pretend) -> None:
    standin.faults({"kind": "drop", "match": "POST /compute/jobs", "times": 1})
    with pytest.raises(http.client.RemoteDisconnected):
        submit(standin, token)
    assert task(standin, token, "1")["status"] == "completed"
    assert len(pretend.queue()) == 1
    assert standin.log.counts()["POST", "/api/v1.2/compute/jobs/{machine}", 0] == 1


def test_drop_before_does_not(standin: StandIn, token: str, pretend: Pretend) -> None:
    standin.faults({"kind": "drop-before", "match": "POST /compute/jobs", "times": 1})
    with pytest.raises(http.client.RemoteDisconnected):
        submit(standin, token)
    assert ask(standin, "GET", "/tasks", token=token).json() == {"tasks": []}
    assert pretend.queue() == []


def test_truncate_is_whole_http_and_no_json(standin: StandIn, token: str) -> None:
    standin.faults({"kind": "truncate", "times": 1})
    reply = ask(standin, "GET", "/status")
    assert (reply.status, reply.headers["Content-Length"]) == (200, str(len(reply.body)))
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        reply.json()


def test_cut_ends_inside_the_body(standin: StandIn) -> None:
    standin.faults({"kind": "cut", "times": 1})
    with pytest.raises(http.client.IncompleteRead):
        ask(standin, "GET", "/status")


@pytest.mark.parametrize("kind", ["delay", "slow-body"])
def test_slow_answers_take_their_time(standin: StandIn, kind: str) -> None:
    standin.faults({"kind": kind, "seconds": 0.3, "times": 1})
    began = monotonic()
    assert ask(standin, "GET", "/status/perlmutter").json()["status"] == "active"
    assert 0.25 < monotonic() - began < 3
    assert standin.requests()[-1].fault == kind


def test_expired_token_stays_refused(standin: StandIn, token: str) -> None:
    standin.faults({"kind": "expire-token", "times": 1, "code": 403})
    assert ask(standin, "GET", JOBS, token=token).status == 403
    assert ask(standin, "GET", JOBS, token=token).json() == {
        "detail": "Could not validate credentials"
    }
    fresh = standin.world.tokens.make("abcdefghijklm", 600)
    assert ask(standin, "GET", JOBS, token=fresh).status == 200


def test_maintenance(standin: StandIn, token: str) -> None:
    standin.faults({"kind": "maintenance"})
    assert ask(standin, "GET", "/status/perlmutter").json()["status"] == "unavailable"
    assert submit(standin, token).status == 503
    assert ask(standin, "GET", JOBS, token=token).status == 500


def test_a_new_job_is_not_listed_at_once(standin: StandIn, token: str, pretend: Pretend) -> None:
    task(standin, token, submit(standin, token).json()["task_id"])
    standin.faults({"kind": "unknown-job", "seconds": 60, "times": 2})
    assert rows(standin, token)["output"] == []
    assert rows(standin, token, "sacct=true&cached=false")["output"] == []
    assert len(rows(standin, token)["output"]) == 1


def test_sacct_alone_may_lag(standin: StandIn, token: str) -> None:
    task(standin, token, submit(standin, token).json()["task_id"])
    standin.faults({"kind": "unknown-job", "seconds": 60, "match": r"GET sacct=true"})
    assert rows(standin, token, "sacct=true&cached=false")["output"] == []
    assert len(rows(standin, token, "sacct=false&cached=false")["output"]) == 1


def test_strange_and_bad_rows(standin: StandIn, token: str) -> None:
    for _ in range(2):
        task(standin, token, submit(standin, token).json()["task_id"])
    standin.faults(
        {"kind": "unknown-state", "word": "LAUNCH_FAILED", "times": 1},
        {"kind": "bad-row", "times": 1},
    )
    bad, strange = rows(standin, token)["output"]
    assert (bad["state"], strange["state"]) == (None, "LAUNCH_FAILED")
    assert [row["state"] for row in rows(standin, token)["output"]] == ["PENDING"] * 2


def test_failures_that_say_200(standin: StandIn, token: str) -> None:
    standin.faults({"kind": "queue-error", "times": 1}, {"kind": "command-error", "times": 1})
    told = rows(standin, token)
    assert (told["status"], told["output"]) == ("ERROR", [])
    assert submit(standin, token).json()["status"] == "ERROR"


def test_tasks_that_hang_fail_or_are_refused(standin: StandIn, token: str) -> None:
    standin.faults({"kind": "task-stuck", "times": 1})
    stuck = submit(standin, token).json()["task_id"]
    standin.faults({"kind": "task-fails", "times": 1})
    assert task(standin, token, submit(standin, token).json()["task_id"])["status"] == "failed"
    standin.faults({"kind": "refuse-submit", "word": "sbatch: error: no", "times": 1})
    told = task(standin, token, submit(standin, token).json()["task_id"])
    assert json.loads(told["result"]) == {
        "status": "error", "jobid": None, "error": "sbatch: error: no",
    }  # fmt: skip
    assert ask(standin, "GET", f"/tasks/{stuck}", token=token).json() == {
        "id": stuck, "status": "new", "result": None,
    }  # fmt: skip


def test_shapes_of_errors(standin: StandIn, token: str) -> None:
    assert ask(standin, "GET", JOBS).status == 401
    assert ask(standin, "GET", "/nothing", token=token).json() == {"detail": "Not found"}
    assert ask(standin, "GET", "/compute/jobs/cori", token=token).status == 404
    (wrong,) = ask(standin, "POST", JOBS, b"isPath=false", token).json()["detail"]
    assert (wrong["loc"], wrong["msg"]) == (["body", "job"], "field required")


def test_cached_lists_are_old(standin: StandIn, token: str) -> None:
    assert rows(standin, token, "")["output"] == []
    task(standin, token, submit(standin, token).json()["task_id"])
    assert rows(standin, token, "")["output"] == []
    assert len(rows(standin, token)["output"]) == 1


def test_the_control_face_and_the_log(standin: StandIn, token: str) -> None:
    base = standin.url()
    spec = json.dumps([{"kind": "status", "code": 502, "times": 1}]).encode()
    assert ask(standin, "POST", f"{base}/_control/faults", spec).status == 200
    assert ask(standin, "POST", f"{base}/_control/faults", b'{"kind": "x"}').status == 422
    assert [submit(standin, token).status for _ in range(2)] == [502, 200]
    told = ask(standin, "GET", f"{base}/_control/log?lines=5").json()
    route = "/api/v1.2/compute/jobs/{machine}"
    assert told["total"] == 2
    assert {(row["route"], row["status"], row["count"]) for row in told["counts"]} == {
        (route, 200, 1),
        (route, 502, 1),
    }
    assert token not in json.dumps(told)
    assert ask(standin, "POST", f"{base}/_control/reset").status == 200
    assert standin.requests() == []


def test_the_log_file_holds_no_token(tmp_path: Path, key: Key, pretend: Pretend) -> None:
    with (
        (tmp_path / "log").open("w") as file,
        stand_in(tmp_path, key, pretend, Listen(log=file)) as running,
    ):
        token = running.world.tokens.make("abcdefghijklm", 600)
        submit(running, token)
    line = json.loads((tmp_path / "log").read_text())
    assert (line["method"], line["path"], line["status"]) == ("POST", f"/api/v1.2{JOBS}", 200)
    assert token not in str(line)


def test_a_stopped_stand_in_is_gone(tmp_path: Path, key: Key, pretend: Pretend) -> None:
    with stand_in(tmp_path, key, pretend) as running:
        place = urlsplit(running.url()).netloc
        kept = http.client.HTTPConnection(place, timeout=5)
        kept.request("GET", "/api/v1.2/status")
        kept.getresponse().read()
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        kept.request("GET", "/api/v1.2/status")
        kept.getresponse()
    kept.close()
    with pytest.raises(urllib.error.URLError):
        ask(running, "GET", "/status")


def test_keys_of_both_kinds(key: Key) -> None:
    pem = public_key(key.public_pem)
    words = {"n": pem.n, "e": pem.e}
    jwk = {
        name: base64
        .urlsafe_b64encode(number.to_bytes(256 if name == "n" else 3))
        .decode()
        .strip("=")
        for name, number in words.items()
    }
    assert public_key(json.dumps(jwk)) == pem
    assert not PublicKey(pem.n, pem.e).verifies(b"text", b"\0" * 256)
    assert unpacked("-_8") == b"\xfb\xff"
    with pytest.raises(ValueError, match="neither"):
        public_key(key.private_pem)
