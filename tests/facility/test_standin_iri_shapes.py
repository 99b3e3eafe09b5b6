# SPDX-License-Identifier: Apache-2.0
"""The stand-in of IRI answers request for request as the reference server does."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.facility.iri_asking import MACHINE, SPEC, USER, F, Iri, R, stand_in
from tests.testbed.facility.pretend import Pretend
from tests.testbed.facility.server import StandIn

pytestmark = pytest.mark.programs

BOTH = pytest.mark.parametrize("version", [1, 2])
PROBLEM = {"type", "title", "status", "detail", "instance"}
MOST_BYTES = 5 * 1024 * 1024


@pytest.fixture
def pretend(tmp_path: Path) -> Pretend:
    return Pretend(home=tmp_path, user=USER)


@pytest.fixture
def standin(tmp_path: Path, pretend: Pretend) -> Iterator[StandIn]:
    with stand_in(tmp_path, pretend, task_polls="1") as running:
        yield running


@pytest.fixture
def iri(standin: StandIn, version: int) -> Iri:
    return Iri(standin, version)


@BOTH
def test_submit_tells_of_a_new_job(iri: Iri, pretend: Pretend) -> None:
    reply = iri.submit()
    job = reply.json()
    assert (reply.status, job.keys()) == (200, {"id", "status"})
    assert job["status"].pop("time") > 1e9
    assert job["status"] == {
        "state": "new",
        "message": "job submitted",
        "exit_code": 0,
        "meta_data": {"account": "m1"},
    }
    assert "exec /bin/bash -c 'echo hi'\n" in pretend.script(job["id"])


@BOTH
def test_one_job_from_queued_to_failed(iri: Iri, pretend: Pretend) -> None:
    job = iri.submit().json()["id"]
    assert iri.status(job).json()["status"]["state"] == "queued"
    pretend.run(job)
    running = iri.status(job, "?historical=false").json()["status"]
    assert (running["state"], running["exit_code"]) == ("active", 0)
    assert running["meta_data"]["nodelist"] == "nid000001"
    pretend.end(job, 7)
    ended = iri.status(job).json()
    assert ended["id"] == job
    assert (ended["status"]["state"], ended["status"]["exit_code"]) == ("failed", 7)
    assert ended["status"]["meta_data"]["exitcode"] == "7:0"
    gone = iri.status(job, "?historical=false")
    assert (gone.status, gone.json()["detail"]) == (404, f"Job {job} not found.")


@BOTH
def test_many_jobs_by_page_and_filter(iri: Iri, pretend: Pretend) -> None:
    jobs = [iri.submit().json()["id"] for _ in range(5)]
    pretend.run(jobs[0])
    pretend.end(jobs[0])
    assert [row["id"] for row in iri.bulk().json()] == jobs[1:]
    page = iri.bulk(query="?limit=2&offset=1&historical=true").json()
    assert [row["id"] for row in page] == jobs[1:3]
    chosen = iri.bulk({"jobIds": [jobs[0], jobs[4], "17"]}, "?historical=true").json()
    assert [row["id"] for row in chosen] == [jobs[0], jobs[4]]
    ended = iri.bulk({"states": ["completed"]}, "?historical=true&include_spec=true").json()
    assert [(row["id"], row["job_spec"]) for row in ended] == [(jobs[0], dict(SPEC))]
    assert iri.bulk({"owner": "somebody"}).json() == []


@BOTH
def test_cancel_has_no_body_but_a_type(iri: Iri) -> None:
    job = iri.submit().json()["id"]
    reply = iri.ask("DELETE", f"compute/cancel/{R}/{job}")
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["content-type"] == "application/json"
    assert iri.status(job).json()["status"]["state"] == "canceled"
    assert iri.ask("DELETE", f"compute/cancel/{R}/17").status == 404


@BOTH
def test_a_task_is_active_then_completed(iri: Iri, tmp_path: Path) -> None:
    reply = iri.ask("POST", f"filesystem/mkdir/{F}", {"path": f"{tmp_path}/a/b", "parent": True})
    task = reply.json()["task_id"]
    assert (reply.status, reply.json()["task_uri"]) == (201, f"{iri.base}/task/{task}")
    assert iri.ask("GET", f"task/{task}").json() == {"id": task, "status": "active", "result": None}
    output = iri.result(reply)["result"]["output"]
    assert (output["name"], output["type"], output["permissions"]) == (
        "b", "directory", "drwxr-xr-x",
    )  # fmt: skip
    assert isinstance(output["size"], str)


@BOTH
def test_files_go_up_and_come_back(iri: Iri, tmp_path: Path) -> None:
    path, content = f"{tmp_path}/up.bin", b"hello \0 world\n--x\nlast"
    assert iri.result(iri.upload(path, content))["result"] == {"output": f"Uploaded to {path}"}
    assert Path(path).read_bytes() == content
    output = iri.result(iri.file("download", "GET", path=path))["result"]["output"]
    assert base64.b64decode(output) == content
    tail = iri.result(iri.file("tail", "GET", path=path, lines=1))["result"]["output"]
    assert tail == {
        "content": "last",
        "content_type": "lines",
        "start_position": 0,
        "end_position": 4,
    }
    head = iri.result(iri.file("head", "GET", path=path, bytes=5))["result"]["output"]
    assert (head["content"], head["content_type"]) == ("hello", "bytes")
    digest = iri.result(iri.file("checksum", "GET", path=path))["result"]["output"]
    assert (digest["algorithm"], len(digest["checksum"])) == ("SHA-256", 64)
    assert iri.result(iri.file("stat", "GET", path=path))["result"]["output"]["size"] == len(
        content
    )
    rows = iri.result(iri.file("ls", "GET", path=str(tmp_path)))["result"]["output"]
    assert [(row["name"], row["type"]) for row in rows] == [("up.bin", "file")]
    removed = iri.result(iri.file("rm", "DELETE", path=path))
    assert (removed["result"], Path(path).exists()) == ({"output": f"Removed {path}"}, False)
    assert iri.result(iri.file("rm", "DELETE", path=path))["status"] == "completed"


@BOTH
def test_a_file_that_is_not_there_fails_the_task(iri: Iri, tmp_path: Path) -> None:
    task = iri.result(iri.file("download", "GET", path=f"{tmp_path}/none"))
    words = f"Error: [Errno 2] No such file or directory: '{tmp_path}/none'"
    assert (task["status"], task["result"]) == ("failed", {"error": words})


@BOTH
def test_more_than_five_mebibytes_do_not_pass(iri: Iri, tmp_path: Path) -> None:
    assert iri.upload(f"{tmp_path}/f", b"x" * (MOST_BYTES + 1)).status == 413
    (tmp_path / "big").write_bytes(b"x" * (MOST_BYTES + 1))
    task = iri.result(iri.file("download", "GET", path=f"{tmp_path}/big"))
    assert task["result"] == {"error": "Error: File to download is too large."}


@BOTH
@pytest.mark.parametrize("token", ["", "Bearer nonsense", "12345", "Basic 12345"])
def test_without_a_good_token_nothing_is_said(standin: StandIn, version: int, token: str) -> None:
    reply = Iri(standin, version, token).submit()
    assert reply.status == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["type"].endswith("/problems/unauthorized")


@BOTH
def test_every_mistake_of_a_spec_is_named(iri: Iri) -> None:
    attributes = {"attributes": {"account": "m1"}}
    reply = iri.submit({"executable": "", "nonsense": 1, **attributes})
    problem = reply.json()
    assert (reply.status, problem.keys()) == (400, PROBLEM | {"invalid_params"})
    assert problem["title"] == "Invalid parameter"
    assert problem["instance"] == f"{iri.base}/compute/job/{R}"
    assert problem["detail"] == (
        "String should have at least 1 character, Extra inputs are not permitted"
    )
    assert problem["invalid_params"] == [
        {"name": "executable", "reason": "String should have at least 1 character"},
        {"name": "nonsense", "reason": "Extra inputs are not permitted"},
    ]


@BOTH
@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"arguments": None}, ["arguments"]),
        ({"arguments": ["a", 1]}, ["1"]),
        ({"environment": {"A": 1}}, ["A"]),
        ({"inherit_environment": "true"}, ["inherit_environment"]),
        ({"resources": {"node_count": 0, "memory": "1G"}}, ["node_count", "memory"]),
        ({"attributes": {"account": "m1", "duration": 0}}, ["duration"]),
        ({"container": {}}, ["image"]),
        ({"resources": []}, ["resources"]),
    ],
)
def test_values_of_a_wrong_kind(iri: Iri, wrong: dict[str, object], names: list[str]) -> None:
    reply = iri.submit({**SPEC, **wrong})
    assert (reply.status, [one["name"] for one in reply.json()["invalid_params"]]) == (400, names)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff"])
def test_a_body_that_is_no_object(standin: StandIn, body: bytes) -> None:
    reply = Iri(standin, 1).ask("POST", f"compute/job/{R}", body)
    assert (reply.status, len(reply.json()["invalid_params"])) == (400, 1)


@BOTH
@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("?bogus=1", 422, "Unexpected query parameter: bogus"),
        ("?historical=1", 400, "Value error, Invalid boolean value. Expected 'true' or 'false'."),
    ],
)
def test_wrong_queries(iri: Iri, query: str, status: int, detail: str) -> None:
    reply = iri.status("17", query)
    assert (reply.status, reply.json()["detail"]) == (status, detail)


@BOTH
@pytest.mark.parametrize("query", ["?limit=1001", "?limit=-1", "?offset=x"])
def test_pages_have_limits(iri: Iri, query: str) -> None:
    assert iri.bulk(query=query).status == 400
    assert iri.bulk(query="?limit=1000").status == 200


@BOTH
def test_what_is_not_there(iri: Iri) -> None:
    reply = iri.ask("GET", "task/nope")
    assert (reply.status, reply.json()["detail"]) == (404, "Task nope not found")
    assert iri.status("17").status == 404
    assert iri.ask("GET", "nonsense").status == 404
    assert iri.ask("POST", f"compute/job/{F}", SPEC).status == 404
    assert iri.ask("PUT", f"compute/job/{R}", SPEC).status == 405


@BOTH
def test_resources_are_found_by_name(iri: Iri, standin: StandIn) -> None:
    (machine,) = iri.ask("GET", "compute/resources").json()
    assert (machine["id"], machine["name"], machine["current_status"]) == (R, MACHINE, "up")
    assert machine["resource_type"] == (
        "compute" if iri.version == 1 else "urn:doe-iri:resource:compute"
    )
    public = Iri(standin, iri.version, token="")
    assert {row["id"] for row in public.ask("GET", "status/resources").json()} == {R, F}
    assert public.ask("GET", f"status/resources/{R}").json()["name"] == MACHINE
    assert public.ask("GET", "facility").json()["short_name"] == "STANDIN"


@BOTH
def test_allocations_of_a_project(iri: Iri) -> None:
    (project,) = iri.ask("GET", "account/projects").json()
    path = f"account/projects/{project['id']}/project_allocations"
    (allocation,) = iri.ask("GET", path).json()
    (entry,) = allocation["entries"]
    assert (entry["allocation"], entry["usage"]) == (1000.0, 250.0)
    assert iri.ask("GET", f"{path}/{allocation['id']}/user_allocations").status == 200
    assert iri.ask("GET", "account/projects/nope/project_allocations").status == 404


@BOTH
def test_each_version_has_its_document(iri: Iri) -> None:
    document = iri.ask("GET", "openapi.json").json()
    assert document["info"]["version"] == ("1.0.0" if iri.version == 1 else "2.0.0")


def test_the_same_paths_by_other_methods(standin: StandIn) -> None:
    """v2 asks by POST with a body for what v1 asks for by GET."""
    assert Iri(standin, 1).ask("POST", f"filesystem/ls/{F}", {"path": "/"}).status == 405
    assert Iri(standin, 2).ask("GET", f"filesystem/ls/{F}?path=/").status == 405
