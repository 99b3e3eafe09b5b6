# SPDX-License-Identifier: Apache-2.0
"""Nothing that a test's gateway left at work outlives the test."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def no_worker_is_left(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """The detached `glidein-gateway work` is known by its environment only."""
    yield
    if "site" not in request.fixturenames:
        return
    mark = f"_CONDOR_GLIDEIN_GATEWAY_DIR={tmp_path}/".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (process / "environ").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)
