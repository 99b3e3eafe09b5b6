# SPDX-License-Identifier: Apache-2.0
"""One way to run the command: in this process, in a pretended world."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from condor_plugins.cli.__main__ import main
from tests.cli.pretended import Pretended


@dataclass(frozen=True)
class Said:
    """What a command left: its exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


Run = Callable[..., Said]


@pytest.fixture
def world(tmp_path: Path) -> Pretended:
    return Pretended(tmp_path)


@pytest.fixture
def glidein(
    world: Pretended, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Runs `glidein …`; as in a pipe, 120 columns wide, times in UTC."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TZ", "UTC")

    def run(*argv: str) -> Said:
        code = main(argv, world)
        streams = capsys.readouterr()
        return Said(code, streams.out, streams.err)

    return run
