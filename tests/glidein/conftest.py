# SPDX-License-Identifier: Apache-2.0
"""Each test of the pilot runs under every POSIX shell that this machine has."""

import shutil
from pathlib import Path

import pytest

from tests.glidein.pilot_run import Pilot

SHELLS = [name for name in ("dash", "bash", "busybox") if shutil.which(name)]
# All that a pilot may expect of a node; a step that wants more fails here.
NODE_HAS = """awk base64 cat chmod cp cut date df dirname env grep gzip head id ls mkdir readlink
rm sed sha256sum sleep sort tail tar touch tr true uname wc"""  # touch: for the tests


@pytest.fixture(params=SHELLS)
def pilot(request: pytest.FixtureRequest, tmp_path: Path) -> Pilot:
    """A pilot that nothing has been prepared for yet; its PATH has `sh` as the shell under test."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in NODE_HAS.split():
        (tools / name).symlink_to(shutil.which(name) or "")
    (tools / "sh").symlink_to(shutil.which(request.param) or "")
    return Pilot(tmp_path / "home_bl_1", tmp_path / "base", str(tools / "sh"), tools)
