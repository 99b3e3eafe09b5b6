# SPDX-License-Identifier: Apache-2.0
"""The IRI backend with recorded answers: job specs, rows, strange lists, moved resources."""

import base64
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from condor_plugins.facility.iri import Iri, end_of
from condor_plugins.facility.iri_api import IriApi
from condor_plugins.facility.iri_rows import Row, matched, rows_of
from condor_plugins.facility.iri_spec import LONGEST_WORD, arguments, job_spec
from condor_plugins.facility.values import (
    COMPLETED,
    IDLE,
    RUNNING,
    Accepted,
    Facility,
    NoAccess,
    NoNews,
    NotSent,
    Rejected,
    Resources,
    Submission,
    Wanted,
)
from tests.facility.web_player import Heard, Player, Said, playing, said

SCRIPT = "#!/bin/sh\nprintf '%s;' \"a'b\\\\c\" $#\ncat\n"
ROOT = "/pscratch/x/pilots"
V1 = "/iri/api/v1/"


def facility(url: str = "http://127.0.0.1:1/iri", secret: str = "", **options: str) -> Facility:
    named = {"Version": "v1", **options}
    return Facility("x", "iri", url, "Perlmutter", ROOT, secret=secret, timeout_s=3, options=named)


def job(name: str = "gl-1", script: str = SCRIPT, **asked: Any) -> Submission:
    return Submission(name, script, f"{ROOT}/logs/{name}.log", Resources(**asked))


def run(script: str) -> str:
    argv = ["/bin/bash", *arguments(script, "-c")]
    return subprocess.run(argv, input="fed", capture_output=True, text=True, check=True).stdout


def test_the_script_arrives_whole_and_leaves_standard_input_alone() -> None:
    assert run(SCRIPT) == "a'b\\c;0;fed"
    words = arguments(SCRIPT, "-lc")
    assert words[0] == "-lc"
    assert not set("\"'\\\n$") & set("".join(words))


def test_a_long_script_goes_in_pieces() -> None:
    script = "#!/bin/sh\n" + "# 0123456789\n" * 12000 + "echo end\n"
    assert max(map(len, arguments(script, "-c"))) <= LONGEST_WORD
    assert len(arguments(script, "-c")) > 4
    assert run(script) == "end\n"


def test_a_spec_has_what_is_asked_for_and_no_more() -> None:
    spec = job_spec(job(), facility())
    assert spec["resources"] == {"node_count": 1}
    assert spec.keys() == {
        *("executable", "arguments", "directory", "name", "stdout_path", "stderr_path"),
        "resources",
    }
    asked = job(
        queue="q", project="m1", constraint="cpu", licenses="scratch", wall_s=60, cpus=4, gpus=2,
        nodes=3, memory_mb=1, reservation="r", extra="--qos=big ntasks=3",
    )  # fmt: skip
    full = job_spec(asked, facility(Filesystems="home:eagle", Environment="A=1", Files="false"))
    assert full["attributes"] == {
        "duration": 60,
        "queue_name": "q",
        "account": "m1",
        "reservation_id": "r",
        "custom_attributes": {
            "qos": "big",
            "ntasks": "3",
            "constraint": "cpu",
            "licenses": "scratch",
            "filesystems": "home:eagle",
        },
    }
    assert full["resources"] == {
        "node_count": 3,
        "cpu_cores_per_process": 4,
        "gpu_cores_per_process": 2,
        "memory": 1048576,
    }
    assert (full["directory"], full["environment"]) == ("/pscratch/x", {"A": "1"})


@pytest.mark.parametrize(
    "wrong", [job(extra="--exclusive"), job(extra="a='b'"), job(script="#!/bin/sh\n# ü\n")]
)
def test_what_cannot_be_said_is_refused(wrong: Submission) -> None:
    with pytest.raises(Rejected):
        job_spec(wrong, facility())


@pytest.mark.parametrize(
    "name", ["queue", "project", "constraint", "reservation", "licenses", "Filesystems"]
)
def test_a_value_that_could_be_more_is_refused_by_name(name: str) -> None:
    bad = "a\n#PBS -x"
    own = facility(Filesystems=bad) if name == "Filesystems" else facility()
    asked = {} if name == "Filesystems" else {name: bad}
    with pytest.raises(Rejected, match=name):
        job_spec(job(**asked), own)


def row(state: str, meta: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    return {"id": "7", "status": {"state": state, "meta_data": meta, **status}}


NERSC = {"jobid": "7", "name": "gl-1", "nodelist": "nid1", "reason": "None"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (row("new", exit_code=0), (IDLE, "", None, None)),
        (row("held", message="limit"), (IDLE, "", None, None)),
        (row("active"), (RUNNING, "", None, None)),
        (row("levitating"), (IDLE, "", None, None)),
        (row("levitating", {"exec_host": "x1"}), (RUNNING, "", None, None)),
        (row("completed", exit_code=0), (COMPLETED, "completed", 0, None)),
        (row("completed"), (COMPLETED, "completed", None, None)),
        (row("completed", exit_code=3), (COMPLETED, "failed", 3, None)),
        (row("failed", exit_code=271), (COMPLETED, "failed", None, 15)),
        (row("failed", exit_code=True), (COMPLETED, "failed", None, None)),
        (row("canceled", exit_code=0), (COMPLETED, "cancelled", 0, None)),
        (
            row("failed", NERSC | {"state": "TIMEOUT", "exitcode": "0:15"}, exit_code=0),
            (COMPLETED, "time-limit", 0, 15),
        ),
        (
            row("canceled", NERSC | {"state": "CANCELLED by 1"}),
            (COMPLETED, "cancelled", None, None),
        ),
        (
            row("failed", NERSC | {"state": "OUT_OF_MEMORY"}),
            (COMPLETED, "out-of-memory", None, None),
        ),
        (row("active", NERSC | {"state": "RUNNING", "time": "1:00"}), (RUNNING, "", None, None)),
    ],
)
def test_rows(said: dict[str, Any], expected: tuple[Any, ...]) -> None:
    found = Row(said).as_job("gl-1")
    assert (found.status, found.ended, found.exit_code, found.signal) == expected
    assert (found.name, found.id) == ("gl-1", "7")


def test_a_slurm_row_tells_node_and_start() -> None:
    found = Row(row("active", NERSC | {"state": "RUNNING", "time": "1:00"})).as_job("gl-1")
    assert (found.word, found.nodes) == ("RUNNING", "nid1")
    assert abs(time.time() - 60 - found.start_s) < 5


def test_only_what_is_wanted_is_taken_and_junk_is_passed_over() -> None:
    junk: list[Any] = [None, 3, {}, {"id": None, "status": {"state": "active"}}, {"id": "1"}]
    junk += [{"id": "a b", "status": {"state": "active"}}, {"id": "9", "status": []}]
    twice = [
        {"id": "5", "status": {"state": "failed"}, "job_spec": {"name": "gl-5"}},
        {"id": "6", "status": {"state": "active"}, "job_spec": {"name": "gl-5"}},
    ]
    other = {"id": "77", "status": {"state": "active"}, "job_spec": {"name": "gl-1"}}
    rows = rows_of([*junk, *twice, other, row("queued")])
    found = matched(rows, [Wanted("gl-1", "7"), Wanted("gl-5"), Wanted("gl-9", "9")])
    assert {name: one.id for name, one in found.items()} == {"gl-1": "7", "gl-5": "6"}
    assert rows_of({"detail": "x"}) == []


class Site(NamedTuple):
    player: Player
    iri: Iri
    plays: dict[str, Callable[[Heard], Said] | Said]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """v1 as in the recorded exchange, but with a resource list of its own."""
    plays: dict[str, Callable[[Heard], Said] | Said] = {
        "GET compute/resources": said([
            {"id": "R", "name": "perlmutter"},
            {"id": "Q", "name": "x"},
        ]),
    }

    def answer(one: Heard) -> Said:
        play = plays.get(f"{one.method} {one.path.removeprefix(V1)}", said({"detail": "gone"}, 404))
        return play if isinstance(play, Said) else play(one)

    (tmp_path / "token").write_text("12345")
    with playing(answer) as player:
        made = facility(f"{player.url}/iri", str(tmp_path / "token"), Files="false")
        yield Site(player, Iri(made, tmp_path / "state"), plays)


def test_a_random_list_confuses_nobody(site: Site) -> None:
    """The demo adapter answers with random jobs and looks at neither ids nor limits."""
    others = [
        {"id": f"job_{n}", "status": {"state": "completed", "exit_code": 128}} for n in range(8)
    ]
    site.plays["POST compute/status/R"] = said(others)
    site.plays["GET compute/status/R/job_123"] = said({
        "id": "job_123",
        "status": {"state": "active"},
    })
    found = site.iri.states([
        Wanted("gl-1", "job_123"),
        Wanted("gl-2", "job_3"),
        Wanted("gl-3", "z"),
    ])
    assert {name: one.status for name, one in found.items()} == {"gl-1": RUNNING, "gl-2": COMPLETED}


def test_pages_are_turned(site: Site) -> None:
    jobs = [
        {"id": str(n), "status": {"state": "queued"}, "job_spec": {"name": f"gl-{n}"}}
        for n in range(2500)
    ]

    def page(one: Heard) -> Said:
        at, most = int(one.query["offset"]), int(one.query["limit"])
        return said(jobs[at : at + most])

    site.plays["POST compute/status/R"] = page
    assert site.iri.states([Wanted("gl-2400")])["gl-2400"].id == "2400"
    asked = site.player.asked("POST", "compute/status")
    assert [one.query["offset"] for one in asked] == ["0", "1000", "2000"]
    assert {one.query["historical"] for one in asked} == {"false"}


def test_a_server_that_ignores_the_offset_is_left_in_peace(site: Site) -> None:
    jobs = [
        {"id": str(n), "status": {"state": "queued"}, "job_spec": {"name": "x"}}
        for n in range(1200)
    ]
    site.plays["POST compute/status/R"] = said(jobs)
    assert site.iri.states([Wanted("gl-1")]) == {}
    assert len(site.player.asked("POST", "compute/status")) == 4


def test_a_list_without_names_leaves_the_nameless_open(site: Site) -> None:
    site.plays["POST compute/status/R"] = said([{"id": "1", "status": {"state": "queued"}}])
    found = site.iri.states([Wanted("gl-1"), Wanted("gl-2", "1")])
    assert (found["gl-1"].status, found["gl-1"].id, found["gl-1"].word) == (IDLE, "", "unknown")
    assert found["gl-2"].word == "queued"


def test_who_gets_no_answer_of_his_own_stays_as_he_was(site: Site) -> None:
    site.plays["POST compute/status/R"] = said([])
    alive = said({"id": "1", "status": {"state": "active"}})
    site.plays["GET compute/status/R/1"] = alive
    site.plays["GET compute/status/R/2"] = said({"id": "2", "status": {"state": "active"}})
    both = [Wanted("gl-1", "1"), Wanted("gl-2", "2")]
    before = site.iri.states(both)
    site.plays["GET compute/status/R/2"] = said({"detail": "x"}, 500)
    assert site.iri.states(both) == before
    site.plays["GET compute/status/R/1"] = said({"detail": "x"}, 500)
    with pytest.raises(NoNews):
        site.iri.states(both)


def test_a_resource_with_a_new_id_is_found_again(site: Site) -> None:
    site.plays["POST compute/job/R"] = said({"id": "1"})
    assert site.iri.submit([job()]) == [Accepted("gl-1", "1")]
    del site.plays["POST compute/job/R"]
    site.plays["GET compute/resources"] = said([{"id": "S", "name": "perlmutter"}])
    site.plays["POST compute/job/S"] = said({"id": "2"})
    assert site.iri.submit([job("gl-2")]) == [Accepted("gl-2", "2")]
    assert site.iri.submit([job("gl-3")]) == [Accepted("gl-3", "2")]
    assert len(site.player.asked("POST", "job/R")) == 2


def test_a_404_of_a_front_end_is_no_news(site: Site) -> None:
    page = Said(b"<html>no route</html>", 404)
    site.plays["POST compute/status/R"] = said([])
    site.plays["GET compute/status/R/1"] = page
    site.plays["DELETE compute/cancel/R/1"] = page
    with pytest.raises(NoNews):
        site.iri.states([Wanted("gl-1", "1")])
    with pytest.raises(NoNews):
        site.iri.cancel([Wanted("gl-1", "1")])
    gone = said({"detail": "Job 1 not found"}, 404)
    site.plays["GET compute/status/R/1"] = gone
    assert site.iri.states([Wanted("gl-1", "1")]) == {}


def test_a_404_whose_resource_cannot_be_looked_up_is_no_news(site: Site) -> None:
    site.plays["POST compute/status/R"] = said([])
    assert site.iri.states([Wanted("gl-1")]) == {}
    site.plays["GET compute/resources"] = said([])
    with pytest.raises(NoNews, match="looked up"):
        site.iri.states([Wanted("gl-1", "1")])


@pytest.mark.parametrize(
    ("two", "one", "version"),
    [
        (200, 500, "2"),
        (404, 200, "1"),
        (404, 404, ""),
        (302, 200, ""),
        (401, 200, ""),
        (503, 0, ""),
    ],
)
def test_only_a_plain_answer_tells_the_version(
    two: int, one: int, version: str, tmp_path: Path
) -> None:
    def answer(asked: Heard) -> Said:
        return said({"detail": "x"}, two if "openapi" in asked.path else one)

    with playing(answer) as player:
        api = IriApi(facility(f"{player.url}/iri", Version="")._replace(timeout_s=0.5), tmp_path)
        if version:
            assert api.version() == version
            return
        with pytest.raises(NoNews):
            api.version()
    assert not (tmp_path / "iri.json").exists()


@pytest.mark.parametrize("said_so", ["v1", "1", "V2", "2"])
def test_the_version_may_be_told(said_so: str, tmp_path: Path) -> None:
    assert IriApi(facility(Version=said_so), tmp_path).version() == said_so[-1]


def test_without_a_token_there_is_no_access(site: Site, tmp_path: Path) -> None:
    site.plays["POST compute/status/R"] = said({"detail": "no"}, 401)
    with pytest.raises(NoAccess):
        site.iri.states([Wanted("gl-1")])
    (tmp_path / "token").unlink()
    with pytest.raises(NoAccess):
        site.iri.cancel([Wanted("gl-1", "1")])


def test_an_unknown_machine_is_no_jobs_fault(site: Site) -> None:
    site.plays["GET compute/resources"] = said([])
    site.plays["GET status/resources"] = said([])
    outcome = site.iri.submit([job()])[0]
    assert isinstance(outcome, NotSent)
    assert "Perlmutter" in outcome.reason


def test_a_facility_that_takes_neither_filter_nor_spec(site: Site) -> None:
    def picky(one: Heard) -> Said:
        if "include_spec" in one.query or one.body != b"{}":
            return said({"detail": "not implemented"}, 501)
        return said([{"id": "1", "status": {"state": "active"}}])

    site.plays["POST compute/status/R"] = picky
    for asked in (4, 5):
        assert site.iri.states([Wanted("gl-1", "1")])["gl-1"].status == RUNNING
        assert len(site.player.asked("POST", "compute/status")) == asked


def test_cancel_keeps_the_facilitys_words_apart(site: Site) -> None:
    said_no = {
        "DELETE compute/cancel/R/1": Said(b"", 204),
        "DELETE compute/cancel/R/2": said({"detail": "Job 2 not found."}, 400),
        "DELETE compute/cancel/R/3": said({"detail": "not yours"}, 422),
        "DELETE compute/cancel/R/4": said({"detail": "late"}, 500),
    }
    site.plays.update(said_no)
    told = site.iri.cancel([Wanted(f"gl-{n}", str(n)) for n in range(1, 5)])
    assert (told["gl-1"], told["gl-2"]) == ("", "")
    assert "not yours" in told["gl-3"]
    assert "late" in told["gl-4"]
    with pytest.raises(NoNews):
        site.iri.cancel([Wanted("gl-4", "4")])


def test_the_end_of_a_token_is_read_without_its_key() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 4102444800}).encode()).decode().rstrip("=")
    assert end_of(f"x.{claims}.y") == 4102444800
    assert end_of("opaque") == end_of("a.b.c") == end_of(f"x.{claims[:-9]}.y") == 0
