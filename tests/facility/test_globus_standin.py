# SPDX-License-Identifier: Apache-2.0
"""The Globus backend against the stand-in: tasks that are pilots, and tasks that call Slurm."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from condor_plugins.facility import globus_functions
from condor_plugins.facility.globus import Globus
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
from tests.facility.globus_asking import CLIENT_ID, SECRET
from tests.facility.slurm_commands import commands
from tests.testbed.facility.globus import BLOCK_ENDPOINT, LOGIN_ENDPOINT
from tests.testbed.facility.pretend import Pretend
from tests.testbed.facility.server import StandIn
from tests.testbed.facility.world import Settings

pytestmark = pytest.mark.programs

HELLO = "#!/bin/sh\necho hello from $0\nexit 7\n"
WAITS = "#!/bin/sh\ntrap 'echo told; exit 9' TERM\necho begun\nwhile :; do sleep 0.1; done\n"


class Site(NamedTuple):
    standin: StandIn
    facility: Facility
    globus: Globus
    root: Path

    def job(self, name: str, script: str = HELLO, **asked: Any) -> Submission:
        log = f"{self.root}/logs/{name}.log"
        return Submission(name, script, log, Resources(wall_s=600, **asked))

    def sent(self, *names: str, script: str = HELLO) -> list[Wanted]:
        outcomes = self.globus.submit([self.job(name, script) for name in names])
        return [wanted(one) for one in outcomes]

    def ends(self, jobs: list[Wanted]) -> dict[str, RemoteJob]:
        """States once all of them have ended."""
        end_s = time.monotonic() + 20
        while True:
            found = self.globus.states(jobs)
            if len(found) == len(jobs) and all(one.ended for one in found.values()):
                return found
            assert time.monotonic() < end_s, f"they do not end: {found}"
            time.sleep(0.1)

    def submits(self) -> int:
        return sum(line.path.endswith("/submit") for line in self.standin.requests())


def wanted(outcome: Outcome) -> Wanted:
    assert isinstance(outcome, Accepted | Unclear), outcome
    if isinstance(outcome, Accepted):
        return Wanted(outcome.name, outcome.id)
    return Wanted(outcome.name, "", outcome.hint)


def site_of(tmp_path: Path, standin: StandIn, **options: str) -> Site:
    root = tmp_path / "site"
    root.mkdir(exist_ok=True)
    secret = tmp_path / "secret"
    secret.write_text(json.dumps({"client_id": CLIENT_ID, "client_secret": SECRET}))
    facility = Facility(
        "x", "globus", standin.url("globus"), "", str(root), secret=str(secret),
        token_url=standin.url("globus-token"), timeout_s=10.0,
        options={"Endpoint": LOGIN_ENDPOINT, **options},
    )  # fmt: skip
    return Site(standin, facility, Globus(facility, tmp_path / "state"), root)


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[StandIn]:
    home = tmp_path / "home"
    with StandIn(Pretend(home=home), Settings(clients={CLIENT_ID: SECRET}), home) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Pilots as tasks, which look for their stop file more often than usual."""
    quick = globus_functions.pilot()
    source = quick.source.replace("LOOK_S = 5.0", "LOOK_S = 0.1")
    assert source != quick.source
    monkeypatch.setattr(globus_functions, "pilot", lambda: quick._replace(source=source))
    return site_of(tmp_path, standin)


def test_many_pilots_in_one_request(site: Site) -> None:
    jobs = site.sent("gl-1", "gl-2", "gl-3")
    assert site.submits() == 1
    ends = site.ends(jobs)
    assert {(one.ended, one.exit_code, one.status) for one in ends.values()} == {
        ("failed", 7, COMPLETED)
    }
    assert all(one.start_s > 1e9 and one.nodes for one in ends.values())
    log = site.globus.get(f"{site.root}/logs/gl-2.log", 100) or b""
    assert log.startswith(b"hello from /dev/fd/")
    again = Globus(site.facility, Path(site.facility.secret).parent / "state")
    again.submit([site.job("gl-4")])
    registered = [one for one in site.standin.requests() if one.path.endswith("/functions")]
    assert len(registered) == 2  # the pilot and the files, each once


def test_a_stop_file_ends_a_pilot(site: Site) -> None:
    jobs = site.sent("gl-1", script=WAITS)
    until(lambda: b"begun" in (site.globus.get(f"{site.root}/logs/gl-1.log", 100) or b""))
    assert site.globus.states(jobs)["gl-1"].status == RUNNING
    assert site.globus.cancel(jobs) == {"gl-1": ""}
    end = site.ends(jobs)["gl-1"]
    assert (end.ended, end.exit_code) == ("cancelled", 9)
    assert not (site.root / "stop" / "gl-1").exists()


def test_a_pilot_that_has_not_begun_never_does(site: Site) -> None:
    site.globus.cancel([Wanted("gl-1")])
    end = site.ends(site.sent("gl-1"))["gl-1"]
    assert (end.ended, end.exit_code) == ("cancelled", None)
    assert not (site.root / "logs" / "gl-1.log").exists()


def test_a_lost_answer_is_found_by_its_group(site: Site) -> None:
    site.standin.faults({"kind": "drop", "match": "POST /submit", "times": 1})
    outcomes = site.globus.submit([site.job(name) for name in ("gl-1", "gl-2", "gl-3")])
    assert all(isinstance(one, Unclear) for one in outcomes)
    assert site.submits() == 1
    assert {one.exit_code for one in site.ends([wanted(one) for one in outcomes]).values()} == {7}
    # The same after we were killed before the outcome was written down.
    ends = site.ends([Wanted("gl-3"), Wanted("gl-1")])
    assert len({one.id for one in ends.values()}) == 2


def test_a_submit_that_never_arrived_is_not_there(site: Site) -> None:
    site.standin.faults({"kind": "drop-before", "match": "POST /submit", "times": 1})
    outcome = site.globus.submit([site.job("gl-1")])[0]
    assert isinstance(outcome, Unclear)
    assert site.globus.states([wanted(outcome), Wanted("gl-2", "no-such-task")]) == {}


def test_a_wrong_assignment_heals_by_the_result(site: Site) -> None:
    jobs = site.sent("gl-1", "gl-2")
    right = {job.name: job.id for job in jobs}
    site.ends(jobs)
    swapped = [Wanted("gl-1", right["gl-2"]), Wanted("gl-2", right["gl-1"])]
    assert {name: one.id for name, one in site.globus.states(swapped).items()} == right


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "code": 429, "retry_after": "3"}, NotSent),
        ({"kind": "status", "code": 413}, Refused),
        ({"kind": "status", "code": 403}, NotSent),
        ({"kind": "status", "code": 503}, Unclear),
        ({"kind": "truncate"}, Unclear),
    ],
)
def test_what_an_answer_means(site: Site, fault: dict[str, Any], kind: type) -> None:
    site.standin.faults({**fault, "match": "POST /submit"})
    outcome = site.globus.submit([site.job("gl-1")])[0]
    assert isinstance(outcome, kind), outcome
    assert not isinstance(outcome, NotSent) or fault["code"] != 429 or outcome.retry_after_s == 3


def test_an_expired_token_is_fetched_again(site: Site) -> None:
    site.sent("gl-1")
    site.standin.faults({"kind": "expire-token", "times": 1})
    assert site.globus.states(site.sent("gl-2"))
    assert site.globus.login() > 1000
    Path(site.facility.secret).write_text(
        json.dumps({"client_id": CLIENT_ID, "client_secret": "x"})
    )
    fresh = Globus(site.facility, Path(site.facility.secret).parent / "state")
    outcome = fresh.submit([site.job("gl-3")])[0]
    assert isinstance(outcome, NotSent)
    assert "standin-secret" not in outcome.reason


def test_a_lost_worker_is_a_node_failure(site: Site) -> None:
    site.standin.faults({"kind": "task-fails", "times": 1})
    end = site.ends(site.sent("gl-1"))["gl-1"]
    assert end.ended in {"node-failure", "failed"}
    assert end.reason


def test_files_go_and_come(site: Site) -> None:
    path = f"{site.root}/store/ab/file"
    site.globus.put(path, bytes(range(256)))
    assert site.globus.get(path, 1000) == bytes(range(256))
    assert site.globus.get(path, 2) == b"\xfe\xff"
    assert os.stat(path).st_mode & 0o777 == 0o600
    site.globus.remove([f"{site.root}/store", f"{site.root}/none"])
    assert site.globus.get(path, 2) is None
    with pytest.raises(Rejected):
        site.globus.remove(["/etc"])


def test_health_is_the_endpoints(site: Site) -> None:
    assert site.globus.health().state == "up"
    site.standin.faults({"kind": "offline"})
    assert site.globus.health().state == "down"
    site.standin.world.faults.clear()


def test_pilots_in_blocks(tmp_path: Path, standin: StandIn) -> None:
    site = site_of(tmp_path, standin, Endpoint=BLOCK_ENDPOINT, ControlEndpoint=LOGIN_ENDPOINT)
    jobs = site.sent("gl-1")
    until(lambda: site.globus.states(jobs)["gl-1"].word == "waiting-for-nodes")
    assert site.globus.states(jobs)["gl-1"].status == IDLE
    site.globus.put(f"{site.root}/x", b"y")
    assert site.globus.get(f"{site.root}/x", 9) == b"y"


@pytest.fixture
def batch(tmp_path: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> Site:
    commands(tmp_path / "slurm", monkeypatch)
    return site_of(tmp_path, standin, Mode="batch")


def test_batch_submits_once_and_tells_the_end(batch: Site, tmp_path: Path) -> None:
    outcomes = batch.globus.submit([batch.job("gl-1"), batch.job("gl-2", queue="bad queue")])
    assert isinstance(outcomes[1], Refused)
    jobs = [wanted(outcomes[0])]
    again = batch.globus.submit([batch.job("gl-1")])
    assert again == [Accepted("gl-1", jobs[0].id)]
    assert batch.globus.states([*jobs, Wanted("gl-7", "777"), Wanted("gl-8")]).keys() == {"gl-1"}
    (tmp_path / "slurm" / "end").write_text(f"{jobs[0].id} FAILED 3:0")
    end = batch.globus.states(jobs)["gl-1"]
    assert (end.ended, end.exit_code, end.status) == ("failed", 3, COMPLETED)


def test_batch_finds_what_a_lost_answer_submitted(batch: Site) -> None:
    batch.standin.faults({"kind": "drop", "match": "POST /submit", "times": 1})
    outcome = batch.globus.submit([batch.job("gl-1")])[0]
    assert isinstance(outcome, Unclear)
    until(lambda: "gl-1" in batch.globus.states([wanted(outcome)]))
    assert batch.globus.states([wanted(outcome)])["gl-1"].id.isdigit()


def test_batch_cancels_also_what_comes_later(batch: Site) -> None:
    jobs = batch.sent("gl-1")
    assert batch.globus.cancel([*jobs, Wanted("gl-2")]) == {"gl-1": "", "gl-2": ""}
    assert batch.globus.states(jobs)["gl-1"].ended == "cancelled"
    late = batch.globus.submit([batch.job("gl-2")])[0]
    assert isinstance(late, Refused)
    assert "cancelled" in late.reason


def test_batch_refused_by_sbatch(batch: Site) -> None:
    outcome = batch.globus.submit([batch.job("gl-1", project="wrong")])[0]
    assert isinstance(outcome, Refused)
    assert "Invalid account" in outcome.reason


def test_batch_without_squeue_is_no_news(batch: Site, tmp_path: Path) -> None:
    jobs = batch.sent("gl-1")
    (tmp_path / "slurm" / "down").touch()
    with pytest.raises(NoNews, match="Unable to contact"):
        batch.globus.states(jobs)


def test_batch_collects_a_slow_answer_later(batch: Site) -> None:
    jobs = batch.sent("gl-1")
    quick = batch.facility._replace(timeout_s=1.0)
    slow = Globus(quick, Path(quick.secret).parent / "state")
    batch.standin.faults({"kind": "offline"})
    for _ in range(2):
        with pytest.raises(NoNews):
            slow.states(jobs)
    tasks = batch.submits()
    batch.standin.world.faults.clear()
    until(lambda: told(slow, jobs))
    assert batch.submits() == tasks == 2


def told(globus: Globus, jobs: list[Wanted]) -> bool:
    try:
        return "gl-1" in globus.states(jobs)
    except NoNews:
        return False


def until(fact: Callable[[], bool], limit_s: float = 20.0) -> None:
    end_s = time.monotonic() + limit_s
    while not fact():
        assert time.monotonic() < end_s, "it does not happen"
        time.sleep(0.1)
