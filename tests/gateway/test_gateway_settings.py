# SPDX-License-Identifier: Apache-2.0
"""Which facility a batch type is, and when HTCondor's configuration is asked for it."""

import errno
import json
import os
import time
from pathlib import Path

import pytest

from condor_plugins.core.errors import Misconfigured, TryAgain
from condor_plugins.facility.values import Facility
from condor_plugins.gateway import knobs, settings
from condor_plugins.gateway.knobs import facility_of
from tests.gateway.fake_backend import facility

KNOBS = {
    "GLIDEIN_FACILITY_NAMES": "Nersc, alcf",
    "GLIDEIN_FACILITY_NERSC": """
        Api = "sfapi"
        Url = "https://api.nersc.gov/api/v1.2/"
        TokenUrl = "https://oidc.nersc.gov/c2id/token"
        Machine = "perlmutter"
        Root = "/pscratch/glidein"
        Credential = "key"
        PollInterval = 30
    """,
    "GLIDEIN_CREDENTIAL_KEY": """
        Purpose = "request"
        Type = "sfapi_key"
        Path = "/etc/condor/sfapi.pem"
    """,
    "GLIDEIN_GATEWAY_DIR": "",
}


class Configuration:
    """HTCondor's, in a test; it counts how often it is read."""

    def __init__(self) -> None:
        self.texts = dict(KNOBS)
        self.read = 0
        self.error: Exception | None = None

    def of(self, name: str) -> tuple[Facility, str]:
        self.read += 1
        if self.error:
            raise self.error
        return facility_of(name)


@pytest.fixture
def configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Configuration:
    made = Configuration()
    monkeypatch.setattr(knobs, "knob_texts", lambda: made.texts)
    monkeypatch.setattr(knobs, "reread", lambda: None)
    monkeypatch.setattr(settings, "_from_htcondor", made.of)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("_CONDOR_GLIDEIN_GATEWAY_DIR", raising=False)
    return made


def test_the_knobs_make_the_facility(configuration: Configuration, tmp_path: Path) -> None:
    found, directory = settings.load("NERSC")
    assert found.name == "nersc"
    assert found.secret.endswith("/sfapi.pem")
    assert (found.secret_kind, found.poll_s) == ("sfapi_key", 30.0)
    assert directory == tmp_path / ".glidein-gateway/nersc"
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_fresh_copy_is_enough(configuration: Configuration) -> None:
    first = settings.load("nersc")
    assert settings.load("nersc") == first
    assert configuration.read == 1
    settings.load("nersc", refresh=True)
    assert configuration.read == 2


@pytest.mark.parametrize("age_s", [61, -100])
def test_an_old_copy_is_not(age_s: float, configuration: Configuration) -> None:
    """Nor one from the future: the clock was set back."""
    _, directory = settings.load("nersc")
    configuration.texts["GLIDEIN_FACILITY_NERSC"] += "Timeout = 7\n"
    os.utime(directory / "facility.json", (time.time() - age_s,) * 2)
    assert settings.load("nersc")[0].timeout_s == 7.0


@pytest.mark.parametrize("error", [TryAgain("no file"), Misconfigured("does not parse")])
def test_while_the_configuration_is_broken_the_last_copy_counts(
    error: Exception, configuration: Configuration
) -> None:
    first = settings.load("nersc")
    configuration.error = error
    assert settings.load("nersc", refresh=True) == first
    with pytest.raises(type(error)):
        settings.load("alcf")


def test_a_full_disk_passes_and_somebody_else_s_directory_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, problem in ((errno.ENOSPC, TryAgain), (errno.EACCES, Misconfigured)):

        def fail(*_: object, number: int = number, **__: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(Path, "mkdir", fail)
        with pytest.raises(problem, match="GLIDEIN_GATEWAY_DIR"):
            settings.ours(tmp_path / "new")


def test_the_knob_moves_the_directory_and_the_copy_knows_where(
    configuration: Configuration, tmp_path: Path
) -> None:
    configuration.texts["GLIDEIN_GATEWAY_DIR"] = str(tmp_path / "elsewhere")
    assert settings.load("nersc")[1] == tmp_path / "elsewhere/nersc"
    assert settings.load("nersc")[1] == tmp_path / "elsewhere/nersc"
    assert configuration.read == 1


def test_a_pinned_copy_is_never_compared(configuration: Configuration, tmp_path: Path) -> None:
    directory = tmp_path / ".glidein-gateway/nersc"
    for one in (directory.parent, directory):
        one.mkdir(mode=0o700)
    copy = directory / "facility.json"
    copy.write_text(json.dumps({"facility": facility()._asdict(), "pinned": True}))
    os.utime(copy, (1, 1))
    assert settings.load("nersc", refresh=True) == (facility(), directory)
    assert configuration.read == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"facility": {"name": "nersc"}}', "null"])
def test_a_damaged_copy_is_none(text: str, configuration: Configuration) -> None:
    found, directory = settings.load("nersc")
    (directory / "facility.json").write_text(text)
    assert settings.load("nersc")[0] == found
    assert configuration.read == 2


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o710])
def test_a_directory_that_others_may_enter_is_refused(
    mode: int, configuration: Configuration
) -> None:
    _, directory = settings.load("nersc")
    directory.chmod(mode)
    with pytest.raises(Misconfigured, match="0700"):
        settings.load("nersc")


def test_a_link_is_no_directory_of_ours(configuration: Configuration, tmp_path: Path) -> None:
    (tmp_path / ".glidein-gateway").mkdir(mode=0o700)
    (tmp_path / "target").mkdir(mode=0o700)
    (tmp_path / ".glidein-gateway/nersc").symlink_to(tmp_path / "target")
    with pytest.raises(Misconfigured):
        settings.load("nersc")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".", "a b", "x" * 65, "é"])
def test_names_that_are_paths_or_worse(name: str, configuration: Configuration) -> None:
    with pytest.raises(Misconfigured, match="no name of a facility"):
        settings.load(name)


@pytest.mark.parametrize(
    ("knob", "text", "words"),
    [
        ("GLIDEIN_FACILITY_NAMES", "nersk", "has no nersc; did you mean nersk?"),
        ("GLIDEIN_FACILITY_NERSC", None, "GLIDEIN_FACILITY_Nersc is not set"),
        ("GLIDEIN_FACILITY_NERSC", "Api = ", "GLIDEIN_FACILITY_Nersc: does not parse"),
        ("GLIDEIN_FACILITY_NERSC", 'Api = "sfapi"', "Url"),
        ("GLIDEIN_CREDENTIAL_KEY", None, "GLIDEIN_CREDENTIAL_key is not set"),
    ],
)
def test_a_wrong_knob_is_named(
    knob: str, text: str | None, words: str, configuration: Configuration
) -> None:
    configuration.texts.pop(knob)
    if text is not None:
        configuration.texts[knob] = text
    with pytest.raises(Misconfigured) as problem:
        settings.load("nersc")
    assert words in str(problem.value)
