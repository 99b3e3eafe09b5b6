# SPDX-License-Identifier: Apache-2.0
"""The files in blahp/: what HTCondor and blahpd start, and what a site adds."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from condor_plugins.gateway import site_attributes
from condor_plugins.gateway.site_attributes import (
    variables_of_ad,
    variables_of_file,
    with_site_attributes,
)
from condor_plugins.gateway.values import WrongJob
from tests.gateway.fake_backend import request
from tests.gateway.gateway_site import PROGRAM, ROOT, Gridmanager, Site

pytestmark = pytest.mark.programs

BLAHP = ROOT / "blahp"
VERBS = ("submit", "status", "cancel", "hold", "resume", "ping")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    program = tmp_path / "glidein-gateway"
    program.write_text(f'#!/bin/sh\nexec {" ".join(PROGRAM)} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    made.environment["GLIDEIN_GATEWAY"] = str(program)
    return made


def blahpd(site: Site, text: str) -> None:
    """A blahpd that only does this."""
    program = site.base / "blahpd"
    program.write_text(f"#!/bin/sh\nset -eu\n{text}\n", encoding="utf-8")
    program.chmod(0o755)
    site.environment["BLAHPD"] = str(program)


def run(
    site: Site, program: Path | str, *words: str, **changes: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(program), *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**site.environment, **changes},
        cwd="/",
    )


def test_the_resident_gateway_starts_by_its_wrapper(site: Site) -> None:
    with Gridmanager(site, [str(BLAHP / "glidein_gahp")]) as manager:
        assert manager.call("BLAH_PING", "nersc") == ["0", "No error"]


def test_a_stock_blahpd_finds_a_script_for_each_verb(site: Site) -> None:
    """As blahpd looks them up: in blah_libexec_directory, by type and verb."""
    blahpd(site, 'ls "$blah_libexec_directory"; . "$BLAHPD_CONFIG_LOCATION"; set')
    done = run(site, BLAHP / "blahp_gahp", GLIDEIN_BATCH_TYPES="Nersc, alcf")
    assert done.returncode == 0, done.stderr
    for batch_type in ("nersc", "alcf"):
        assert all(f"{batch_type}_{verb}.sh" in done.stdout.split() for verb in VERBS)
    assert re.search(r"^blah_pass_all_submit_attributes='?yes", done.stdout, re.M)
    assert re.search(r"^supported_lrms='?nersc,alcf'?$", done.stdout, re.M)


def test_scripts_know_their_facility_by_their_name(site: Site) -> None:
    blahpd(site, '"$blah_libexec_directory/nersc_ping.sh"')
    done = run(site, BLAHP / "blahp_gahp", GLIDEIN_BATCH_TYPES="nersc")
    assert (done.returncode, done.stdout) == (0, "0 No error\n")


def test_blahpd_is_started_anew_over_the_same_links(site: Site) -> None:
    blahpd(site, 'readlink "$blah_libexec_directory/nersc_status.sh"')
    for _ in range(2):
        done = run(site, BLAHP / "blahp_gahp", GLIDEIN_BATCH_TYPES="nersc")
        assert done.stdout == f"{BLAHP / 'facility_status.sh'}\n"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"GLIDEIN_BATCH_TYPES": "ne$rsc"}, "no name of a facility"),
        ({"GLIDEIN_BATCH_TYPES": "../x"}, "no name of a facility"),
        ({"GLIDEIN_BATCH_TYPES": " "}, "names no facility"),
    ],
)
def test_what_is_missing_is_said(changes: dict[str, str], words: str, site: Site) -> None:
    blahpd(site, "echo started")
    done = run(site, BLAHP / "blahp_gahp", **changes)
    assert (done.returncode, done.stdout) == (78, "")
    assert words in done.stderr


def test_without_the_program_the_wrapper_says_so(site: Site, tmp_path: Path) -> None:
    alone = tmp_path / "elsewhere/share"
    alone.mkdir(parents=True)
    for name in ("glidein_gahp", "find_gateway.sh"):
        shutil.copy(BLAHP / name, alone)
    done = run(site, alone / "glidein_gahp", GLIDEIN_GATEWAY="", PATH="/usr/bin:/bin")
    assert done.returncode == 127
    assert "glidein-gateway is not installed" in done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_its_script(verb: str) -> None:
    path = BLAHP / f"facility_{verb}.sh"
    assert os.access(path, os.X_OK)
    assert f"# Usage:   <type>_{verb}.sh" in path.read_text(encoding="utf-8")


def test_the_command_line_explains_itself() -> None:
    argv = [sys.executable, "-m", "condor_plugins.gateway"]
    done = subprocess.run([*argv, "--help"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "glidein-gateway gahp" in done.stdout
    wrong = subprocess.run(
        [*argv, "sing"], capture_output=True, text=True, check=False, cwd=ROOT, timeout=30
    )
    assert (wrong.returncode, wrong.stdout) == (64, "")


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """~/.blah/nersc_local_submit_attributes.sh, to be written by a test."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".blah").mkdir()
    return tmp_path / ".blah/nersc_local_submit_attributes.sh"


def extra(variables: dict[str, str], before: str = "") -> str:
    asked = request("k")
    asked = asked._replace(resources=asked.resources._replace(extra=before))
    return with_site_attributes("nersc", asked, lambda: variables).resources.extra


def test_a_site_s_attributes_file_adds_options(local: Path) -> None:
    local.write_text(
        'echo "#SBATCH --constraint=$Kind"\n'
        'echo "no directive"\n'
        '[ "$RequestMemory" -lt 2000 ] || echo "#SBATCH --qos=big"\n',
        encoding="utf-8",
    )
    assert extra({"Kind": "cpu", "RequestMemory": "4000"}) == "--constraint=cpu --qos=big"
    assert extra({"Kind": "cpu", "RequestMemory": "1"}, "-x") == "-x --constraint=cpu"


def test_without_a_file_nothing_is_run(local: Path) -> None:
    def never() -> dict[str, str]:
        raise AssertionError("not needed")

    asked = request("k")
    assert with_site_attributes("nersc", asked, never) is asked


def test_values_of_a_job_are_text_and_nothing_else(local: Path, tmp_path: Path) -> None:
    local.write_text('printf "#SBATCH --comment=%s\\n" "$A"\n', encoding="utf-8")
    evil = f"'; touch {tmp_path}/made; echo '$(touch {tmp_path}/made)"
    assert extra({"A": evil, "B; touch made": "x", "PATH": "/nowhere", "bash_env": "x"})
    assert not (tmp_path / "made").exists()


def test_a_file_that_fails_holds_the_job_with_its_words(local: Path) -> None:
    local.write_text("echo 'no such project' >&2; exit 3\n", encoding="utf-8")
    with pytest.raises(WrongJob, match=r"exit code 3: no such project"):
        extra({})


def test_a_file_that_others_can_write_is_not_run(local: Path) -> None:
    local.write_text("echo '#SBATCH -x'\n", encoding="utf-8")
    local.chmod(0o666)
    with pytest.raises(WrongJob, match="can be written by others"):
        extra({})


def test_a_file_that_hangs_is_ended(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_attributes, "_TIMEOUT_S", 0.2)
    local.write_text("exec sleep 30\n", encoding="utf-8")
    with pytest.raises(WrongJob, match="timed out"):
        extra({})


def test_variables_are_those_of_blahpd_s_file(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_text("Queue='regular'\nSite='\"nersc\"'\nrubbish\n", encoding="utf-8")
    assert variables_of_file(str(path)) == {"Queue": "regular", "Site": '"nersc"'}
    assert variables_of_file("") == {}
    ad = variables_of_ad('[ Queue = "regular"; N = 3; T = true; U = undefined; L = { 1 } ]')
    assert ad == {"Queue": "regular", "N": "3", "T": "true"}


def test_both_faces_honour_the_site_s_file(site: Site) -> None:
    blah = site.base / ".blah"
    blah.mkdir()
    text = 'echo "#SBATCH --mem-per-gpu=$RequestMemory"\n'
    (blah / "nersc_local_submit_attributes.sh").write_text(text, encoding="utf-8")
    attributes = site.base / "c"
    attributes.write_text("RequestMemory='77'\n", encoding="utf-8")
    common = ["-c", "/bin/true", "-s", "no", "-w", "/", "-D", "home_bl_a"]
    assert site.helper("submit", *common, "-C", str(attributes)).returncode == 0
    with Gridmanager(site) as manager:
        ad = site.ad("home_bl_b", "RequestMemory = 88")
        assert manager.call("BLAH_JOB_SUBMIT", ad)[0] == "0"
    found = sorted(job["extra"] for job in site.backend.jobs().values())
    assert found == ["--mem-per-gpu=77", "--mem-per-gpu=88"]
