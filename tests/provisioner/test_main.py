# SPDX-License-Identifier: Apache-2.0
"""The program as the schedd's cron starts it: streams, exit codes, what it loads."""

import io
import signal
import subprocess
import sys
from pathlib import Path

import classad2
import pytest

from condor_plugins.core.errors import Misconfigured, TryAgain
from condor_plugins.core.plan import Plan
from condor_plugins.provisioner import __main__ as program
from condor_plugins.provisioner.acting import Outcome
from condor_plugins.provisioner.cycle import Report

ROOT = Path(__file__).resolve().parents[2]
NOT_NEEDED = {"click", "rich", "requests", "urllib3", "condor_plugins.cli", "hypothesis"}
_CONFIG = """
LOCAL_DIR = {directory}
COLLECTOR_HOST = 127.0.0.1:1
SCHEDD_ADDRESS_FILE = {directory}/none
GLIDEIN_LOG = {directory}/log
GLIDEIN_TOKEN_DIRECTORY = {directory}
"""


def run(tmp_path: Path, config: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The real program with a configuration of its own."""
    path = tmp_path / "condor_config"
    path.write_text(_CONFIG.format(directory=tmp_path) + config)
    return subprocess.run(
        [sys.executable, "-m", "condor_plugins.provisioner", *arguments],
        capture_output=True, text=True, timeout=50, check=False, cwd=ROOT,
        env={"CONDOR_CONFIG": str(path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Report:
    """A cycle that did one thing, in place of a real one."""
    plan = Plan(1.0, problems=("a knob is odd",), doubt="idle jobs fell")
    made = Report(plan, [Outcome("g", "A", "did it")], 8, 0.5, "the disk is full")
    monkeypatch.setattr(program, "run_cycle", lambda knobs, dry_run, record: made)
    monkeypatch.setattr(program, "knob_texts", dict)
    monkeypatch.setattr(signal, "alarm", lambda seconds: 0)
    return made


def test_the_import_loads_nothing_that_a_cycle_does_not_need() -> None:
    code = "import sys, condor_plugins.provisioner.__main__; print(*sys.modules)"
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=ROOT, timeout=30)
    loaded = set(done.stdout.split())
    assert "condor_plugins.core.decide" in loaded
    assert NOT_NEEDED.isdisjoint(loaded)


def test_stdout_is_the_ad_and_nothing_else(report: Report) -> None:
    out, err = io.StringIO(), io.StringIO()
    assert program.main(["--dry-run"], out, err) == 0
    *lines, last = out.getvalue().splitlines()
    assert last == "- update:true"
    assert all(line.startswith("Glidein") and " = " in line for line in lines)
    assert "problem: a knob is odd" in err.getvalue()
    assert "g at A: did it" in err.getvalue()
    assert "glidein-provisioner: doubt: idle jobs fell\n" in err.getvalue()
    assert "glidein-provisioner: no record: the disk is full\n" in err.getvalue()


def test_figures_are_told_on_request(report: Report) -> None:
    out, err = io.StringIO(), io.StringIO()
    assert program.main(["--dry-run", "--figures"], out, err) == 0
    assert "glidein-provisioner: queries: 8\n" in err.getvalue()


@pytest.mark.parametrize(
    ("problem", "code"),
    [(Misconfigured("wrong"), 78), (TryAgain("wrong"), 75), (OSError("wrong"), 75)],
)
def test_a_cycle_that_cannot_be_says_why_and_publishes_nothing(
    monkeypatch: pytest.MonkeyPatch, report: Report, problem: Exception, code: int
) -> None:
    def fail(knobs: object, dry_run: bool, record: bool) -> Report:
        raise problem

    monkeypatch.setattr(program, "run_cycle", fail)
    out, err = io.StringIO(), io.StringIO()
    assert program.main(["--dry-run"], out, err) == code
    assert out.getvalue() == ""
    assert err.getvalue() == "glidein-provisioner: wrong\n"


def test_a_wrong_knob_ends_with_its_name_before_anything_is_asked(tmp_path: Path) -> None:
    done = run(tmp_path, "GLIDEIN_MAX_REMOVALS = lots\n", "--dry-run")
    assert (done.returncode, done.stdout) == (78, "")
    assert "GLIDEIN_MAX_REMOVALS: should be a whole number, is 'lots'" in done.stderr


def test_without_a_schedd_it_is_to_be_tried_again(tmp_path: Path) -> None:
    done = run(tmp_path, "", "--dry-run")
    assert (done.returncode, done.stdout) == (75, "")
    assert "Traceback" not in done.stderr


def test_it_says_what_it_can_do(tmp_path: Path) -> None:
    done = run(tmp_path, "", "--help")
    assert done.returncode == 0
    assert "--dry-run" in done.stdout
    assert "Exit: 0 done, 75" in done.stdout


def test_the_factory_s_count_is_one_attribute(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counted:
        def pilots_by_account(self) -> dict[str, int]:
            return {"glidein": 3, "glidein-ap2": 2}

    monkeypatch.setattr("condor_plugins.provisioner.counting.Schedd", Counted)
    monkeypatch.setattr(signal, "alarm", lambda seconds: 0)
    out, err = io.StringIO(), io.StringIO()
    assert program.main(["--count-pilots"], out, err) == 0
    (line, mark) = out.getvalue().splitlines()
    name, _, text = line.partition(" = ")
    assert (name, mark) == ("GlideinPilotsByAccount", "- update:true")
    counted = classad2.ClassAd(text)
    assert (counted["glidein"], counted["glidein-ap2"]) == (3, 2)


def test_a_count_without_an_answer_says_nothing_to_the_schedd(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nobody() -> None:
        raise TryAgain("schedd: not there")

    monkeypatch.setattr("condor_plugins.provisioner.counting.Schedd", nobody)
    monkeypatch.setattr(signal, "alarm", lambda seconds: 0)
    out, err = io.StringIO(), io.StringIO()
    assert program.main(["--count-pilots"], out, err) == 75
    assert (out.getvalue(), "not there" in err.getvalue()) == ("", True)
