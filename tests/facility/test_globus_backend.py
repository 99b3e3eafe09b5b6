# SPDX-License-Identifier: Apache-2.0
"""The Globus backend with recorded answers: bunches, groups, results, endpoints, credentials."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from condor_plugins.facility import globus_tasks
from condor_plugins.facility.globus import Globus
from condor_plugins.facility.globus_api import Task, last_line
from condor_plugins.facility.globus_batch import options
from condor_plugins.facility.globus_groups import Groups, Place, from_hint
from condor_plugins.facility.globus_tasks import job_of
from condor_plugins.facility.values import (
    COMPLETED,
    IDLE,
    RUNNING,
    Accepted,
    Facility,
    NoNews,
    NotSent,
    Refused,
    Rejected,
    Resources,
    Submission,
    Unclear,
    Wanted,
)
from tests.facility.web_player import Heard, Player, Said, playing, said

EP, CONTROL = "ep-1", "ep-2"
SECRET = "hush-hush"  # noqa: S105


def job(name: str, script: str = "#!/bin/sh\n", **asked: Any) -> Submission:
    return Submission(name, script, f"/p/x/logs/{name}.log", Resources(**asked))


def done(**values: Any) -> str:
    return "11\n" + json.dumps({"name": "gl-1", "rc": 0, "err": "", "start": 5.5, **values})


class Service:
    """Functions, tasks and groups; a test says what becomes of tasks."""

    def __init__(self) -> None:
        self.tasks: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, list[str]] = {}
        self.submitted: list[dict[str, Any]] = []
        self.instead: Callable[[Heard], Said | None] = lambda _: None
        self.answer: Callable[[str, Any], dict[str, Any]] = lambda *_: {"status": "received"}

    def __call__(self, one: Heard) -> Said:
        instead = self.instead(one)
        if instead:
            return instead
        if one.path.endswith("/submit"):
            return self._submit(json.loads(one.body))
        known = {
            "/token": {"access_token": "good", "expires_in": 172800},
            "/v3/functions": {"function_uuid": f"fn-{len(one.body)}"},
            "/v2/batch_status": {"results": self._rows(one.body)},
        } | {
            f"/v2/taskgroup/{group}": {"tasks": [{"id": task} for task in tasks]}
            for group, tasks in self.groups.items()
        }
        return said(known[one.path]) if one.path in known else said({"reason": "not there"}, 404)

    def _rows(self, body: bytes) -> dict[str, Any]:
        asked = json.loads(body)["task_ids"] if b"task_ids" in body else []
        return {one: self.tasks[one] for one in asked if one in self.tasks}

    def _submit(self, body: dict[str, Any]) -> Said:
        self.submitted.append(body)
        ((function, payloads),) = body["tasks"].items()
        ids = []
        for payload in payloads:
            ids.append(f"task-{len(self.tasks)}")
            self.tasks[ids[-1]] = self.answer(function, arguments_of(payload))
        self.groups[body.get("task_group_id", "none")] = ids
        return said({"tasks": {function: ids}})


def arguments_of(payload: str) -> Any:
    length, _, rest = payload.partition("\n")
    return json.loads(rest[: int(length)].removeprefix("11\n"))[0]


class Site(NamedTuple):
    service: Service
    player: Player
    facility: Facility
    state: Path

    def globus(self, **options: str) -> Globus:
        named = {**self.facility.options, **options}
        return Globus(self.facility._replace(options=named), self.state)

    def submits(self) -> list[Heard]:
        return self.player.asked("POST", "/submit")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    service = Service()
    (tmp_path / "secret").write_text(SECRET + "\n")
    with playing(service) as player:
        facility = Facility(
            "x", "globus", player.url, "", "/p/x", secret=str(tmp_path / "secret"),
            client_id="me", token_url=f"{player.url}/token", timeout_s=1.0,
            options={"Endpoint": EP, "ControlEndpoint": CONTROL},
        )  # fmt: skip
        yield Site(service, player, facility, tmp_path / "state")


def test_a_hundred_pilots_are_one_request(site: Site) -> None:
    outcomes = site.globus(EndpointConfig='{"queue": "debug"}').submit([
        job(f"gl-{n}") for n in range(100)
    ])
    assert outcomes == [Accepted(f"gl-{n}", f"task-{n}") for n in range(100)]
    assert [one.path for one in site.submits()] == [f"/v3/endpoints/{EP}/submit"]
    body = site.service.submitted[0]
    assert body["user_endpoint_config"] == {"queue": "debug"}
    assert body["result_serializers"] == ["globus_compute_sdk.serialize.JSONData"]
    asked = arguments_of(next(iter(body["tasks"].values()))[7])
    assert (asked["name"], asked["root"]) == ("gl-7", "/p/x")
    assert base64.b64decode(asked["script"]) == b"#!/bin/sh\n"


def test_large_scripts_go_in_more_requests_and_too_large_ones_nowhere(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(globus_tasks, "MOST_BYTES", 5000)
    sizes = [1000, 1000, 1000, 9000, 1000]
    jobs = [job(f"gl-{n}", "#" * size) for n, size in enumerate(sizes)]
    outcomes = site.globus().submit(jobs)
    assert [type(one) for one in outcomes] == [Accepted, Accepted, Accepted, Refused, Accepted]
    assert len(site.submits()) == 2
    assert [one.name for one in outcomes] == [one.name for one in jobs]


@pytest.mark.parametrize("wrong", [job("a/b"), job(".."), job("gl-1", "# \u00fc")])
def test_a_wrong_job_is_refused_and_the_others_go(site: Site, wrong: Submission) -> None:
    outcomes = site.globus().submit([wrong, job("gl-2")])
    assert [type(one) for one in outcomes] == [Refused, Accepted]


def test_a_forgotten_function_is_registered_again(site: Site) -> None:
    gone = [said({"code": "FUNCTION_NOT_FOUND", "reason": "Function fn-1 unknown"}, 404)]
    site.service.instead = lambda one: gone.pop() if gone and "submit" in one.path else None
    assert site.globus().submit([job("gl-1")]) == [Accepted("gl-1", "task-0")]
    assert len(site.player.asked("POST", "/v3/functions")) == 2
    assert len(site.submits()) == 2


def test_an_unknown_endpoint_is_no_jobs_fault(site: Site) -> None:
    no = said({"code": "ENDPOINT_NOT_FOUND", "reason": "Endpoint ep-1 unknown"}, 404)
    site.service.instead = lambda one: no if "submit" in one.path else None
    outcome = site.globus().submit([job("gl-1")])[0]
    assert isinstance(outcome, NotSent)
    assert "ep-1" in outcome.reason
    assert len(site.submits()) == 1


@pytest.mark.parametrize("mode", ["task", "batch"])
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (said({"reason": "no"}, 400), Refused),
        (said({"reason": "no"}, 501), Refused),
        (said({"reason": "no"}, 403), NotSent),
        *((Said(b"<html>", status), NotSent) for status in (404, 405, 407, 421)),
        (said({}, 302), Unclear),
        (said({}, 409), Unclear),
    ],
)
def test_what_a_status_means_for_pilots(site: Site, mode: str, answer: Said, kind: type) -> None:
    site.service.instead = lambda one: answer if "submit" in one.path else None
    outcome = site.globus(Mode=mode).submit([job("gl-1", wall_s=60)])[0]
    assert isinstance(outcome, kind), outcome


@pytest.mark.parametrize("mode", ["task", "batch"])
def test_too_large_a_request_is_split(site: Site, mode: str) -> None:
    most = len(base64.b64encode(b"#" * 9000)) * 2

    def narrow(one: Heard) -> Said | None:
        return Said(b"", 413) if "submit" in one.path and len(one.body) > most else None

    site.service.instead = narrow
    sizes = [5000, 5000, 5000, 30000, 5000]
    jobs = [job(f"gl-{n}", "#!" + "#" * size) for n, size in enumerate(sizes)]
    outcomes = site.globus(Mode=mode).submit(jobs)
    assert [one.name for one in outcomes] == [one.name for one in jobs]
    assert [isinstance(one, Refused) for one in outcomes] == [False, False, False, True, False]


def test_another_client_registers_its_own_functions(site: Site) -> None:
    for client, many in (("me", 1), ("me", 1), ("you", 2)):
        facility = site.facility._replace(client_id=client)
        Globus(facility, site.state).submit([job("gl-1")])
        assert len(site.player.asked("POST", "/v3/functions")) == many
    assert len([*site.state.glob("globus-token-*.lock")]) == 2


def test_the_note_comes_before_the_request(site: Site) -> None:
    """Killed while the request is under way: what is on disk is enough to find the tasks."""
    seen: list[list[str]] = []

    def look(one: Heard) -> Said | None:
        if "submit" in one.path:
            seen.extend(json.loads(note.read_text()) for note in site.state.rglob("*.json")
                        if note.parent.name == "globus-groups")  # fmt: skip
        return None

    site.service.instead = look
    site.globus().submit([job("gl-1"), job("gl-2")])
    assert seen == [["gl-1", "gl-2"]]
    site.service.instead = lambda _: None
    found = site.globus().states([Wanted("gl-2"), Wanted("gl-3")])
    assert {name: one.id for name, one in found.items()} == {"gl-2": "task-1"}


def test_without_a_note_nothing_is_sent(site: Site) -> None:
    site.state.mkdir()
    (site.state / "globus-groups").write_text("a file in its place")
    assert isinstance(site.globus().submit([job("gl-1")])[0], NotSent)
    assert site.submits() == []


def test_a_result_corrects_both_of_a_mixed_up_pair(site: Site) -> None:
    """The group lists the tasks in another order than they were sent."""
    site.service.instead = lambda one: said({}, 504) if one.path.endswith("/submit") else None
    first, second = site.globus().submit([job("gl-1"), job("gl-2")])
    assert isinstance(first, Unclear)
    assert isinstance(second, Unclear)
    group = from_hint(first.hint)
    assert group
    assert from_hint(second.hint) == Place(group.group, 1)
    site.service.instead = lambda _: None
    site.service.groups[group.group] = ["b", "a"]
    site.service.tasks = {"a": {"status": "running"}, "b": {"status": "running"}}
    wanted = [Wanted("gl-1", "", first.hint), Wanted("gl-2", "", second.hint)]
    ids = {name: one.id for name, one in site.globus().states(wanted).items()}
    assert ids == {"gl-1": "b", "gl-2": "a"}
    site.service.tasks["a"] = {"status": "success", "result": done(name="gl-1", rc=4)}
    wanted = [Wanted("gl-1", "b", first.hint), Wanted("gl-2", "a", second.hint)]
    found = site.globus().states(wanted)
    assert (found["gl-1"].id, found["gl-1"].exit_code) == ("a", 4)
    assert (found["gl-2"].id, found["gl-2"].ended) == ("b", "")


def test_a_group_with_fewer_tasks_than_pilots(site: Site) -> None:
    site.service.groups["g"] = ["a"]
    site.service.tasks = {"a": {"status": "waiting-for-ep"}}
    wanted = [Wanted("gl-1", "", "group:g:0"), Wanted("gl-2", "", "group:g:1")]
    assert set(site.globus().states(wanted)) == {"gl-1"}
    assert site.globus().states([Wanted("gl-1", "", "group:other:0")]) == {}


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (Task("t", "received"), (IDLE, "", None, None)),
        (Task("t", "waiting-for-launch"), (IDLE, "", None, None)),
        (Task("t", "dreaming"), (IDLE, "", None, None)),
        (Task("t", "running"), (RUNNING, "", None, None)),
        (Task("t", "execution-end"), (RUNNING, "", None, None)),
        (Task("t", "success", done()), (COMPLETED, "completed", 0, None)),
        (Task("t", "success", done(rc=3)), (COMPLETED, "failed", 3, None)),
        (Task("t", "success", done(rc=-9)), (COMPLETED, "failed", None, 9)),
        (Task("t", "success", done(rc=None, err="x")), (COMPLETED, "failed", None, None)),
        (Task("t", "success", done(rc=143, stopped=True)), (COMPLETED, "cancelled", 143, None)),
        (Task("t", "success", "00\ngASV"), (COMPLETED, "failed", None, None)),
        (Task("t", "failed", "", "Boom\n"), (COMPLETED, "failed", None, None)),
        (
            Task("t", "failed", "", "x\nparsl.ManagerLost: y"),
            (COMPLETED, "node-failure", None, None),
        ),
    ],
)
def test_tasks(task: Task, expected: tuple[Any, ...]) -> None:
    found = job_of("gl-1", task)
    assert (found.status, found.ended, found.exit_code, found.signal) == expected


def test_the_last_line_of_a_traceback() -> None:
    trace = "Traceback:\n  File x\n  | ValueError: broken\n    +------------\n"
    assert last_line(trace) == "| ValueError: broken"
    assert last_line("") == "no reason given"


def test_cancelling_goes_to_the_login_node_by_name(site: Site) -> None:
    asked: list[Any] = []

    def answer(_: str, one: Any) -> dict[str, Any]:
        asked.append(one)
        return {"status": "success", "result": '11\n{"ok": true}'}

    site.service.answer = answer
    wanted = [Wanted("gl-1", "task-5"), Wanted("gl-2")]
    assert site.globus().cancel(wanted) == {"gl-1": "", "gl-2": ""}
    assert asked == [{"op": "stop", "root": "/p/x", "names": ["gl-1", "gl-2"]}]
    assert site.submits()[0].path == f"/v3/endpoints/{CONTROL}/submit"
    assert site.globus().cancel([Wanted("../x")]) == {}


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"status": "failed", "exception": "x"}, NoNews),
        ({"status": "success", "result": '11\n{"ok": false, "error": "OSError: full"}'}, NoNews),
        (
            {"status": "success", "result": '11\n{"ok": false, "error": "PermissionError: no"}'},
            Rejected,
        ),
        ({"status": "success", "result": '11\n{"ok": true, "content": "%%"}'}, NoNews),
    ],
)
def test_failures_of_the_endpoint(site: Site, row: dict[str, Any], kind: type[Exception]) -> None:
    site.service.answer = lambda *_: row
    with pytest.raises(kind):
        site.globus().get("/p/x/file", 10)


def test_no_secret_is_told(site: Site) -> None:
    site.service.instead = lambda one: (
        said({"error": "invalid_client"}, 401) if one.path == "/token" else None
    )
    outcome = site.globus().submit([job("gl-1")])[0]
    assert isinstance(outcome, NotSent)
    assert SECRET not in outcome.reason
    login = site.player.asked("POST", "/token")[0]
    assert login.headers["authorization"] == "Basic " + base64.b64encode(b"me:hush-hush").decode()
    Path(site.facility.secret).write_text("{" + SECRET)
    with pytest.raises(Rejected) as caught:
        site.globus().states([Wanted("gl-1", "t")])
    assert SECRET not in repr(caught.value.__context__) + str(caught.value)


def test_options_are_words_and_checked() -> None:
    asked = job("gl-1", queue="q", project="m1", wall_s=90, extra="-C cpu --exclusive")
    words = options(asked, "partition")
    assert {"--job-name=gl-1", "--partition=q", "--account=m1", "--time=2"} <= set(words)
    assert words[-3:] == ["-C", "cpu", "--exclusive"]
    assert not any(" " in word for word in words)


def test_a_pilot_whose_submit_task_waits_is_not_missing(site: Site) -> None:
    globus = site.globus(Mode="batch")
    outcome = globus.submit([job("gl-1", wall_s=60)])[0]
    assert outcome == Unclear("gl-1", "task task-0 has not ended yet", "task:task-0")
    found = globus.states([Wanted("gl-1", "", outcome.hint)])
    assert (found["gl-1"].status, found["gl-1"].word) == (IDLE, "submitting")
    assert len(site.submits()) == 1


def test_an_unsure_answer_keeps_what_was_known(site: Site) -> None:
    rows = [{"jobid": "5", "name": "gl-1", "state": "RUNNING", "nodelist": "nid1"}]
    told: dict[str, Any] = {"ok": True, "rows": rows, "unsure": ""}
    site.service.answer = lambda *_: {"status": "success", "result": "11\n" + json.dumps(told)}
    globus = site.globus(Mode="batch")
    wanted = [Wanted("gl-1", "5"), Wanted("gl-2", "6")]
    assert set(globus.states(wanted)) == {"gl-1"}
    told |= {"rows": [], "unsure": "sacct: broken"}
    found = globus.states(wanted)
    assert (found["gl-1"].status, found["gl-2"].word) == (RUNNING, "unknown")


def test_notes_are_forgotten_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = Groups(tmp_path / "groups")
    groups.note("g1", ["gl-1"])
    groups.note("g2", ["gl-0", "gl-1"])
    assert set(groups.places("gl-1", "")) == {Place("g1", 0), Place("g2", 1)}
    assert groups.places("gl-1", "group:g9:4") == [Place("g9", 4)]
    monkeypatch.setattr("condor_plugins.facility.globus_groups.KEPT_S", -5.0)
    groups.note("g3", ["gl-3"])
    assert groups.places("gl-1", "") == []


@pytest.mark.parametrize(
    "options", [{"Endpoint": ""}, {"EndpointConfig": "{"}, {"EndpointConfig": "[]"}, {"Mode": "x"}]
)
def test_a_wrong_setting_is_named(site: Site, options: dict[str, str]) -> None:
    with pytest.raises(Rejected, match=next(iter(options))):
        site.globus(**options)
