# SPDX-License-Identifier: Apache-2.0
"""The probe against the stand-in: it passes, and each fault has a sentence of its own."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from condor_plugins.facility import sfapi_tasks
from condor_plugins.facility.backends import backend
from condor_plugins.facility.values import Facility, Resources
from condor_plugins.gateway.probe_steps import Probe, Step
from tests.facility import globus_asking, iri_asking
from tests.facility.globus_asking import SECRET
from tests.facility.standins import CLIENT_ID, Key, make_key, stand_in
from tests.testbed.facility.globus import LOGIN_ENDPOINT
from tests.testbed.facility.pretend import Pretend
from tests.testbed.facility.pretend_run import Processes
from tests.testbed.facility.server import StandIn
from tests.testbed.facility.world import Settings

pytestmark = pytest.mark.programs

ASKED = Resources(project="m1234")


class Site(NamedTuple):
    """A stand-in whose jobs really run here, and a facility that leads to it."""

    standin: StandIn
    facility: Facility
    directory: Path

    def tried(self, of: Facility | None = None, timeout_s: float = 20) -> list[Step]:
        told: list[Step] = []
        facility = of or self.facility
        Probe(facility, backend(facility, self.directory), told.append, ASKED, timeout_s).run()
        return told

    def failed(self, of: Facility | None = None, timeout_s: float = 20) -> Step:
        bad = [one for one in self.tried(of, timeout_s) if not one.ok and one.step != "clean up"]
        assert len(bad) == 1, bad
        return bad[0]


@pytest.fixture(scope="module")
def key() -> Key:
    return make_key()


@pytest.fixture
def site(tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(sfapi_tasks, "FIRST_WAIT_S", 0.05)
    secret = tmp_path / "key.pem"
    secret.write_text(f"{CLIENT_ID}\n{key.private_pem}")
    secret.chmod(0o600)
    root = tmp_path / "facility"
    pretend = Pretend(processes=Processes(tmp_path / "spool"), home=tmp_path, user="glidein")
    with stand_in(tmp_path, key, pretend) as standin:
        facility = Facility(
            "nersc",
            "sfapi",
            standin.url("sfapi"),
            "perlmutter",
            str(root),
            secret=str(secret),
            secret_kind="sfapi_key",  # noqa: S106 - a kind
            token_url=standin.url("sfapi-token"),
            timeout_s=1.2,
            poll_s=0.1,
        )
        yield Site(standin, facility, tmp_path / "state")


def test_it_passes_and_leaves_nothing(site: Site) -> None:
    told = site.tried()
    assert [f"{one.step}: {one.words}" for one in told if not one.ok] == []
    assert [one.step for one in told][-2:] == ["cancel", "clean up"]
    assert list(Path(site.facility.root, "probe").iterdir()) == []


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_it_passes_with_iri(tmp_path: Path, version: str) -> None:
    secret = tmp_path / "token"
    secret.write_text(iri_asking.TOKEN)
    secret.chmod(0o600)
    pretend = Pretend(processes=Processes(tmp_path / "spool"), home=tmp_path, user="glidein")
    with iri_asking.stand_in(tmp_path, pretend) as standin:
        facility = Facility(
            "alcf",
            "iri",
            standin.url(f"iri-{version}"),
            iri_asking.MACHINE,
            str(tmp_path / "facility"),
            secret=str(secret),
            timeout_s=5.0,
            poll_s=0.1,
        )
        told = Site(standin, facility, tmp_path / "state").tried()
        assert [f"{one.step}: {one.words}" for one in told if not one.ok] == []
        secret.write_text("another")
        bad = Site(standin, facility, tmp_path / "state").failed()
        assert "For iri: renew the token" in bad.words


def test_it_passes_with_globus(tmp_path: Path) -> None:
    """A pilot is a task of the endpoint here; a task cannot be cancelled but by its own file."""
    secret = tmp_path / "secret"
    secret.write_text(json.dumps({"client_id": globus_asking.CLIENT_ID, "client_secret": SECRET}))
    secret.chmod(0o600)
    settings = Settings(clients={globus_asking.CLIENT_ID: SECRET})
    with StandIn(Pretend(home=tmp_path), settings, tmp_path) as standin:
        facility = Facility(
            "crux",
            "globus",
            standin.url("globus"),
            "",
            str(tmp_path / "facility"),
            secret=str(secret),
            token_url=standin.url("globus-token"),
            timeout_s=10.0,
            poll_s=0.1,
            options={"Endpoint": LOGIN_ENDPOINT},
        )
        told = Site(standin, facility, tmp_path / "state").tried(timeout_s=40)
        assert [f"{one.step}: {one.words}" for one in told if not one.ok] == []
        bad = facility._replace(options={"Endpoint": "x"})
        assert "are these their UUIDs" in Site(standin, bad, tmp_path / "other").failed().words


def faults(*specs: Mapping[str, Any]) -> tuple[tuple[Mapping[str, Any], ...], Mapping[str, str]]:
    return specs, {}


def other(**changes: str) -> tuple[tuple[Mapping[str, Any], ...], Mapping[str, str]]:
    return (), changes


API, TOKEN = "* /api/v1.2/(compute|utilities)", "POST /c2id/token"
FAULTS: dict[str, tuple[Any, str, str]] = {
    "expired client": (
        faults({"kind": "status", "code": 401, "match": TOKEN}),
        "login",
        "compare ClientId and",
    ),
    "no secret": (other(**{"secret": "/nowhere/key"}), "login", "the secret cannot be read"),
    "401": (faults({"kind": "status", "code": 401, "match": API}), "token", "of one service"),
    "403": (faults({"kind": "status", "code": 403, "match": API}), "token", "of level Red"),
    "429": (faults({"kind": "status", "code": 429, "match": API}), "token", "raise PollInterval"),
    "503": (faults({"kind": "status", "code": 503, "match": API}), "token", "service itself fail"),
    "maintenance": (faults({"kind": "maintenance"}), "health", "pilots wait"),
    "machine": (other(machine="perlmuter"), "health", "Machine is 'perlmuter'"),
    "root": (other(root="/proc/facility"), "put", "make /proc/facility at the facility"),
    "queue": (
        faults({"kind": "refuse-submit", "word": "sbatch: error: invalid qos specification"}),
        "submit",
        "BatchQueue in the entry's Submit",
    ),
    "project": (
        faults({"kind": "refuse-submit", "word": "sbatch: error: Invalid account"}),
        "submit",
        "BatchProject in the entry's Submit",
    ),
    "task": (faults({"kind": "task-stuck", "match": API}), "put", "its task queue hangs"),
    "lost answer": (faults({"kind": "drop", "match": API}), "token", "answer was lost on the way"),
    "refused connection": (other(url="http://127.0.0.1:9/api"), "health", "nothing answers there"),
    "dns": (other(url="http://no-such-host.invalid/api"), "health", "cannot find the address"),
    "truncated": (faults({"kind": "truncate", "match": API}), "token", "does Url lead to the API"),
    "slow": (faults({"kind": "delay", "seconds": 3, "match": API}), "token", "slower than Timeout"),
    "tls": (other(url="https://"), "health", "no protected connection"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_own_sentence(site: Site, fault: str) -> None:
    (specs, changes), step, words = FAULTS[fault]
    site.standin.faults(*specs)
    if changes.get("url") == "https://":
        changes = {"url": site.facility.url.replace("http:", "https:")}
    bad = site.failed(site.facility._replace(**changes))
    assert (bad.step, words in bad.words) == (step, True), bad
    assert [one for one, (_, _, its) in FAULTS.items() if its in bad.words] == [fault]


def test_a_key_of_another_client(site: Site) -> None:
    pem = make_key().private_pem
    secret = Path(site.facility.secret)
    secret.write_text(f"{CLIENT_ID}\n{pem}")
    assert "the key does not belong to the client" in site.failed().words
    secret.write_text(f"nobodyatallxx\n{pem}")
    assert "the client has expired" in site.failed().words


def test_a_submission_whose_answer_is_lost_is_found(site: Site) -> None:
    site.standin.faults({"kind": "drop", "match": "POST /api/v1.2/compute", "times": 1})
    told = {one.step: one for one in site.tried()}
    assert all(one.ok for one in told.values()), told
    assert "its name was found" in told["submit"].words


def test_a_job_that_does_not_start(tmp_path: Path, site: Site, key: Key) -> None:
    with stand_in(tmp_path, key, Pretend(home=tmp_path, user="glidein")) as standin:
        facility = site.facility._replace(
            url=standin.url("sfapi"), token_url=standin.url("sfapi-token")
        )
        bad = site.failed(facility, timeout_s=1)
        assert (bad.step, "the job still waits as PENDING" in bad.words) == ("status", True), bad
        assert [one.status for one in standin.requests() if one.method == "DELETE"] == [200]
    assert list(Path(facility.root, "probe").iterdir()) == []
