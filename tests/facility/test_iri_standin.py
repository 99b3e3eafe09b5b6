# SPDX-License-Identifier: Apache-2.0
"""The IRI backend against the stand-in: whole lives of pilots, lost answers, three facilities."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from condor_plugins.facility import iri_submit
from condor_plugins.facility.iri import Iri
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
from tests.facility.iri_asking import MACHINE, TOKEN, USER, stand_in
from tests.testbed.facility.pretend import Pretend
from tests.testbed.facility.pretend_run import Processes
from tests.testbed.facility.server import StandIn

pytestmark = pytest.mark.programs


class Bench(NamedTuple):
    standin: StandIn
    pretend: Pretend
    facility: Facility
    iri: Iri
    root: Path

    def job(self, name: str = "gl-1", script: str = "#!/bin/sh\nexit 0\n") -> Submission:
        asked = Resources(project="m1", queue="debug", constraint="cpu", wall_s=600)
        return Submission(name, script, f"{self.root}/logs/{name}.log", asked)

    def sent(self, name: str = "gl-1") -> Accepted:
        outcome = self.iri.submit([self.job(name)])[0]
        assert isinstance(outcome, Accepted), outcome
        return outcome

    def submits(self) -> int:
        return sum(
            line.method == "POST" and "/compute/job/" in line.path
            for line in self.standin.requests()
        )


def bench(tmp_path: Path, standin: StandIn, pretend: Pretend, **options: str) -> Bench:
    root = tmp_path / "site" / "pilots"
    (tmp_path / "site").mkdir(exist_ok=True)
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    facility = Facility(
        "x", "iri", standin.url("").rstrip("/") + "/iri", MACHINE, str(root),
        secret=str(token), timeout_s=5.0, options={"StorageMachine": "scratch", **options},
    )  # fmt: skip
    return Bench(standin, pretend, facility, Iri(facility, tmp_path / "state"), root)


@pytest.fixture(params=["1", "2"])
def site(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    monkeypatch.setattr(iri_submit, "IN_FLIGHT_S", 0.05)
    pretend = Pretend(user=USER)
    with stand_in(tmp_path, pretend) as standin:
        yield bench(tmp_path, standin, pretend, Version=request.param)


def test_a_pilot_lives_and_fails(site: Bench) -> None:
    sent = site.sent()
    by_id, by_name = [Wanted("gl-1", sent.id)], [Wanted("gl-1")]
    assert site.iri.states(by_id)["gl-1"].status == IDLE
    assert site.iri.states(by_name)["gl-1"].id == sent.id
    site.pretend.run(sent.id)
    now = site.iri.states(by_id)["gl-1"]
    assert (now.status, now.nodes, now.ended, now.exit_code) == (RUNNING, "nid000001", "", None)
    assert now.start_s > 1e9
    site.pretend.end(sent.id, exit_code=7)
    for wanted in (by_id, by_name):
        end = site.iri.states(wanted)["gl-1"]
        assert (end.status, end.ended, end.exit_code) == (COMPLETED, "failed", 7)


@pytest.mark.parametrize(
    ("state", "signal", "ended"),
    [
        ("TIMEOUT", 0, "time-limit"),
        ("OUT_OF_MEMORY", 0, "out-of-memory"),
        ("NODE_FAIL", 0, "node-failure"),
        ("FAILED", 15, "failed"),
    ],
)
def test_the_schedulers_words_say_how_it_ended(
    site: Bench, state: str, signal: int, ended: str
) -> None:
    sent = site.sent()
    site.pretend.run(sent.id)
    site.pretend.end(sent.id, signal=signal, state=state)
    end = site.iri.states([Wanted("gl-1", sent.id)])["gl-1"]
    assert (end.ended, end.signal or 0, end.word) == (ended, signal, state)


def test_what_is_not_there_is_not_in_the_answer(site: Bench) -> None:
    sent = site.sent()
    wanted = [Wanted("gl-1", sent.id), Wanted("gl-2", "4711"), Wanted("gl-3")]
    assert set(site.iri.states(wanted)) == {"gl-1"}


def test_cancel_by_id_and_by_name_and_again(site: Bench) -> None:
    one, two = site.sent("gl-1"), site.sent("gl-2")
    wanted = [Wanted("gl-1", one.id), Wanted("gl-2"), Wanted("gl-3", "4711")]
    assert site.iri.cancel(wanted) == {"gl-1": "", "gl-2": "", "gl-3": ""}
    for name, number in (("gl-1", one.id), ("gl-2", two.id)):
        assert site.iri.states([Wanted(name, number)])[name].ended == "cancelled"
    assert site.iri.cancel(wanted[:1]) == {"gl-1": ""}
    assert site.iri.cancel([Wanted("gl-9")])["gl-9"]


def test_a_lost_answer_makes_no_second_job(site: Bench) -> None:
    lost = {"kind": "drop", "match": "POST /compute/job/", "times": 1}
    site.standin.faults(lost)
    first = site.iri.submit([site.job("gl-1")])[0]
    assert isinstance(first, Unclear)
    assert site.iri.states([Wanted("gl-1", "", first.hint)])["gl-1"].status == IDLE
    site.sent("gl-2")
    site.standin.faults(lost)
    third = site.iri.submit([site.job("gl-3")])[0]
    # Only now has a service of version 2 shown that it keeps keys.
    protected = site.facility.options["Version"] == "2"
    assert isinstance(third, Accepted if protected else Unclear)
    assert sorted(job.name for job in site.pretend.queue()) == ["gl-1", "gl-2", "gl-3"]
    assert site.submits() == (4 if protected else 3)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "code": 429, "retry_after": "7"}, NotSent),
        ({"kind": "status", "code": 401}, NotSent),
        ({"kind": "status-after", "code": 504}, Unclear),
        ({"kind": "status", "code": 422}, Refused),
        ({"kind": "truncate"}, Unclear),
        ({"kind": "drop-before"}, Unclear),
    ],
)
def test_what_an_answer_means(site: Bench, fault: dict[str, Any], kind: type) -> None:
    site.standin.faults(fault | {"match": "POST /compute/job/"})
    outcome = site.iri.submit([site.job()])[0]
    assert isinstance(outcome, kind), outcome
    if isinstance(outcome, NotSent) and fault["code"] == 429:
        assert outcome.retry_after_s == 7


def test_files_go_and_come(site: Bench) -> None:
    path = f"{site.root}/store/ab/file"
    site.iri.put(path, bytes(range(256)) * 10)
    assert site.iri.get(path, 10**6) == bytes(range(256)) * 10
    assert site.iri.get(path, 3) == b"\xfd\xfe\xff"
    assert Path(path).parent.stat().st_mode & 0o777 == 0o700
    site.iri.remove([f"{site.root}/store", f"{site.root}/none"])
    assert not Path(path).exists()
    assert site.iri.get(path, 10) is None
    site.iri.put(path, b"again")  # the directory that it made is gone
    assert Path(path).read_bytes() == b"again"
    for wrong in ("/etc/passwd", f"{site.root}/../x", f"{site.root}", f"{site.root}/a//b"):
        with pytest.raises(Rejected):
            site.iri.get(wrong, 1)


def test_a_new_token_is_used_at_once_and_a_wrong_one_named(site: Bench) -> None:
    token = Path(site.facility.secret)
    token.write_text("old")
    with pytest.raises(Rejected, match="401"):
        site.iri.states([Wanted("gl-1")])
    outcome = site.iri.submit([site.job()])[0]
    assert isinstance(outcome, NotSent | Refused)
    token.write_text(TOKEN)
    site.sent()


def test_odd_rows_and_words_harm_nobody_else(site: Bench) -> None:
    jobs = [Wanted(one, site.sent(one).id) for one in ("gl-1", "gl-2", "gl-3")]
    site.standin.faults({"kind": "bad-row", "times": 1})
    assert set(site.iri.states(jobs)) == {"gl-1", "gl-2", "gl-3"}
    site.standin.faults({"kind": "unknown-state", "word": "levitating"})
    assert {one.ended for one in site.iri.states(jobs).values()} == {""}


def test_a_bulk_failure_is_no_news(site: Bench) -> None:
    sent = site.sent()
    site.standin.faults({"kind": "status", "code": 500, "match": "POST /compute/status/"})
    with pytest.raises(NoNews):
        site.iri.states([Wanted("gl-1", sent.id)])


def test_health_allocation_and_credential(site: Bench) -> None:
    assert site.iri.health().state == "up"
    assert all(one.granted >= one.used >= 0 for one in site.iri.allocation())
    assert site.iri.allocation()
    assert site.iri.credential().expires_s == 0
    site.standin.faults({"kind": "maintenance"})
    assert site.iri.health().state == "down"


def test_a_service_without_keys_is_asked_without_them(tmp_path: Path) -> None:
    pretend = Pretend(user=USER)
    with stand_in(tmp_path, pretend, idempotency="off") as standin:
        site = bench(tmp_path, standin, pretend, Version="2")
        site.sent("gl-1")
        site.sent("gl-2")
        assert (len(pretend.queue()), site.submits()) == (2, 3)


def test_the_version_is_found_and_kept(tmp_path: Path) -> None:
    pretend = Pretend(user=USER)
    with stand_in(tmp_path, pretend) as standin:
        bench(tmp_path, standin, pretend).sent("gl-1")
        probes = [one for one in standin.requests() if "openapi" in one.path]
        bench(tmp_path, standin, pretend).sent("gl-2")
        again = [one for one in standin.requests() if "openapi" in one.path]
    assert len(probes) == len(again) == 1


def test_alcf_takes_it_and_completed_may_be_a_failure(tmp_path: Path) -> None:
    home = tmp_path / "home"
    pretend = Pretend(processes=Processes(tmp_path / "spool"), home=home, user=USER)
    with stand_in(home, pretend, flavour="alcf") as standin:
        site = bench(tmp_path, standin, pretend, Login="-lc", Filesystems="home:eagle")
        script = '#!/bin/sh\necho "it\'s $((6 * 7)) \\ here"\nexit 3\n'
        sent = site.iri.submit([site.job("gl-1", script)])[0]
        assert isinstance(sent, Accepted)
        assert sent.id.endswith(".polaris-pbs-01")
        wanted = [Wanted("gl-1", sent.id), Wanted("gl-2", "99.polaris-pbs-01")]
        until(lambda: bool(site.iri.states(wanted)["gl-1"].ended))
        found = site.iri.states(wanted)
        assert set(found) == {"gl-1"}
        assert (found["gl-1"].ended, found["gl-1"].exit_code) == ("failed", 3)
        log = site.iri.get(f"{site.root}/logs/gl-1.log", 1000)
        assert log == b"it's 42 \\ here\n"


def test_olcf_without_files_and_without_lists(tmp_path: Path) -> None:
    pretend = Pretend(user=USER)
    with stand_in(tmp_path, pretend, flavour="olcf") as standin:
        site = bench(tmp_path, standin, pretend, Files="false", Bulk="false")
        assert not site.iri.keeps_files
        sent = site.sent()
        assert set(site.iri.states([Wanted("gl-1", sent.id), Wanted("gl-2", "77")])) == {"gl-1"}
        assert site.iri.cancel([Wanted("gl-1", sent.id)]) == {"gl-1": ""}
        unsure = site.iri.states([Wanted("gl-1", sent.id), Wanted("gl-3")])["gl-3"]
        assert (unsure.status, unsure.word, unsure.ended) == (IDLE, "unknown", "")
        with pytest.raises(Rejected, match="Files"):
            site.iri.put(f"{site.root}/x", b"")
        assert site.iri.allocation() == []


def until(fact: Callable[[], bool], limit_s: float = 10.0) -> None:
    end_s = time.monotonic() + limit_s
    while not fact():
        assert time.monotonic() < end_s, "the pilot does not end"
        time.sleep(0.05)
