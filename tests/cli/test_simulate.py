# SPDX-License-Identifier: Apache-2.0
"""glidein simulate: the figures as a table, as JSON, as a picture."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.simulate.building import entry, text

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "world.json"
    path.write_text(text())
    return str(path)


def test_the_figures_as_json(glidein: Run, file: str) -> None:
    facts = glidein("simulate", file, "--json").facts
    assert {"t50_s", "t90_s", "first_s", "pilots", "useless_pilots"} <= facts.keys()
    assert {"waste_fraction", "waste_by_cause", "requests_reversed"} <= facts.keys()
    assert (facts["seed"], facts["t90_s"]) == (1, 180)


def test_the_figures_as_words(glidein: Run, file: str) -> None:
    said = glidein("simulate", file)
    assert said.out.startswith("Seed 1.")
    assert "90 % of the jobs have started" in said.out


def test_several_seeds_give_the_mean_and_each(glidein: Run, file: str) -> None:
    facts = glidein("simulate", file, "--seed", "5", "--seeds", "3", "--json").facts
    assert [one["seed"] for one in facts["each"]] == [5, 6, 7]
    assert facts["t90_s"] == 180


def test_a_knob_may_be_set(glidein: Run, file: str) -> None:
    assert glidein("simulate", file, "--set", "GLIDEIN_MAX_PILOTS=0", "--json").facts["pilots"] == 0
    wrong = glidein("simulate", file, "--set", "GLIDEIN_MAX_PILOTS")
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_picture_is_drawn(glidein: Run, file: str, tmp_path: Path, suffix: str) -> None:
    picture = tmp_path / f"run.{suffix}"
    assert glidein("simulate", file, "--plot", str(picture)).code == 0
    assert picture.read_bytes()[:5] in (b"\x89PNG\r", b"<?xml")


def test_a_picture_of_no_such_form_is_refused(glidein: Run, file: str) -> None:
    assert glidein("simulate", file, "--plot", "run.pdf").code == 2


def test_what_is_wrong_with_the_file_is_told(glidein: Run, tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    assert glidein("simulate", str(path)).code == 1
    path.write_text(text(entries=[entry(cpu=1)]))
    said = glidein("simulate", str(path))
    assert said.code == 78
    assert said.err == (f"glidein: {path}: entries[0].cpu: no such key; did you mean cpus?\n")


def checkout(file: str, **environment: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(ROOT / "tools/glidein"), "simulate", file, "--json"]
    bare = {name: value for name, value in os.environ.items() if "CONDOR" not in name}
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=50, check=False, env=bare | environment
    )


def test_neither_a_configuration_nor_a_daemon_is_needed(file: str) -> None:
    done = checkout(file)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["jobs_done"] == 4


def test_a_lost_configuration_is_an_error_and_no_empty_world(file: str, tmp_path: Path) -> None:
    done = checkout(file, CONDOR_CONFIG=str(tmp_path / "lost"))
    assert (done.returncode, done.stdout) == (78, "")
    assert "glidein: CONDOR_CONFIG: names no configuration" in done.stderr
