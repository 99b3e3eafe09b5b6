# SPDX-License-Identifier: Apache-2.0
"""HTCondor's configuration, read by HTCondor's own code in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from condor_plugins.pool.configuration import places
from tests.pool.fakes import RECORDED

ROOT = Path(__file__).resolve().parents[2]
_TELL = """
import json, sys
from condor_plugins.pool.configuration import knob_texts
json.dump(knob_texts(), sys.stdout)
"""
_CONFIG = """
LOCAL_DIR = /srv
COLLECTOR_HOST = cm.example.org
MOST = 7
GLIDEIN_ENTRY_NAMES = First
GLIDEIN_ENTRY_NAMES = $(GLIDEIN_ENTRY_NAMES) second
GLIDEIN_ENTRY_First @=entry
  Site = "N"
  MaxPilots = $(MOST)
  Start = X == "a" &&
          Y
@entry
MOST = 9
"""


def texts(tmp_path: Path, config: str) -> dict[str, str]:
    """What our code finds with this configuration."""
    path = tmp_path / "condor_config"
    path.write_text(config)
    done = subprocess.run(
        [sys.executable, "-c", _TELL], capture_output=True, text=True, timeout=30, check=True,
        cwd=ROOT, env={"CONDOR_CONFIG": str(path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_knobs_come_with_their_macros_expanded_and_names_in_capitals(tmp_path: Path) -> None:
    found = texts(tmp_path, _CONFIG)
    assert found["GLIDEIN_ENTRY_NAMES"].split() == ["First", "second"]
    ad = found["GLIDEIN_ENTRY_FIRST"].splitlines()
    assert [line.strip() for line in ad] == [
        'Site = "N"',
        "MaxPilots = 9",
        'Start = X == "a" &&',
        "Y",
    ]


def test_defaults_are_expanded_as_well(tmp_path: Path) -> None:
    found = texts(tmp_path, _CONFIG)
    assert found["GLIDEIN_STATE_DIR"] == "/srv/lib/condor/glidein"
    assert found["GLIDEIN_COLLECTOR"] == "cm.example.org"


def test_the_place_of_a_knob_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "condor_config_val"
    tool.write_text(f"#!/bin/sh\nexec cat '{RECORDED / 'config-val.txt'}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = places(30)
    assert str(found["GLIDEIN_BIN"]) == "/etc/condor/config.d/50-glidein-defaults.conf, line 21"
    assert str(found["GLIDEIN_ENTRY_B"]) == "/etc/condor/config.d/80-e.conf, line 25"
