# SPDX-License-Identifier: Apache-2.0
"""glidein check on good and bad configurations: what it finds, where, and the nearest name."""

from pathlib import Path

import pytest

from condor_plugins.cli.host import file_fact
from condor_plugins.core.configuration import read_policy
from condor_plugins.core.host_facts import FileFact
from condor_plugins.pool.configuration import Place, attribute_place
from tests.cli.configurations import EXPECTED, read
from tests.cli.conftest import Run
from tests.cli.pretended import DIRECTORY, NOW_S, SECRET, Pretended


def test_nothing_is_wrong(glidein: Run) -> None:
    said = glidein("check")
    assert (said.code, said.err) == (0, "")
    assert said.out == "No problem found. Read: 2 entries, 1 group, 1 credential, 0 downtimes.\n"
    assert glidein("check", "--json").facts == {
        "schema": 1,
        "ok": True,
        "errors": 0,
        "warnings": 0,
        "read": {"entries": 2, "groups": 1, "credentials": 1, "downtimes": 0},
        "problems": [],
    }


@pytest.mark.parametrize("name", EXPECTED)
def test_bad_configurations(glidein: Run, world: Pretended, name: str) -> None:
    """Each file in configurations/ has one problem or two; its first lines say which and where."""
    case = read(name)
    world.knobs |= case.knobs
    world.known_places = case.places
    said = glidein("check")
    found = [line.removeprefix(f"{case.file}:") for line in said.out.splitlines()[:-1]]
    assert found == list(case.expected)
    assert said.code == int(any(": error: " in line or line.startswith("error") for line in found))


@pytest.mark.parametrize(
    ("path", "fact", "words"),
    [
        (
            "/pool.token",
            FileFact("missing"),
            "error: GLIDEIN_CREDENTIAL_pool: Path: /pool.token is",
        ),
        ("/pool.token", FileFact("there", mode=0o644, owner="glidein"), "(mode 0644); run chmod"),
        ("/pool.token", FileFact("there", mode=0o600, owner="root"), "run chown glidein /pool.to"),
        ("/pool.token", FileFact("hidden"), "warning: GLIDEIN_CREDENTIAL_pool: Path: this accou"),
        ("/pilot/glidein-manifest.txt", FileFact("missing"), "run tools/pack --output /pilot"),
        ("/log", FileFact("missing"), "LogDir: /log is no directory; make it, owned by glidein"),
        ("/log", FileFact("there", True, 0o755, "root"), "warning: GLIDEIN_ENTRY_Highmem: LogDir"),
        ("/tokens.d", FileFact("missing"), "error: GLIDEIN_TOKEN_DIRECTORY: directory /tokens.d"),
        ("/tokens.d", FileFact("there", True, 0o755, "condor"), "run chmod 700"),
    ],
)
def test_files(glidein: Run, world: Pretended, path: str, fact: FileFact, words: str) -> None:
    world.files[path] = fact
    said = glidein("check")
    assert words in said.out
    assert said.code == (0 if "warning: " in said.out.splitlines()[0] else 1)


def test_the_side_of_htcondor(glidein: Run, world: Pretended) -> None:
    world.own_knobs = {}
    said = glidein("check")
    assert "error: TRUST_DOMAIN: is not set" in said.out
    assert "warning: SCHEDD_CRON_JOBLIST: does not have GLIDEIN" in said.out


def test_an_unused_token_directory_is_no_matter(glidein: Run, world: Pretended) -> None:
    world.own_knobs["SCHEDD_CRON_JOBLIST"] = ""
    del world.files["/tokens.d"]
    assert glidein("check").code == 0


def test_a_host_without_entries_is_told_where_to_begin(glidein: Run, world: Pretended) -> None:
    world.knobs = {"GLIDEIN_TOKEN_DIRECTORY": "/tokens.d"}
    said = glidein("check")
    assert "warning: GLIDEIN_ENTRY_NAMES: is empty: no pilot is asked for" in said.out
    assert said.code == 0


def test_a_downtime_that_has_ended(glidein: Run, world: Pretended) -> None:
    world.knobs["GLIDEIN_DOWNTIME_PERLMUTTER"] = f"[ End = {NOW_S - 1} ]"
    assert "`glidein up Perlmutter` removes it" in glidein("check").out


def test_an_account_that_may_not_look_gets_warnings_only(glidein: Run, world: Pretended) -> None:
    world.files = dict.fromkeys(world.files, FileFact("hidden"))
    said = glidein("check", "--json")
    assert (said.code, said.facts["errors"]) == (0, 0)
    assert said.facts["warnings"] == 5


def test_entries_sees_the_defaults_of_an_entry() -> None:
    knobs = Pretended(Path("/")).knobs
    knobs["GLIDEIN_GROUP_ALICE"] = "Entries = GPUs == 0 && MaxHeldPilots == 10"
    policy = read_policy(knobs)
    assert policy.serves(policy.groups["alice"], policy.entries["Perlmutter"])


def test_the_place_of_an_attribute_is_looked_for_upwards(tmp_path: Path) -> None:
    """condor_config_val tells the last line of a knob (seen with 25.14.1)."""
    path = tmp_path / "70.conf"
    lines = [
        "Cpus = 1",
        "X @=end",
        "  # Cpus = 0",
        "  Memory=2; Cpus = 3",
        "  Y = Cpus == 4",
        "@end",
    ]
    path.write_text("\n".join(lines))
    last = Place(str(path), 6)
    assert attribute_place(last, "X", "cpus").line == 4
    assert attribute_place(last, "x", "Y").line == 5
    assert attribute_place(last, "X", "").line == 2
    assert attribute_place(last, "X", "Absent").line == 2
    assert attribute_place(last, "Other", "Cpus") == last
    assert attribute_place(Place("/nowhere", 6), "X", "Cpus").line == 6


def test_facts_about_real_files(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    assert file_fact(str(path)).mode == SECRET.mode
    assert file_fact(str(tmp_path)).is_directory is DIRECTORY.is_directory
    assert file_fact(str(path / "x")).state == "missing"
    assert file_fact(str(tmp_path / "absent")).state == "missing"
