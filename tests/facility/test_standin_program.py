# SPDX-License-Identifier: Apache-2.0
"""`python3 -m facility` as the testbed runs it: a bare Python, secrets from files, SIGTERM."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.facility.standins import CLIENT_ID, make_key
from tests.testbed.facility.files import user_name

pytestmark = pytest.mark.programs

TESTBED = Path(__file__).resolve().parents[1] / "testbed"


@pytest.fixture
def program(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """-S: without site-packages, as on a host that has nothing but Python."""
    (tmp_path / "key").write_text(make_key().public_pem)
    (tmp_path / "bearer").write_text("a-token\n")
    words = ["--host", "127.0.0.1", "--port", "0", "--scheduler", "pretend"]
    words += ["--home", str(tmp_path), "--client", f"{CLIENT_ID}={tmp_path / 'key'}"]
    words += ["--bearer", str(tmp_path / "bearer"), "--log", str(tmp_path / "log")]
    words += ["--option", "sfapi.project=m42"]
    with subprocess.Popen(
        [sys.executable, "-S", "-m", "facility", *words],
        cwd=TESTBED,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_the_program_serves_and_ends(program: subprocess.Popen[str], tmp_path: Path) -> None:
    assert program.stdout
    ready = json.loads(program.stdout.readline())
    assert (ready["scheduler"], ready["user"]) == ("pretend", user_name(os.geteuid()))
    (port,) = ready["ports"]
    url = f"http://127.0.0.1:{port}/api/v1.2/status/perlmutter"
    with urllib.request.urlopen(url, timeout=5) as answer:
        assert json.load(answer)["status"] == "active"
    program.send_signal(signal.SIGTERM)
    assert program.wait(5) == 0
    assert json.loads((tmp_path / "log").read_text())["status"] == 200
