# SPDX-License-Identifier: Apache-2.0
"""The command as a whole: help, streams, exit codes, and that it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from condor_plugins.cli.__main__ import cli
from tests.cli.conftest import Run
from tests.cli.pretended import Pretended

ROOT = Path(__file__).resolve().parents[2]
_HANGS = "from condor_plugins.cli.deadline import within; import signal, sys; "


def python(code: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", code]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, cwd=ROOT)


def test_every_command_has_help_with_an_example() -> None:
    for name, command in cli.commands.items():
        assert f"\n    glidein {name}" in (command.help or ""), name


@pytest.mark.parametrize("argv", [[], ["--help"], ["why", "--help"], ["--version"]])
def test_help_is_no_error(glidein: Run, argv: list[str]) -> None:
    said = glidein(*argv)
    assert (said.code, said.err) == (0, "")
    assert "glidein" in said.out


@pytest.mark.parametrize("argv", [["stauts"], ["why"], ["status", "--jsn"], ["down", "Perlmutter"]])
def test_wrong_usage_is_one_line_on_stderr(glidein: Run, argv: list[str]) -> None:
    said = glidein(*argv)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("glidein: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("command", ["check", "entries", "status", "plan"])
def test_json_is_all_that_is_on_stdout(glidein: Run, world: Pretended, command: str) -> None:
    assert glidein(command, "--json").facts["schema"] == 1


def test_a_command_that_hangs_is_ended() -> None:
    assert python(f"{_HANGS}print(within(1, lambda: signal.pause()))").stdout == "None\n"


def test_the_exit_code_goes_through() -> None:
    assert python(f"{_HANGS}sys.exit(within(20, lambda: print('said') or 75))").returncode == 75
    assert python(f"{_HANGS}sys.exit(within(20, lambda: 1 / 0))").stderr.count("ZeroDivision") == 1


def test_htcondor_s_functions_work_wherever_the_command_begins() -> None:
    """Without htcondor2 before classad2 this is an error value, and matches are silently false."""
    code = (
        "import condor_plugins.cli.__main__, classad2;"
        'print(classad2.ExprTree(\'stringListMember("a", "a,b")\').eval())'
    )
    assert python(code).stdout == "True\n"


def test_the_checkout_has_the_command() -> None:
    argv = [sys.executable, str(ROOT / "tools/glidein"), "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.startswith("glidein ")
