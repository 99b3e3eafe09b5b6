# SPDX-License-Identifier: Apache-2.0
"""Pilots are rendered from the packed files; one that cannot be is named, and nothing is lost."""

import hashlib
from pathlib import Path

import pytest

from condor_plugins.core.policy import Credential, Policy
from condor_plugins.pool.factory import render_pilots
from tests.core.building import entry, group, policy, settings

SUM = "0123456789abcdef" * 4
MANIFEST = f"{SUM}  glidein-ep.tar.gz\n{SUM}  glidein-steps.tar.gz\n{SUM}  glidein.sh\n"


def wanted(pilot_dir: Path) -> Policy:
    credential = Credential("pool", "callback", "idtoken", "", "/c/pool.token")
    entries = [entry("A", pilot_dir=str(pilot_dir)), entry("B", pilot_dir="/not/there")]
    return policy(entries, [group("g"), group("h", entries='Name == "A"')],
                  credentials={"pool": credential})  # fmt: skip


def test_every_wanted_pair_has_a_digest_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "glidein-manifest.txt").write_text(MANIFEST)
    pilots = render_pilots(wanted(tmp_path), "ap", "pool")
    assert set(pilots.digests) == {("g", "A"), ("g", "B"), ("h", "A")}
    assert set(pilots.jobs) == {("g", "A"), ("h", "A")}
    assert pilots.digests["g", "B"] == ""
    assert [one.knob for one in pilots.problems] == ["GLIDEIN_ENTRY_B"]
    assert "run tools/pack" in str(pilots.problems[0])


def test_the_files_of_the_manifest_go_with_the_pilot(tmp_path: Path) -> None:
    path = tmp_path / "glidein-manifest.txt"
    path.write_text(MANIFEST)
    job = render_pilots(wanted(tmp_path), "ap", "pool").jobs["g", "A"]
    files = job.commands["transfer_input_files"].split(", ")
    assert files == [
        str(path),
        str(tmp_path / "glidein-ep.tar.gz"),
        str(tmp_path / "glidein-steps.tar.gz"),
        "/c/pool.token",
    ]


def test_a_new_pack_is_a_new_digest(tmp_path: Path) -> None:
    path = tmp_path / "glidein-manifest.txt"
    path.write_text(MANIFEST)
    before = render_pilots(wanted(tmp_path), "ap", "pool").digests["g", "A"]
    path.write_text(MANIFEST.replace(SUM, hashlib.sha256(b"new").hexdigest()))
    assert render_pilots(wanted(tmp_path), "ap", "pool").digests["g", "A"] != before


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", MANIFEST.encode()[:100], f"{SUM}  ../x".encode(), b"<html>"]
)
def test_a_damaged_manifest_is_a_problem_and_no_crash(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "glidein-manifest.txt").write_bytes(content)
    pilots = render_pilots(wanted(tmp_path), "ap", "pool")
    assert pilots.digests["g", "A"] == ""
    assert any("glidein-manifest.txt" in str(one) for one in pilots.problems)


def test_a_credential_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "glidein-manifest.txt").write_text(MANIFEST)
    pilots = render_pilots(policy([entry(pilot_dir=str(tmp_path))]), "ap", "pool")
    assert "GLIDEIN_CREDENTIAL_" in str(pilots.problems[0])


def test_the_paths_of_a_remote_factory_are_that_host_s(tmp_path: Path) -> None:
    """The checksum of the files comes from the same ones here, in GLIDEIN_PILOT_DIR."""
    (tmp_path / "glidein-manifest.txt").write_text(MANIFEST)
    base = wanted(tmp_path)
    far = entry("A", factory="far", pilot_dir="/far/pilot", log_dir="")
    here = settings(pilot_dir=str(tmp_path))
    pilots = render_pilots(base._replace(entries={"A": far}, settings=here), "ap", "pool")
    job = pilots.jobs["g", "A"]
    assert pilots.problems == ()
    assert job.factory == "far"
    assert job.commands["executable"] == "/far/pilot/glidein.sh"
    assert job.commands["transfer_input_files"].startswith("/far/pilot/glidein-manifest.txt, ")
    assert job.commands["arguments"].startswith("far-$(Cluster).$(Process) ")
    assert job.commands["MY.GlideinRequester"] == '"ap"'
    assert "initialdir" not in job.commands
