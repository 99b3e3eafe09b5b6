# SPDX-License-Identifier: Apache-2.0
"""Globus' own client, unchanged, is content with the stand-in of Globus Compute.

It knows one address only, http://localhost:5000; a lock file keeps two such tests apart.
"""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.testbed.facility.globus import BLOCK_ENDPOINT, LOGIN_ENDPOINT
from tests.testbed.facility.pretend import Pretend
from tests.testbed.facility.pretend_run import Processes
from tests.testbed.facility.server import Listen, StandIn
from tests.testbed.facility.world import Settings

PORT = 5000
CLIENT_ID = "00000000-0000-4000-8000-00000000c1d0"
SECRET = "standin-secret"  # noqa: S105 - good at the stand-in only
CLIENT = Path(__file__).with_name("globus_client.py")
LOCK = Path(tempfile.gettempdir()) / f"glidein-port-{PORT}.{os.getuid()}.lock"
TIMEOUT_S = 50
SETTINGS = Settings(machine="perlmutter", clients={CLIENT_ID: SECRET})

pytestmark = [pytest.mark.programs, pytest.mark.xdist_group("port 5000")]


@pytest.fixture(scope="module")
def alone() -> Iterator[None]:
    """Nobody else of this user has the port until the tests of this file are over."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def standin(tmp_path: Path, alone: None) -> Iterator[StandIn]:
    """A block is a process here, as a batch job is where there is a batch system."""
    processes = Processes(tmp_path / "spool")
    pretend = Pretend(processes=processes, home=tmp_path)
    try:
        made = StandIn(pretend, SETTINGS, tmp_path, Listen(ports=(PORT,)))
    except OSError as error:
        pytest.fail(f"the SDK insists on port {PORT} of localhost, but that is taken: {error}")
    with made as running:
        yield running
    processes.close()


def run_client(home: Path, kind: str, secret: str = SECRET) -> subprocess.CompletedProcess[str]:
    own = {
        "GLOBUS_SDK_ENVIRONMENT": "local",
        "GLOBUS_SDK_SERVICE_URL_AUTH": f"http://localhost:{PORT}/",
        "GLOBUS_COMPUTE_CLIENT_ID": CLIENT_ID,
        "GLOBUS_COMPUTE_CLIENT_SECRET": secret,
        "GLOBUS_COMPUTE_USER_DIR": str(home / "sdk"),
        "HOME": str(home),
        "PATH": os.environ["PATH"],
    }
    return subprocess.run(
        [sys.executable, str(CLIENT), kind, LOGIN_ENDPOINT, BLOCK_ENDPOINT],
        env=own,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_a_whole_session_of_the_real_client(standin: StandIn, tmp_path: Path) -> None:
    done = run_client(tmp_path, "whole")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["batch"] == [0, 1, 4, 9, 16]
    assert (found["single"], found["members"], found["group"]) == (16, True, True)
    assert found["json"] == [{"sum": 3}]
    (shell,) = found["shell"]
    assert (shell["returncode"], shell["stdout"].strip(), shell["cmd"]) == (
        7, "hello", "echo hello; exit 7",
    )  # fmt: skip
    assert "ValueError: the pilot is unhappy" in found["failure"]
    assert found["block"] == [36]
    assert (found["status"], found["again"], found["name"]) == (
        "online", "online", "perlmutter-block",
    )  # fmt: skip
    for what in ("unknown task", "unknown endpoint", "unknown function"):
        assert found[what].startswith("404 "), what
        assert '"status": "Failed"' in found[what]
    assert standin.count("POST", "/v2/oauth2/token") == 1


def test_the_real_client_gets_a_new_token_after_401(standin: StandIn, tmp_path: Path) -> None:
    standin.faults({"kind": "expire-token", "match": "POST /v3/functions", "times": 1})
    done = run_client(tmp_path, "short")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["json"] == [{"sum": 2}]
    assert standin.count("POST", "/v2/oauth2/token") == 2


def test_a_wrong_secret_does_not_log_in(standin: StandIn, tmp_path: Path) -> None:
    done = run_client(tmp_path, "short", "wrong")
    assert done.returncode != 0
    assert "401" in done.stderr
    assert "wrong" not in done.stderr
