# SPDX-License-Identifier: Apache-2.0
"""The differences of facilities, keys against a second submit, jobs that really run, faults."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.facility.iri_asking import SPEC, USER, F, Iri, R, stand_in
from tests.testbed.facility.pretend import Pretend
from tests.testbed.facility.pretend_run import Processes

KEY = "00000000-0000-4000-8000-000000000000"
BARE: dict[str, Any] = {
    "executable": "/bin/true",
    "stdout_path": "o",
    "stderr_path": "e",
    "attributes": {"account": "m1", "custom_attributes": {"filesystems": "home"}},
}
FULL: dict[str, Any] = {
    **SPEC,
    "stdin_path": "/dev/null",
    "pre_launch": "module load x",
    "post_launch": "echo done",
    "launcher": "srun -n1",
    "resources": {"node_count": 2, "memory": 1024 * 1024 + 1},
    "attributes": {
        **SPEC["attributes"],
        "reservation_id": "r1",
        "custom_attributes": {"constraint": "gpu&hbm80g", "licenses": "cfs"},
    },
}


@pytest.fixture
def pretend(tmp_path: Path) -> Pretend:
    return Pretend(home=tmp_path, user=USER)


def test_a_key_submits_once(tmp_path: Path, pretend: Pretend) -> None:
    with stand_in(tmp_path, pretend) as standin:
        iri = Iri(standin, 2)
        first, second = (iri.submit(Idempotency_Key=KEY) for _ in range(2))
        assert first.headers["idempotency-key-reply"] == "miss"
        assert second.headers["idempotency-key-reply"] == "hit"
        assert first.body == second.body
        assert len(pretend.queue()) == 1
        other = iri.submit({**SPEC, "name": "q"}, Idempotency_Key=KEY)
        assert (other.status, len(pretend.queue())) == (422, 1)


def test_a_key_survives_a_lost_answer_but_no_refusal(tmp_path: Path, pretend: Pretend) -> None:
    with stand_in(tmp_path, pretend) as standin:
        iri = Iri(standin, 2)
        standin.faults({"kind": "refuse-submit", "times": 1}, {"kind": "drop", "times": 1})
        with pytest.raises(OSError, match=r"without response|reset"):
            iri.submit(Idempotency_Key=KEY)
        again = iri.submit(Idempotency_Key=KEY)
        assert (again.status, again.headers["idempotency-key-reply"]) == (200, "miss")
        standin.faults({"kind": "drop", "times": 1})
        with pytest.raises(OSError, match=r"without response|reset"):
            iri.submit(Idempotency_Key="lost")
        assert iri.submit(Idempotency_Key="lost").headers["idempotency-key-reply"] == "hit"
        assert len(pretend.queue()) == 2


def test_a_key_in_flight_is_a_conflict(tmp_path: Path) -> None:
    began, may_end = threading.Event(), threading.Event()

    class Slow(Pretend):
        def submit(self, batch: Any) -> str:
            began.set()
            assert may_end.wait(10)
            return super().submit(batch)

    with stand_in(tmp_path, Slow(home=tmp_path, user=USER)) as standin:
        iri = Iri(standin, 2)
        first = threading.Thread(target=lambda: iri.submit(Idempotency_Key=KEY))
        first.start()
        assert began.wait(10)
        assert iri.submit(Idempotency_Key=KEY).status == 409
        may_end.set()
        first.join(10)
        assert iri.submit(Idempotency_Key=KEY).headers["idempotency-key-reply"] == "hit"


def test_where_keys_are_not_kept(tmp_path: Path, pretend: Pretend) -> None:
    with stand_in(tmp_path, pretend, idempotency="off") as standin:
        assert Iri(standin, 2).submit(Idempotency_Key=KEY).status == 501
        assert "idempotency-key-reply" not in Iri(standin, 1).submit(Idempotency_Key=KEY).headers
        assert len(pretend.queue()) == 1


def test_v2_wants_the_account_before_all_else(tmp_path: Path, pretend: Pretend) -> None:
    with stand_in(tmp_path, pretend) as standin:
        reply = Iri(standin, 2).submit({"executable": "", "nonsense": 1})
        words = "Project/account must be specified in exactly one place"
        assert (reply.status, reply.json()["detail"]) == (400, words)
        assert Iri(standin, 2).submit(X_IRI_Facility_Project="m1").status == 400


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 200),
        ({"environment": {"A": "1"}}, 501),
        ({"pre_launch": "true"}, 501),
        ({"inherit_environment": False}, 501),
        ({"inherit_environment": True}, 200),
        ({"resources": {"node_count": 2}}, 200),
        ({"resources": {"process_count": 2}}, 501),
        ({"stdout_path": None}, 400),
        ({"arguments": ['say "hi"']}, 400),
        ({"arguments": ["a\nb"]}, 400),
        ({"attributes": {"account": "m1"}}, 400),
    ],
)
def test_what_alcf_takes(
    tmp_path: Path, pretend: Pretend, change: dict[str, Any], status: int
) -> None:
    with stand_in(tmp_path, pretend, flavour="alcf") as standin:
        assert Iri(standin).submit({**BARE, **change}).status == status


def test_jobs_at_alcf(tmp_path: Path, pretend: Pretend) -> None:
    with stand_in(tmp_path, pretend, flavour="alcf") as standin:
        iri = Iri(standin)
        job = iri.submit(BARE).json()["id"]
        slurm_id = job.partition(".")[0]
        assert job == f"{slurm_id}.polaris-pbs-01"
        assert iri.status(job).json()["status"]["exit_code"] is None
        assert "meta_data" not in iri.status(job).json()["status"]
        assert iri.status(job, "?include_spec=true").status == 501
        pretend.run(slurm_id)
        pretend.end(slurm_id, 3)
        ended = iri.bulk({"jobIds": [job]}, "?historical=true").json()[0]["status"]
        assert (ended["state"], ended["exit_code"]) == ("completed", 3)
        gone = iri.status(job, "?historical=false")
        assert (gone.status, gone.json()["detail"]) == (400, f"Job {job} not found.")
        assert iri.ask("GET", "account/capabilities").status == 501
        nameless = Iri(standin, agent="Python-urllib/3.11").status(job)
        assert (nameless.status, nameless.body) == (403, b"error code: 1010")


def test_what_olcf_lacks(tmp_path: Path, pretend: Pretend) -> None:
    with stand_in(tmp_path, pretend, flavour="olcf") as standin:
        iri = Iri(standin)
        job = iri.submit().json()["id"]
        assert iri.status(job).json()["status"]["state"] == "queued"
        assert "job_spec" not in iri.status(job, "?include_spec=true").json()
        assert iri.bulk().status == 404
        assert iri.ask("GET", "task").status == 404
        assert iri.ask("GET", "account/projects").status == 404
        assert iri.ask("GET", f"filesystem/ls/{F}?path=/").status == 404


def test_arguments_reach_the_job_unchanged(tmp_path: Path) -> None:
    words = ["it's", 'say "$HOME"', "", "a b", "*", "\\n", "`id`", "line\nline"]
    processes = Processes(tmp_path / "spool")
    pretend = Pretend(processes=processes, home=tmp_path, user=USER)
    spec = {
        "executable": "/bin/sh",
        "arguments": ["-c", 'printf "%s|" "$@" "$V"; exit 7', "sh", *words],
        "directory": str(tmp_path),
        "environment": {"V": "it's $V"},
        "stdout_path": f"{tmp_path}/out",
        "stderr_path": f"{tmp_path}/err",
        "attributes": {"account": "m1", "duration": 90},
    }
    with stand_in(tmp_path, pretend) as standin:
        iri = Iri(standin)
        job = iri.submit(spec).json()["id"]
        assert pretend.history([job])[0].limit_s == 90
        until = time.monotonic() + 10
        while iri.status(job).json()["status"]["state"] in {"queued", "active"}:
            assert time.monotonic() < until, "the job does not end"
        ended = iri.status(job).json()["status"]
    assert (ended["state"], ended["exit_code"]) == ("failed", 7)
    assert (tmp_path / "out").read_text() == "|".join([*words, "it's $V", ""])


def test_options_of_sbatch(tmp_path: Path) -> None:
    seen: list[Any] = []

    class Seen(Pretend):
        def submit(self, batch: Any) -> str:
            seen.append(batch)
            return super().submit(batch)

    with stand_in(tmp_path, Seen(home=tmp_path, user=USER), queue_option="qos") as standin:
        assert Iri(standin).submit(FULL).status == 200
        assert Iri(standin).submit({**SPEC, "environment": {"A B": "x"}}).status == 400
        custom = {"account": "m1", "custom_attributes": {"x;y": "z"}}
        assert Iri(standin).submit({**SPEC, "attributes": custom}).status == 400
        refused = Iri(standin).submit({**SPEC, "attributes": {"custom_attributes": {"foo": "1"}}})
    assert (refused.status, refused.json()["detail"]) == (
        400, "sbatch: error: unrecognized option '--foo=1'",
    )  # fmt: skip
    assert set(seen[0].options) == {
        "--job-name=p", "--chdir=/pscratch/u", "--output=/pscratch/u/o", "--error=/pscratch/u/e",
        "--time=10:00", "--qos=debug", "--account=m1", "--reservation=r1", "--nodes=2", "--mem=2M",
        "--constraint=gpu&hbm80g", "--licenses=cfs",
    }  # fmt: skip
    assert seen[0].script.splitlines()[1:] == [
        "export A=1",
        "module load x",
        "srun -n1 /bin/bash -c 'echo hi' </dev/null",
        "code=$?",
        "echo done",
        "exit $code",
    ]


def test_faults_of_the_batch_system(tmp_path: Path, pretend: Pretend) -> None:
    with stand_in(tmp_path, pretend) as standin:
        iri = Iri(standin)
        jobs = [iri.submit().json()["id"] for _ in range(2)]
        standin.faults({"kind": "bad-row", "times": 1})
        assert [row["id"] for row in iri.bulk().json()] == [None, jobs[1]]
        standin.faults({"kind": "unknown-state", "word": "LAUNCH_FAILED", "times": 1})
        assert iri.status(jobs[0]).json()["status"]["state"] == "launch_failed"
        standin.faults({"kind": "unknown-job", "seconds": 60, "times": 1})
        assert iri.bulk().json() == []
        standin.faults({"kind": "queue-error", "times": 1})
        assert iri.bulk().status == 503
        standin.faults({"kind": "refuse-submit", "word": "sbatch: error: no", "times": 1})
        refused = iri.submit()
        assert (refused.status, refused.json()["detail"]) == (400, "sbatch: error: no")
        pretend.change(jobs[0], reason="JobHeldUser")
        assert iri.status(jobs[0]).json()["status"]["state"] == "held"


def test_faults_of_tasks_and_of_the_facility(tmp_path: Path, pretend: Pretend) -> None:
    with stand_in(tmp_path, pretend) as standin:
        iri = Iri(standin)
        standin.faults({"kind": "task-fails", "times": 1})
        failed = iri.result(iri.file("ls", "GET", path="/"))
        assert failed["result"] == {"error": "Error: [Errno 5] Input/output error"}
        standin.faults({"kind": "task-stuck", "times": 1})
        stuck = iri.file("ls", "GET", path="/").json()["task_id"]
        assert iri.ask("GET", f"task/{stuck}").json()["status"] == "pending"
        assert iri.ask("DELETE", f"task/{stuck}").status == 200
        assert iri.ask("GET", f"task/{stuck}").json()["status"] == "canceled"
        standin.faults({"kind": "maintenance"})
        assert iri.submit().status == 503
        assert iri.ask("GET", f"status/resources/{R}").json()["current_status"] == "down"
        assert iri.ask("GET", "facility").status == 200
