# SPDX-License-Identifier: Apache-2.0
"""glidein facility: what is written is what HTCondor reads; what is told is what was left."""

import json
import os
import pwd
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from condor_plugins.cli import gateway
from condor_plugins.core.checking import cross_checks
from condor_plugins.core.configuration import read_policy
from condor_plugins.core.errors import GiveUp, Misconfigured
from condor_plugins.core.host_facts import Host
from tests.cli.conftest import Run
from tests.cli.pretended import NOW_S, Pretended

ADD = (
    *("facility", "add", "nersc", "--api", "sfapi", "--machine", "perlmutter"),
    *("--url", "https://api.nersc.gov/api/v1.2", "--root", "/pscratch/glidein"),
    *("--credential", "key"),
)
NERSC = """
  Api = "sfapi"
  Url = "https://api.nersc.gov/api/v1.2"
  Machine = "perlmutter"
  Root = "/pscratch/glidein"
  Credential = "key"
"""
ROOT = Path(__file__).resolve().parents[2]
READ = """
import htcondor2, json, sys
names = [name for name in htcondor2.param if name.upper().startswith(("GLIDEIN_", "NERSC"))]
json.dump({name.upper(): htcondor2.param.get(name) for name in names}, sys.stdout)
"""


@pytest.fixture
def nersc(world: Pretended) -> Pretended:
    """A world with the facility."""
    world.knobs["GLIDEIN_FACILITY_NAMES"] = "nersc"
    world.knobs["GLIDEIN_FACILITY_NERSC"] = NERSC
    return world


def read_by_htcondor(directory: Path, text: str) -> dict[str, str]:
    """All our knobs, by name in capitals, with the drop-in after our defaults."""
    defaults = (ROOT / "config.d/50-glidein-defaults.conf").read_text(encoding="utf-8")
    config = directory / "condor_config"
    config.write_text(f"LOCAL_DIR = /nowhere\nLOG = /nowhere\n{defaults}\n{text}")
    done = subprocess.run(
        [sys.executable, "-c", READ],
        env={**os.environ, "CONDOR_CONFIG": str(config)},
        capture_output=True,
        check=True,
        text=True,
        timeout=50,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return {name: text for name, text in found.items() if text is not None}


def test_what_add_writes_is_what_htcondor_reads(
    glidein: Run, world: Pretended, tmp_path: Path
) -> None:
    said = glidein(*ADD, "--secret", "/secrets/a b$(x).pem", "--set", "PollInterval=30")
    path = world.directory / "70-facility-nersc.conf"
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Written to {path}. Next:\n")
    assert path.stat().st_mode & 0o777 == 0o644
    text = path.read_text()
    knobs = read_by_htcondor(tmp_path, text)
    assert knobs["NERSC_GAHP"].endswith("/share/htcondor-glideins/blahp/glidein_gahp")
    policy = read_policy({**knobs, "GLIDEIN_COLLECTOR": "cm"})
    assert [one for one in policy.problems if one.severity == "error"] == []
    assert policy.facilities["nersc"].values["PollInterval"] == 30
    assert policy.facilities["nersc"].values["Machine"] == "perlmutter"
    key = policy.credentials["key"]
    assert (key.purpose, key.type, key.trust_domain) == ("request", "sfapi_key", "nersc")
    assert key.path == "/secrets/a b$(x).pem"
    assert policy.entries == {}
    sample = "".join(
        f"{line[1:]}\n" for line in text.splitlines() if line.startswith(("#GL", "# ", "#@"))
    )
    sample = sample[sample.index("GLIDEIN_ENTRY_NAMES") :]
    entry = read_policy(read_by_htcondor(tmp_path, text + sample)).entries["nersc_regular"]
    assert entry.at_facility


def test_the_example_is_right(tmp_path: Path) -> None:
    example = (ROOT / "config.d/examples/70-facility.conf").read_text(encoding="utf-8")
    knobs = read_by_htcondor(tmp_path, example) | {"GLIDEIN_COLLECTOR": "cm"}
    knobs |= {"GLIDEIN_PILOT_DIR": "/pilot", "GLIDEIN_PILOT_LOG_DIR": "/log"}
    knobs |= {"GLIDEIN_GROUP_NAMES": "g", "GLIDEIN_GROUP_G": "Jobs = true"}
    policy = read_policy(knobs)
    host = Host(now_s=0, trust_domain="example.org", gahps={"nersc": knobs["NERSC_GAHP"]})
    problems = (*policy.problems, *cross_checks(policy, knobs, host))
    assert [str(one) for one in problems if one.severity == "error"] == []
    assert policy.entries["Perlmutter"].at_facility


def test_add_writes_over_nothing(glidein: Run, world: Pretended) -> None:
    path = world.directory / "70-facility-nersc.conf"
    path.write_text("mine")
    said = glidein(*ADD, "--secret", "/key")
    assert (said.code, path.read_text()) == (78, "mine")
    assert "is there already: edit it, or give --file" in said.err
    assert [one.name for one in world.directory.iterdir()] == [path.name]
    other = world.directory / "other.conf"
    assert glidein(*ADD, "--secret", "/key", "--file", str(other)).code == 0
    assert "GLIDEIN_FACILITY_nersc" in other.read_text()


def test_a_dry_run_shows_the_file(glidein: Run, world: Pretended) -> None:
    said = glidein(*ADD, "--secret", "/key", "--face", "helpers", "--dry-run")
    assert said.code == 0
    assert "NERSC_GAHP = $(GLIDEIN_BLAHP_DIR)/blahp_gahp\n" in said.out
    assert list(world.directory.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--credential", "poool"), "there is no credential 'poool'; did you mean pool?"),
        (("--set", "Machin=x"), "'Machin=x' is no ATTRIBUTE=VALUE of a facility; did you mean Mac"),
        (("--set", "PollInterval=0"), "PollInterval is 0, should be at least 1 seconds"),
        (("--set", "Version=v3"), "Version is 'v3'"),
        (("--api", "sfap"), "'sfap' is not one of"),
        (("--secret", "/key", "--credential", "a b"), "'a b' can be no knob"),
        (("--secret", "/key", "--credential", "Names"), "GLIDEIN_CREDENTIAL_NAMES is the list of"),
        (("--set", "PollInterval=$(X)"), "a value is one line, not empty, without $"),
        (("--set", "PollInterval=30\n@facility\nX = 1"), "a value is one line"),
        (("--set", "PollInterval=("), "the facility does not parse as a ClassAd"),
    ],
)
def test_add_refuses(glidein: Run, world: Pretended, more: tuple[str, ...], words: str) -> None:
    world.knobs["GLIDEIN_CREDENTIAL_NAMES"] = "pool key"
    world.knobs["GLIDEIN_CREDENTIAL_KEY"] = 'Purpose = "request"\nPath = "/key"'
    said = glidein(*ADD, *more)
    assert said.code == 2
    assert words in said.err
    assert list(world.directory.iterdir()) == []


def test_add_refuses_a_name_and_a_facility_that_is_there(glidein: Run, nersc: Pretended) -> None:
    assert "is set already" in glidein(*ADD).err
    alcf = tuple("alcf" if word == "nersc" else word for word in ADD)
    nersc.knobs["GLIDEIN_CREDENTIAL_KEY"] = "broken"
    said = glidein(*alcf, "--secret", "/key")
    assert (said.code, "GLIDEIN_CREDENTIAL_key is set already" in said.err) == (78, True)
    slurm = tuple("slurm" if word == "nersc" else word for word in ADD)
    assert "is a batch type of HTCondor's own" in glidein(*slurm).err


def test_check_tells_of_an_offer_at_a_facility(glidein: Run, nersc: Pretended) -> None:
    nersc.knobs["GLIDEIN_OFFERS"] = '[ A = [ GridResource = "batch nersc" ] ]'
    told = [one for one in glidein("check", "--json").facts["problems"] if one["attribute"] == "A"]
    assert [(one["knob"], one["severity"]) for one in told] == [("GLIDEIN_OFFERS", "error")]


def left(**changes: Any) -> dict[str, Any]:
    """As the gateway leaves it."""
    known = {
        "state": "up",
        "words": "active",
        "error": "",
        "error_s": 0,
        "answered_s": NOW_S - 20,
        "asked_s": NOW_S - 20,
        "wait_until_s": 0,
        "credential_expires_s": 0,
        "credential_words": "",
        "jobs": {"submitted": 12, "ended": 1, "refused": 0},
    }
    return known | changes


def test_list(glidein: Run, nersc: Pretended) -> None:
    nersc.own_knobs["NERSC_GAHP"] = "/x/blahp/glidein_gahp"
    nersc.gateway["nersc"] = left()
    said = glidein("facility", "list")
    assert said.code == 0
    row = " ".join(said.out.splitlines()[-1].split())
    assert row == "nersc sfapi resident up: active 20 s ago 12 submitted, 1 ended key"
    (one,) = glidein("facility", "list", "--json").facts["facilities"]
    assert one["jobs"] == {"submitted": 12, "ended": 1}
    assert (one["face"], one["seen"], one["state"]) == ("resident", True, "up")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"wait_until_s": NOW_S + 60, "error": "HTTP 503", "error_s": NOW_S - 10},
            ("asked again in", "HTTP 503 (10 s ago)"),
        ),
        ({"error": "old trouble", "error_s": NOW_S - 100}, ()),
        (
            {"credential_expires_s": NOW_S + 10 * 3600},
            ("Credential key of facility nersc ends in 10 h (2026-11-18", "write a new one over"),
        ),
        ({"credential_expires_s": NOW_S - 1}, ("has expired", "key, expired")),
        ({"credential_expires_s": NOW_S + 47 * 3600}, ("key, 1 d 23 h",)),
        ({"state": 5, "answered_s": "x", "jobs": [1]}, ("nersc sfapi none active key",)),
        (
            {"answered_s": 1e300, "credential_expires_s": float("nan"), "jobs": {"a": 10**30}},
            ("nersc sfapi none up: active key",),
        ),
        (
            {"answered_s": -1, "wait_until_s": float("inf"), "jobs": {"a": -1, "b": True}},
            ("nersc sfapi none up: active key",),
        ),
    ],
)
def test_what_list_says(
    glidein: Run, nersc: Pretended, changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    nersc.gateway["nersc"] = left(**changes)
    out = " ".join(glidein("facility", "list").out.split())
    for one in words:
        assert one in out
    assert "old trouble" not in out
    assert ("write a new one" in out) is any("has expired" in w or "ends in" in w for w in words)


def test_list_when_it_may_not_look_and_when_there_is_nothing(
    glidein: Run, nersc: Pretended
) -> None:
    nersc.gateway["nersc"] = None
    assert "hidden (run as root)" in glidein("facility", "list").out
    nersc.knobs["GLIDEIN_FACILITY_NAMES"] = ""
    assert "none: GLIDEIN_FACILITY_NAMES is empty" in glidein("facility", "list").out


def test_status_has_them_only_where_there_are_any(glidein: Run, world: Pretended) -> None:
    assert "Facilities" not in glidein("status").out
    assert glidein("status", "--json").facts["facilities"] == []
    world.knobs["GLIDEIN_FACILITY_NAMES"] = "nersc"
    world.knobs["GLIDEIN_FACILITY_NERSC"] = NERSC
    world.gateway["nersc"] = left()
    assert "12 submitted, 1 ended" in glidein("status").out
    assert glidein("status", "--json").facts["facilities"][0]["name"] == "nersc"


def line(step: str, ok: bool = True, words: str = "") -> str:
    return json.dumps({"step": step, "ok": ok, "seconds": 0.5, "words": words}) + "\n"


def test_a_test_that_goes_well(glidein: Run, nersc: Pretended) -> None:
    nersc.test_lines = [line("login", words="good for 600 s"), "noise\n", "3\n", line("clean up")]
    said = glidein("facility", "test", "NERSC")
    assert said.code == 0
    assert said.out.splitlines() == [
        "+ login         0.5 s  good for 600 s",
        "+ clean up      0.5 s  ",
        "Facility nersc works.",
    ]
    facts = glidein("facility", "test", "nersc", "--json").facts
    assert (facts["ok"], [one["step"] for one in facts["steps"]]) == (True, ["login", "clean up"])


def test_a_test_that_fails(glidein: Run, nersc: Pretended) -> None:
    nersc.test_lines = [line("login", False, "HTTP 401: look at the key."), line("clean up")]
    said = glidein("facility", "test", "nersc")
    assert (said.code, said.err) == (1, "")
    assert said.out.splitlines()[0] == "- login         0.5 s  HTTP 401: look at the key."
    for lines in ([], [line("login")]):
        nersc.test_lines = lines
        said = glidein("facility", "test", "nersc")
        assert (said.code, said.err) == (1, "glidein: the test itself ended before its end\n")
        assert "works" not in said.out
    said = glidein("facility", "test", "nerc")
    assert (said.code, "did you mean nersc?" in said.err) == (2, True)


def test_the_gateway_s_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_policy({"GLIDEIN_GATEWAY_DIR": str(tmp_path)}).settings
    assert gateway.state(settings, "NERSC") == {}
    (tmp_path / "nersc").mkdir()
    file = tmp_path / "nersc" / gateway.STATE_FILE
    file.write_text('{"state": "up"}')
    assert gateway.state(settings, "NERSC") == {"state": "up"}
    for text in ("[1]", '{"sta'):
        file.write_text(text)
        assert gateway.state(settings, "nersc") == {}
    file.write_text('{"words": "' + "x" * 1_000_000 + '"}')
    assert gateway.state(settings, "nersc") == {}
    file.write_text("[" * 100_000)
    assert gateway.state(settings, "nersc") == {}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text('{"state": "up"}')
    file.unlink()
    file.symlink_to(elsewhere)
    assert gateway.state(settings, "nersc") == {}
    file.unlink()
    os.mkfifo(file)
    assert gateway.state(settings, "nersc") == {}
    nobody = read_policy({"GLIDEIN_ACCOUNT": "no-such-account"}).settings
    assert gateway.state(nobody, "nersc") == {}
    with pytest.raises(Misconfigured, match="no account no-such-account"):
        list(gateway.lines_of_test(nobody, "", "nersc", 1))


@pytest.mark.parametrize(("code", "good"), [(0, True), (1, True), (3, False), ("KILL", False)])
def test_how_the_program_ended_counts(tmp_path: Path, code: int | str, good: bool) -> None:
    program = tmp_path / "glidein-gateway"
    end = f"exit {code}" if isinstance(code, int) else f"kill -{code} $$"
    program.write_text(f"#!/bin/sh\necho line\n{end}\n")
    program.chmod(0o755)
    name = pwd.getpwuid(os.geteuid()).pw_name
    settings = read_policy({"GLIDEIN_ACCOUNT": name}).settings
    lines = gateway.lines_of_test(settings, str(tmp_path), "NERSC", 30)
    assert next(lines) == "line\n"
    with nullcontext() if good else pytest.raises(GiveUp, match="ended before its end"):
        assert list(lines) == []


def test_the_program_runs_as_this_account_and_is_ended(tmp_path: Path) -> None:
    """A program that goes on for ever is told to end when nobody listens any more."""
    program = tmp_path / "glidein-gateway"
    program.write_text(
        '#!/bin/sh\necho "$*"\necho "$HOME $PWD $GLIDEIN_TEST_TIMEOUT"\nexec sleep 50\n'
    )
    program.chmod(0o755)
    name = pwd.getpwuid(os.geteuid()).pw_name
    home = pwd.getpwuid(os.geteuid()).pw_dir
    settings = read_policy({"GLIDEIN_ACCOUNT": name}).settings
    lines = gateway.lines_of_test(settings, str(tmp_path), "NERSC", 30)
    assert next(lines) == "test nersc\n"
    assert next(lines) == f"{home} / 30\n"
    lines.close()  # type: ignore[attr-defined]
    program.chmod(0o644)
    with pytest.raises(Misconfigured, match=rf"{name} cannot run {program}: Permission denied"):
        next(gateway.lines_of_test(settings, str(tmp_path), "NERSC", 30))
