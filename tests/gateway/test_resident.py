# SPDX-License-Identifier: Apache-2.0
"""The resident gateway as a process, driven as HTCondor's gridmanager drives it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import classad2
import htcondor2  # noqa: F401 (before classad2 evaluates anything)
import pytest

from tests.gateway.gateway_site import Gridmanager, Site, wait_until
from tests.gateway.test_gahp import FIELDS

pytestmark = pytest.mark.programs


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def manager(site: Site) -> Iterator[Gridmanager]:
    with Gridmanager(site) as one:
        yield one
    assert one.slowest_s < 5, "an answer was late"


def submit(manager: Gridmanager, ad: str) -> str:
    code, words, job = manager.call("BLAH_JOB_SUBMIT", ad)
    assert (code, words) == ("0", "No error")
    return job


def status(manager: Gridmanager, job: str) -> dict[str, object]:
    code, _, number, ad = manager.call("BLAH_JOB_STATUS", job)
    assert code == "0"
    found = dict(classad2.ClassAd(ad).items())
    assert found["JobStatus"] == int(number)
    return found


def test_it_says_what_it_can_do(manager: Gridmanager) -> None:
    assert set(FIELDS) <= set(manager.commands)
    assert "ASYNC_MODE_ON" in manager.commands
    assert "CACHE_PROXY_FROM_FILE" not in manager.commands
    assert manager.ask("VERSION").startswith("S $GahpVersion")
    assert manager.ask("NO_SUCH_THING").startswith("E")


def test_a_job_from_submission_to_output(site: Site, manager: Gridmanager) -> None:
    assert manager.call("BLAH_PING", "nersc") == ["0", "No error"]
    job = submit(manager, site.ad())
    (name,) = site.backend.jobs()
    batch_type, day, handle = job.split("/")
    assert (batch_type, len(day), handle) == ("nersc", 8, site.backend.jobs()[name]["id"])
    assert status(manager, job)["JobStatus"] == 1
    site.backend.run(name)
    wait_until("it runs", lambda: status(manager, job)["JobStatus"] == 2)
    site.backend.end(name, exit_code=3, ended="failed")
    last = wait_until("it ended", lambda: _if(status(manager, job), 4))
    assert last["ExitCode"] == 3
    assert (site.base / "out").read_text(encoding="utf-8") == "written there\n"
    assert status(manager, job)["JobStatus"] == 4


def _if(found: dict[str, object], number: int) -> dict[str, object] | None:
    return found if found["JobStatus"] == number else None


def test_the_same_job_twice_is_submitted_once(site: Site, manager: Gridmanager) -> None:
    first = manager.start("BLAH_JOB_SUBMIT", site.ad())
    second = manager.start("BLAH_JOB_SUBMIT", site.ad())
    assert manager.result(first) == manager.result(second)
    assert len(site.backend.jobs()) == 1


def test_a_refusal_comes_in_the_batch_system_s_words(site: Site, manager: Gridmanager) -> None:
    site.backend.set_fault("submit", "refuse sbatch: error: Invalid qos specification")
    code, words, job = manager.call("BLAH_JOB_SUBMIT", site.ad())
    assert (code, job) == ("1", "NULL")
    assert "Invalid qos specification" in words


@pytest.mark.parametrize(
    "ad",
    ["", "[", "no ad", '[ gridtype = "nersc" ]', '[ gridtype = "nersc"; Cmd = "/bin/true" '],
)
def test_a_damaged_ad_is_an_error_and_no_more(ad: str, site: Site, manager: Gridmanager) -> None:
    code, words, job = manager.call("BLAH_JOB_SUBMIT", ad)
    assert (code, job) == ("1", "NULL")
    assert words
    assert submit(manager, site.ad())


def test_damaged_commands_get_results_of_the_right_form(site: Site, manager: Gridmanager) -> None:
    """The driver asserts the number of words of each."""
    for verb in FIELDS:
        for words in ((), ("nersc/20260101/1", "x", "y", "z"), ("",)):
            assert manager.call(verb, *words)[0] != "0"
    for raw in (b"\n", b"  \r\n", b"BLAH_JOB_STATUS\r\n", b"BLAH_JOB_STATUS x y\r\n", b"\xff\n"):
        manager.send(raw)
    answers = [manager.read() for _ in range(3)]
    assert {line[0] for line in answers} == {"E"}
    assert submit(manager, site.ad())


def test_an_unknown_facility_is_said_and_nothing_else_suffers(
    site: Site, manager: Gridmanager
) -> None:
    code, words = manager.call("BLAH_PING", "nowhere")
    assert code == "1"
    assert "nowhere" in words
    assert manager.call("BLAH_JOB_STATUS", "nowhere/20260101/1")[0] == "1"
    assert submit(manager, site.ad())


def test_results_are_announced_once(site: Site, manager: Gridmanager) -> None:
    ids = [manager.start("BLAH_JOB_CANCEL", f"nersc/20260101/gone-{n}") for n in range(20)]
    for one in ids:
        assert manager.result(one) == ["0", "No error"]
    assert manager.quiet(0.5)
    assert manager.fetch() == 0
    assert manager.call("BLAH_PING", "nersc")[0] == "0"


def test_without_asynchronous_mode_nothing_is_announced(site: Site) -> None:
    manager = Gridmanager(site)
    reqid = manager.start("BLAH_PING", "nersc")
    wait_until("a result", manager.fetch)
    assert manager.results[reqid] == ["0", "No error"]
    assert manager.told == 0
    assert manager.close() == 0


def test_a_hanging_facility_holds_up_no_question(site: Site, manager: Gridmanager) -> None:
    job = submit(manager, site.ad())
    (name,) = site.backend.jobs()
    site.backend.run(name)
    wait_until("it runs", lambda: status(manager, job)["JobStatus"] == 2)
    for verb in ("submit", "states", "cancel", "health"):
        site.backend.set_fault(verb, "hang")
    waiting = [manager.start("BLAH_PING", "nersc"), manager.start("BLAH_JOB_CANCEL", job)]
    waiting += [manager.start("BLAH_JOB_SUBMIT", site.ad(f"home_bl_x_{n}")) for n in range(6)]
    assert all(status(manager, job)["JobStatus"] in {2, 4} for _ in range(20))
    assert not set(waiting) & set(manager.results)
    for verb in ("submit", "states", "cancel", "health"):
        site.backend.set_fault(verb, "")
    assert [manager.result(one)[0] for one in waiting] == ["0"] * 8


def test_after_patience_a_submission_has_the_job_s_own_name(tmp_path: Path) -> None:
    """HTCondor would hold the job after 300 s; it is asked for under this name from then on."""
    site = Site(tmp_path, patience_s=1.0)
    site.backend.set_fault("submit", "hang")
    with Gridmanager(site) as manager:
        job = submit(manager, site.ad())
        assert job.split("/")[2].startswith("gl-")
        assert status(manager, job)["JobStatus"] == 1
        site.backend.set_fault("submit", "")
        (name,) = wait_until("it is submitted", site.backend.jobs)
        site.backend.end(name)
        wait_until("it ended", lambda: status(manager, job)["JobStatus"] == 4)


def test_an_outage_changes_nothing_and_is_survived(site: Site, manager: Gridmanager) -> None:
    job = submit(manager, site.ad())
    (name,) = site.backend.jobs()
    site.backend.run(name)
    wait_until("it runs", lambda: status(manager, job)["JobStatus"] == 2)
    for verb in ("states", "health", "cancel"):
        site.backend.set_fault(verb, "no-news")
    asked = len(site.backend.calls())
    wait_until("it was asked in vain", lambda: len(site.backend.calls()) > asked)
    assert status(manager, job)["JobStatus"] == 2
    code, words = manager.call("BLAH_PING", "nersc")
    assert code == "1"
    assert "no answer" in words
    for verb in ("states", "health", "cancel"):
        site.backend.set_fault(verb, "")
    site.backend.end(name)
    wait_until("it ended", lambda: status(manager, job)["JobStatus"] == 4, 30)


def test_errors_that_nobody_foresaw_end_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, patience_s=2.0)
    with Gridmanager(site) as manager:
        job = submit(manager, site.ad())
        for verb in ("states", "health", "cancel"):
            site.backend.set_fault(verb, "broken by surprise")
        code, words = manager.call("BLAH_PING", "nersc")
        assert (code, words) == ("1", "RuntimeError: by surprise")
        assert manager.call("BLAH_JOB_CANCEL", job) == ["0", "No error"], "the wish is on disk"
        log = site.directory / "gateway.log"
        wait_until("a failed step", lambda: " of nersc failed" in log.read_text(encoding="utf-8"))
        assert manager.alive()
        for verb in ("states", "health", "cancel"):
            site.backend.set_fault(verb, "")
        assert manager.call("BLAH_PING", "nersc") == ["0", "No error"]


def test_a_wish_that_is_not_on_disk_is_not_promised(tmp_path: Path) -> None:
    site = Site(tmp_path, patience_s=1.0)
    with Gridmanager(site) as manager:
        job = submit(manager, site.ad())
        with closing(sqlite3.connect(site.directory / "ledger.sqlite", timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")
            code, words = manager.call("BLAH_JOB_CANCEL", job)
            assert (code, "in time" in words) == ("1", True)
            other.rollback()
        assert manager.call("BLAH_JOB_CANCEL", job) == ["0", "No error"]


def test_a_wave_of_wishes_waits_for_no_facility(tmp_path: Path) -> None:
    site = Site(tmp_path, patience_s=1.5)
    with Gridmanager(site) as manager:
        jobs = [submit(manager, site.ad(f"home_bl_p_s_{n}.0_1")) for n in range(8)]
        site.backend.set_fault("cancel", "hang")
        ids = [manager.start("BLAH_JOB_CANCEL", job) for job in jobs]
        assert [manager.result(one)[0] for one in ids] == ["0"] * 8
        with closing(sqlite3.connect(site.directory / "ledger.sqlite", timeout=10)) as ledger:
            (wishes,) = ledger.execute("SELECT sum(cancel_wanted) FROM jobs").fetchone()
        assert wishes == 8
        site.backend.set_fault("cancel", "")


def test_a_gateway_that_cannot_be_opened_for_a_moment_fails_no_job(tmp_path: Path) -> None:
    """A failed submission is a pilot on hold."""
    site = Site(tmp_path, patience_s=0.5)
    ledger = site.directory / "ledger.sqlite"
    ledger.mkdir()
    with Gridmanager(site) as manager:
        reqid = manager.start("BLAH_JOB_SUBMIT", site.ad())
        assert manager.call("BLAH_PING", "nersc")[0] == "1"
        assert manager.quiet(2.0)
        ledger.rmdir()
        assert manager.result(reqid)[0] == "0"


def test_sends_that_hang_keep_no_later_job_from_being_written_down(tmp_path: Path) -> None:
    site = Site(tmp_path, patience_s=1.5)
    site.backend.set_fault("submit", "hang")
    with Gridmanager(site) as manager:
        ids = [manager.start("BLAH_JOB_SUBMIT", site.ad(f"home_bl_p_s_{n}.0_1")) for n in range(12)]
        assert len({manager.result(one, 8)[2] for one in ids}) == 12
        site.backend.set_fault("submit", "")
        wait_until("all are submitted", lambda: len(site.backend.jobs()) == 12, 40)


def test_down_for_maintenance_is_said_in_the_facility_s_words(
    site: Site, manager: Gridmanager
) -> None:
    site.backend.set_fault("health", "down")
    code, words = manager.call("BLAH_PING", "nersc")
    assert (code, words) == ("1", "nersc is down: scheduled maintenance until noon")


def test_a_credential_that_is_refused_keeps_new_jobs_away(site: Site, manager: Gridmanager) -> None:
    site.backend.set_fault("login", "rejected the client has expired")
    assert manager.call("BLAH_PING", "nersc") == ["1", "nersc refuses: the client has expired"]


def test_a_cancelled_job_is_cancelled_there(site: Site, manager: Gridmanager) -> None:
    job = submit(manager, site.ad())
    assert manager.call("BLAH_JOB_CANCEL", job) == ["0", "No error"]
    (found,) = site.backend.jobs().values()
    assert found["ended"] == "cancelled"


def test_a_wish_to_cancel_outlives_facility_and_gateway(tmp_path: Path) -> None:
    site = Site(tmp_path, patience_s=1.0)
    with Gridmanager(site) as manager:
        job = submit(manager, site.ad())
        site.backend.set_fault("cancel", "no-news")
        assert manager.call("BLAH_JOB_CANCEL", job) == ["0", "No error"]
        manager.kill()
    site.backend.set_fault("cancel", "")
    with Gridmanager(site) as manager:
        manager.call("BLAH_PING", "nersc")
        wait_until(
            "it is cancelled",
            lambda: [one for one in site.backend.jobs().values() if one.get("ended")],
            30,
        )


def test_holds_are_declined_and_proxies_waved_through(site: Site, manager: Gridmanager) -> None:
    job = submit(manager, site.ad())
    assert manager.call("BLAH_JOB_HOLD", job)[0] == "1"
    assert manager.call("BLAH_JOB_RESUME", job)[0] == "1"
    assert manager.call("BLAH_JOB_REFRESH_PROXY", job, "/tmp/x") == ["0", "No error"]  # noqa: S108


def test_many_jobs_go_in_one_request_where_the_facility_takes_that(tmp_path: Path) -> None:
    site = Site(tmp_path, at_once=50)
    with Gridmanager(site) as manager:
        manager.call("BLAH_PING", "nersc")
        ids = [manager.start("BLAH_JOB_SUBMIT", site.ad(f"home_bl_p_s_{n}.0_1")) for n in range(40)]
        assert len({manager.result(one)[2] for one in ids}) == 40
    requests = [call for call in site.backend.calls() if call.startswith("submit")]
    assert len(requests) < 10


def test_killed_at_any_moment_no_job_is_submitted_twice(site: Site) -> None:
    with Gridmanager(site) as first:
        first.call("BLAH_PING", "nersc")
        site.backend.set_fault("submit", "lost")
        first.start("BLAH_JOB_SUBMIT", site.ad())
        wait_until("it arrived", site.backend.jobs)
        first.kill()
    site.backend.set_fault("submit", "")
    with Gridmanager(site) as second:
        job = submit(second, site.ad())
        assert len(site.backend.jobs()) == 1
        assert status(second, job)["JobStatus"] == 1


def test_it_ends_with_its_gridmanager(site: Site) -> None:
    with Gridmanager(site) as manager:
        submit(manager, site.ad())
        assert manager.close() == 0
    with Gridmanager(site) as manager:
        manager.terminate()
        assert manager.close() == 0
    with Gridmanager(site) as manager:
        assert manager.ask("QUIT") == "S"
        assert manager.close() == 0


def test_a_submission_under_way_is_seen_through_at_the_end(site: Site) -> None:
    site.backend.set_fault("submit", "hang")
    with Gridmanager(site) as manager:
        manager.start("BLAH_JOB_SUBMIT", site.ad())
        wait_until("it is sent", lambda: "submit 1" in site.backend.calls())
        manager.send(b"QUIT\r\n")
        site.backend.set_fault("submit", "")
        manager.close()
    assert len(site.backend.jobs()) == 1


def test_what_is_odd_in_an_ad_arrives_or_is_refused(site: Site, manager: Gridmanager) -> None:
    odd = r"'a b' 'it''s' $HOME `id` \\\\ ; & * ü"
    ad = site.ad(more="Arguments = \"'two\\nlines'\"")
    code, words, _ = manager.call("BLAH_JOB_SUBMIT", ad)
    assert code == "1"
    assert "Arguments" in words
    for number, text in enumerate([odd, "plain"]):
        ad = site.ad(f"home_bl_p_s_{number}.0_1", f'Arguments = "{text}"; X = "{"x" * 100_000}"')
        assert submit(manager, ad)


def test_its_log_names_the_facility_and_no_secret(site: Site, manager: Gridmanager) -> None:
    submit(manager, site.ad(more='Environment = "TOKEN=very-secret-word"'))
    log = wait_until("a log", lambda: next(iter(site.directory.glob("gateway.log")), None))
    assert log.stat().st_mode & 0o777 == 0o600
    assert "very-secret-word" not in log.read_text(encoding="utf-8")
    assert "very-secret-word" not in (site.base / "stderr").read_text(encoding="utf-8")
