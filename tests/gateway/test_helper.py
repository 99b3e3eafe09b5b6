# SPDX-License-Identifier: Apache-2.0
"""The verbs of <type>_<verb>.sh as processes, held to what blahpd makes of them."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import classad2
import htcondor2  # noqa: F401 (before classad2 evaluates anything)
import pytest

from condor_plugins.core.errors import TryAgain
from condor_plugins.gateway import helper, opening, quick, results_cache, working
from condor_plugins.gateway.values import SUBMITTED, Answer, Record
from tests.gateway.gateway_site import ROOT, Site, wait_until

pytestmark = pytest.mark.programs

# blahpd's own pattern (JOBID_REGEXP).
JOB = re.compile(r"(^|\n)BLAHP_JOBID_PREFIX([^\n]*)")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def words(site: Site, key: str = "home_bl_pool_schedd_1.0_17") -> list[str]:
    """As blahpd calls <type>_submit.sh."""
    named = ["-c", "/bin/true", "-s", "no", "-o", str(site.base / "out"), "-w", str(site.base)]
    return [*named, "-D", key, "-m", "100", "--", '"a b"', '"c"']


def submit(site: Site) -> str:
    done = site.helper("submit", *words(site))
    assert (done.returncode, done.stderr) == (0, "")
    found = JOB.search(done.stdout)
    assert found
    return found.group(2)


def status(site: Site, job: str) -> dict[str, object]:
    """By blahpd's rules: one line, newline-terminated, less than 1024 characters."""
    done = site.helper("status", job)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert done.stdout.endswith("\n")
    assert len(done.stdout.encode()) < 1024
    assert done.stdout[0] == "0"
    return dict(classad2.ClassAd(done.stdout[1:]).items())


def test_a_job_from_submission_to_output(site: Site) -> None:
    job = submit(site)
    assert re.fullmatch(r"nersc/\d{8}/1000", job)
    (name,) = site.backend.jobs()
    assert status(site, job)["JobStatus"] == 1
    site.backend.run(name)
    wait_until("it runs", lambda: status(site, job)["JobStatus"] == 2)
    site.backend.end(name, exit_code=3, ended="failed")
    wait_until("it ended", lambda: status(site, job)["JobStatus"] == 4, 40)
    assert status(site, job)["ExitCode"] == 3
    assert (site.base / "out").read_text(encoding="utf-8") == "written there\n"


def test_what_a_script_prints_takes_no_word_of_warning(site: Site) -> None:
    done = site.helper("status", "-w", submit(site))
    assert re.fullmatch(r'0\[BatchJobId="1000";JobStatus=1\]\n', done.stdout)


def test_cancel_prints_what_blahpd_appends_to_the_request_id(site: Site) -> None:
    job = submit(site)
    done = site.helper("cancel", job.removeprefix("nersc/"))
    assert (done.returncode, done.stdout) == (0, " 0 No\\ error\n")
    assert site.backend.jobs().popitem()[1]["ended"] == "cancelled"
    done = site.helper("cancel", "20260101/7", "20260101/8")
    assert done.stdout == ".0 0 No\\ error\n.1 0 No\\ error\n"


def test_a_cancel_that_is_not_taken_goes_on_behind_the_answer(site: Site) -> None:
    job = submit(site)
    site.backend.set_fault("cancel", "no-news")
    done = site.helper("cancel", job.removeprefix("nersc/"))
    assert (done.returncode, done.stdout) == (0, " 0 No\\ error\n")
    assert not site.backend.jobs().popitem()[1].get("ended")
    site.backend.set_fault("cancel", "")
    wait_until("it is cancelled", lambda: site.backend.jobs().copy().popitem()[1].get("ended"), 40)


def test_a_wish_has_a_process_that_goes_on_with_it(site: Site) -> None:
    """The facility may take it and not do it."""
    job = submit(site)
    lock = site.directory / "working.lock"
    assert not lock.exists()
    site.helper("cancel", job.removeprefix("nersc/"))
    wait_until("the process works", lock.exists)


@pytest.mark.parametrize(
    ("fault", "how", "line"),
    [
        ("health", "", "0 No error"),
        ("health", "down", "1 nersc is down: scheduled maintenance until noon"),
        ("health", "no-news", "1 nersc gives no answer: no answer"),
        ("login", "rejected 401 expired", "1 nersc refuses: 401 expired"),
    ],
)
def test_ping(fault: str, how: str, line: str, site: Site) -> None:
    site.backend.set_fault(fault, how)
    done = site.helper("ping")
    assert (done.returncode, done.stdout) == (0, f"{line}\n")


def test_a_refusal_is_the_error_in_the_batch_system_s_words(site: Site) -> None:
    site.backend.set_fault("submit", f"refuse {'very long ' * 40}")
    done = site.helper("submit", *words(site))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("very long very long")
    assert len(done.stderr.encode()) <= 251
    assert done.stderr.count("\n") == 1


def test_errors_are_short_and_on_stderr(site: Site) -> None:
    for verb, rest in (
        ("submit", ["-c"]),
        ("status", ["nersc/20260101/" + "x" * 300]),
        ("hold", ["20260101/7", "2"]),
        ("resume", ["20260101/7"]),
    ):
        done = site.helper(verb, *rest)
        assert (done.returncode, done.stdout) == (1, "")
        assert 10 < len(done.stderr) <= 251


def test_an_error_that_nobody_foresaw_is_in_the_log(site: Site) -> None:
    site.backend.set_fault("health", "broken by surprise")
    done = site.helper("ping")
    assert (done.returncode, done.stderr) == (1, "RuntimeError: by surprise\n")
    assert "Traceback" in (site.directory / "gateway.log").read_text(encoding="utf-8")


def test_patience_ends_with_the_job_s_own_name_and_the_work_goes_on(tmp_path: Path) -> None:
    site = Site(tmp_path, patience_s=1.0)
    site.backend.set_fault("submit", "not-sent")
    done = site.helper("submit", *words(site))
    found = JOB.search(done.stdout)
    assert found
    assert found.group(2).split("/")[2].startswith("gl-")
    site.backend.set_fault("submit", "")
    wait_until("it is submitted", site.backend.jobs, 40)
    assert status(site, found.group(2))["JobStatus"] == 1


def test_patience_holds_when_the_facility_hangs(tmp_path: Path) -> None:
    site = Site(tmp_path, patience_s=1.0)
    site.backend.set_fault("submit", "hang")
    done = site.helper("submit", *words(site), timeout_s=15)
    found = JOB.search(done.stdout)
    assert found
    assert found.group(2).split("/")[2].startswith("gl-")
    site.backend.set_fault("submit", "")


@pytest.mark.parametrize("problem", [OSError("full"), sqlite3.OperationalError("locked")])
def test_what_passes_is_tried_again_with_patience(
    problem: Exception, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from condor_plugins.gateway import submitting  # noqa: PLC0415

    problems = [problem, TryAgain("configuration"), problem]
    record = SimpleNamespace(name="gl-1")

    def accept(request: object) -> SimpleNamespace:
        if problems:
            raise problems.pop()
        return record

    def opening(name: str) -> SimpleNamespace:
        if len(problems) > 1:
            raise problems.pop()
        return SimpleNamespace(facility=site.facility, engine=SimpleNamespace(accept=accept))

    monkeypatch.setattr(submitting, "open_facility", opening)
    monkeypatch.setattr(submitting, "_TRY_S", 0.01)
    assert submitting.accepted("nersc", words(site), time.monotonic())[1] == "gl-1"
    problems += [problem, problem]
    with pytest.raises(type(problem)):
        submitting.accepted("nersc", words(site), time.monotonic() - 3600)


def test_a_job_that_is_written_down_is_no_error_any_more(tmp_path: Path) -> None:
    site = Site(tmp_path, patience_s=3.0)
    site.backend.set_fault("submit", "lost")
    site.backend.set_fault("states", "broken by surprise")
    done = site.helper("submit", *words(site))
    assert (done.returncode, bool(JOB.search(done.stdout))) == (0, True)


def test_the_same_job_again_is_not_submitted_again(site: Site) -> None:
    assert submit(site) == submit(site)
    assert len(site.backend.jobs()) == 1


def test_a_long_submission_gives_signs_of_life(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """blahpd ends a script that says nothing for 30 s."""
    monkeypatch.setattr(helper, "_SIGN_OF_LIFE_S", 0.05)
    with helper._signs_of_life():
        time.sleep(0.3)
    told = capsys.readouterr()
    assert told.err.count("at work\n") >= 3
    assert told.out == ""


def test_a_quick_answer_is_the_same_as_the_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path, poll_s=3600.0)
    job = submit(site)
    for name in ("HOME", "_CONDOR_GLIDEIN_GATEWAY_DIR"):
        monkeypatch.setenv(name, site.environment[name])
    assert quick.status("nersc", [job]) == "", "no poll yet"
    whole = site.helper("status", job)
    assert quick.status("NERSC", ["-w", job]) == whole.stdout
    asked = len(site.backend.calls())
    assert site.helper("status", job).stdout == whole.stdout
    assert len(site.backend.calls()) == asked
    assert quick.status("nersc", ["nersc/20260101/7"]) == ""
    assert quick.status("nersc", [job, job]) == ""
    assert quick.status("nersc", ['nersc/20260101/1"']) == ""
    assert quick.status("alcf", [job]) == ""
    site.helper("cancel", job)
    assert quick.status("nersc", [job]) == "", "it is no longer simply waiting"
    site.directory.chmod(0o755)
    assert quick.status("nersc", [job]) == ""


def record(handle: str, status: int, **changes: object) -> Record:
    remote = json.dumps(["gl", handle, status, "PENDING"])
    made = Record("gl", "key", handle, SUBMITTED, "", handle, remote=remote)
    return made._replace(**changes)  # type: ignore[arg-type]


def test_the_results_cache_is_what_blahpd_reads(tmp_path: Path) -> None:
    path = results_cache.write(
        "nersc",
        [
            record("1", 1),
            record("2.polaris", 2),
            record("ended", 4),
            record("lost", 2, missing_s=5.0),
            record("x" * 64, 2),
            record("with@suffix", 2),
            record("new", 1, remote=""),
            record("gone", 2, phase="ended"),
        ],
        tmp_path,
    )
    assert path.read_text(encoding="utf-8") == "1 idle 1\n2.polaris running 2\n"
    assert path.parent.name.startswith("nersc_cache_")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["blahp_results_cache"]


def test_a_cache_directory_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    directory = results_cache.write("nersc", [], tmp_path).parent
    directory.chmod(0o770)
    with pytest.raises(PermissionError, match="not a directory of this account alone"):
        results_cache.write("nersc", [record("1", 2)], tmp_path)
    (directory / "blahp_results_cache").unlink()
    directory.rmdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    os.symlink(elsewhere, directory)
    with pytest.raises(PermissionError):
        results_cache.write("nersc", [record("1", 2)], tmp_path)


_BUSY = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from condor_plugins.gateway import __main__

def main(argv):
    ThreadPoolExecutor(1).submit(threading.Event().wait, 60)
    sys.stdout.write("the answer")
    return 7

__main__.main = main
sys.argv[1:] = ["cancel", "nersc"]
__main__.run()
"""


def test_a_helper_ends_with_its_answer_whatever_its_threads_do() -> None:
    argv = [sys.executable, "-c", _BUSY]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout) == (7, "the answer")


class Wishes:
    """An engine that only takes notes."""

    def __init__(self) -> None:
        self.taken: list[set[str]] = []

    def wish(self, handle: str) -> SimpleNamespace | None:
        return SimpleNamespace(name=f"gl-{handle}") if handle != "gone" else None

    def take_back(self, names: set[str] | None = None) -> None:
        self.taken.append(set(names or []))

    def poll(self) -> bool:
        return False

    def answer(self, handle: str) -> Answer:
        return Answer(1, {})


@pytest.fixture
def inside(site: Site, monkeypatch: pytest.MonkeyPatch) -> Wishes:
    """Helpers in this process; no other one can be started."""

    def full(*_: object) -> None:
        raise BlockingIOError("no more processes")

    engine = Wishes()
    opened = SimpleNamespace(facility=site.facility, directory=site.directory, engine=engine)
    for name in ("HOME", "_CONDOR_GLIDEIN_GATEWAY_DIR", "CONDOR_CONFIG"):
        monkeypatch.setenv(name, site.environment[name])
    monkeypatch.setattr(opening, "open_facility", lambda name: opened)
    monkeypatch.setattr(working, "go_on", full)
    return engine


def test_a_cancel_asks_for_its_own_jobs_only(
    inside: Wishes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert helper.main("cancel", "nersc", ["20260101/7", "20260101/gone", "20260101/8"]) == 0
    assert inside.taken == [{"gl-7", "gl-8"}]


@pytest.mark.parametrize(
    ("verb", "line"),
    [("status", '0[BatchJobId="7";JobStatus=1]\n'), ("cancel", " 0 No\\ error\n")],
)
def test_an_answer_is_good_without_a_process_behind_it(
    verb: str, line: str, site: Site, inside: Wishes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert helper.main(verb, "nersc", ["20260101/7"]) == 0
    assert capsys.readouterr().out == line
    assert "no more processes" in (site.directory / "gateway.log").read_text(encoding="utf-8")
