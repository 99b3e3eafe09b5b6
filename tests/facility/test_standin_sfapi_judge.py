# SPDX-License-Identifier: Apache-2.0
"""NERSC's own client, unchanged, is content with the stand-in of SFAPI."""

import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from tests.facility.standins import CLIENT_ID, USER, Key, make_key, stand_in
from tests.testbed.facility.pretend import Pretend
from tests.testbed.facility.server import StandIn

pytestmark = pytest.mark.programs

with warnings.catch_warnings(record=True):
    # authlib's own modules announce that its support of httpx will move.
    from authlib.integrations.base_client.errors import OAuthError  # type: ignore[import-untyped]
    from sfapi_client import Client, SfApiError  # type: ignore[import-untyped]
    from sfapi_client.compute import Compute, Machine  # type: ignore[import-untyped]
    from sfapi_client.jobs import JobCommand, JobState  # type: ignore[import-untyped]

SCRIPT = "#!/bin/sh\n#SBATCH --job-name=gl-1\n#SBATCH -t 30 -A m1 -q debug\nexit 0\n"


@pytest.fixture(scope="module")
def key() -> Key:
    return make_key()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client asks for a task each second; the stand-in needs no such wait."""
    monkeypatch.setattr("sfapi_client._sync.compute._SLEEP", lambda _: None)


@pytest.fixture
def pretend(tmp_path: Path) -> Pretend:
    return Pretend(home=tmp_path, user=USER)


@pytest.fixture
def standin(tmp_path: Path, key: Key, pretend: Pretend) -> Iterator[StandIn]:
    with stand_in(tmp_path, key, pretend) as running:
        yield running


def client_of(standin: StandIn, key: Key, client_id: str = CLIENT_ID) -> Client:
    return Client(
        client_id,
        key.private_pem,
        api_base_url=standin.url("sfapi"),
        token_url=standin.url("sfapi-token"),
        wait_interval=0,
    )


@pytest.fixture
def client(standin: StandIn, key: Key) -> Iterator[Client]:
    with client_of(standin, key) as made:
        yield made


@pytest.fixture
def perlmutter(client: Client) -> Compute:
    return client.compute(Machine.perlmutter)


def test_the_machine_is_up_and_logs_in(standin: StandIn, perlmutter: Compute) -> None:
    assert (perlmutter.name, perlmutter.status) == ("perlmutter", "active")
    assert standin.count("POST", "/c2id/token") == 1


def test_another_key_cannot_log_in(standin: StandIn) -> None:
    with client_of(standin, make_key()) as stranger, pytest.raises(OAuthError, match="invalid_cl"):
        stranger.compute(Machine.perlmutter)


def test_another_client_id_cannot_log_in(standin: StandIn, key: Key) -> None:
    with (
        client_of(standin, key, "nopqrstuvwxyz") as stranger,
        pytest.raises(OAuthError, match="invalid_cl"),
    ):
        stranger.compute(Machine.perlmutter)


def test_a_job_waits_runs_and_ends(perlmutter: Compute, pretend: Pretend) -> None:
    job = perlmutter.submit_job(SCRIPT)
    job.update()
    assert (job.state, job.name, job.account, job.qos) == (JobState.PENDING, "gl-1", "m1", "debug")
    assert pretend.script(job.jobid) == SCRIPT
    pretend.run(job.jobid)
    job.update()
    assert (job.state, job.nodelist, job.time_limit) == (JobState.RUNNING, "nid000001", "00:30:00")
    pretend.end(job.jobid, exit_code=7)
    ended = perlmutter.job(job.jobid)
    assert (ended.state, ended.exitcode, ended.jobname) == (JobState.FAILED, "7:0", "gl-1")


def test_an_ended_job_is_only_in_sacct(perlmutter: Compute, pretend: Pretend) -> None:
    job = perlmutter.submit_job(SCRIPT)
    pretend.run(job.jobid)
    pretend.end(job.jobid)
    assert perlmutter.jobs(user=USER) == []
    rows = perlmutter.jobs(user=USER, command=JobCommand.sacct)
    assert [(row.jobid, row.state) for row in rows] == [(job.jobid, JobState.COMPLETED)]


def test_many_jobs_in_one_list(standin: StandIn, perlmutter: Compute) -> None:
    ids = [perlmutter.submit_job(SCRIPT).jobid for _ in range(5)]
    before = standin.count("GET", "/compute/jobs/{machine}")
    assert [job.jobid for job in perlmutter.jobs(user=USER)] == ids
    assert [job.jobid for job in perlmutter.jobs(jobids=ids[1:3])] == ids[1:3]
    assert perlmutter.jobs(user="somebody") == []
    assert standin.count("GET", "/compute/jobs/{machine}") == before + 3


def test_a_script_that_lies_there_gets_its_arguments(
    perlmutter: Compute, pretend: Pretend, tmp_path: Path
) -> None:
    (tmp_path / "job.sh").write_text(SCRIPT)
    job = perlmutter.submit_job(str(tmp_path / "job.sh"), args=["a", "b"])
    assert pretend.script(job.jobid) == SCRIPT


def test_sbatch_says_no(perlmutter: Compute) -> None:
    with pytest.raises(SfApiError, match="sbatch: error: unrecognized option '--wrong=1'"):
        perlmutter.submit_job("#!/bin/sh\n#SBATCH --wrong=1\nexit\n")


def test_the_client_sends_a_submit_again(
    standin: StandIn, perlmutter: Compute, pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why our own client does not: the front end gave up, the job was there already."""
    monkeypatch.setattr(Client.post.retry, "sleep", lambda _: None)
    standin.faults({"kind": "status-after", "match": "POST compute/jobs", "code": 504, "times": 2})
    perlmutter.submit_job(SCRIPT)
    assert len(pretend.queue()) == standin.count("POST", "/compute/jobs/{machine}") == 3


def test_the_client_takes_a_failed_list_for_an_empty_one(
    standin: StandIn, perlmutter: Compute
) -> None:
    perlmutter.submit_job(SCRIPT)
    standin.faults({"kind": "queue-error", "times": 1})
    assert perlmutter.jobs(user=USER) == []
    assert len(perlmutter.jobs(user=USER)) == 1


def test_a_job_is_cancelled(perlmutter: Compute, pretend: Pretend) -> None:
    job = perlmutter.submit_job(SCRIPT)
    job.cancel(wait=True)
    assert job.state == JobState.CANCELLED
    assert pretend.history([job.jobid])[0].cancelled_by >= 0


def test_files_go_there_and_come_back(perlmutter: Compute, tmp_path: Path) -> None:
    content = bytes(range(256)) * 9 + b"\r\n--boundary\r\n"
    target = perlmutter.ls(str(tmp_path), directory=True)[0] / "in put.bin"
    target.upload(BytesIO(content))
    assert (tmp_path / "in put.bin").read_bytes() == content
    (remote,) = perlmutter.ls(str(tmp_path / "in put.bin"))
    assert (remote.is_file(), remote.size) == (True, len(content))
    assert remote.download(binary=True).read() == content


def test_an_upload_that_ends_half_way(
    standin: StandIn, perlmutter: Compute, tmp_path: Path
) -> None:
    standin.faults({"kind": "half-upload", "times": 1})
    target = perlmutter.ls(str(tmp_path), directory=True)[0] / "file"
    with pytest.raises(SfApiError, match="No space left"):
        target.upload(BytesIO(b"12345678"))
    assert (tmp_path / "file").read_bytes() == b"1234"


def test_text_is_downloaded_as_text(perlmutter: Compute, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("été\n")
    (remote,) = (path for path in perlmutter.ls(str(tmp_path)) if path.name == "log")
    assert remote.download().read() == "été\n"


def test_a_path_that_is_not_there(perlmutter: Compute, tmp_path: Path) -> None:
    with pytest.raises(SfApiError, match="No such file or directory"):
        perlmutter.ls(str(tmp_path / "none"))


def test_a_command_runs_without_a_shell(perlmutter: Compute) -> None:
    assert perlmutter.run("echo 'a  b' ; $HOME") == "a  b ; $HOME\n"
    with pytest.raises(SfApiError, match="No such file"):
        perlmutter.run("ls /not/there")


def test_what_the_account_has(client: Client) -> None:
    user = client.user()
    assert user.name == USER
    (project,) = user.projects()
    assert (project.name, project.hours_given, project.hours_used) == ("m0001", 1000.0, 250.0)
    assert [role.iris_role for role in user.roles()] == ["user"]
    assert [one.clientId for one in user.clients()] == [CLIENT_ID]


def test_status_notes_and_outages(standin: StandIn, client: Client) -> None:
    assert {name: one.status for name, one in client.resources.status().items()} == {
        "perlmutter": "active",
        "dtns": "active",
    }
    assert client.resources.outages() == {}
    assert client.resources.planned_outages("perlmutter") == []
    assert client.resources.notes() == {}
    assert client.api.changelog() == []
    standin.faults({"kind": "maintenance"})
    assert client.resources.status("perlmutter").status == "unavailable"
