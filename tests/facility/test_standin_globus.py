# SPDX-License-Identifier: Apache-2.0
"""The stand-in of Globus Compute without the SDK: tasks on the login node and in blocks, faults."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.facility.globus_asking import CLIENT_ID, SECRET, Globus, payload
from tests.testbed.facility.globus import BLOCK_ENDPOINT, LOGIN_ENDPOINT
from tests.testbed.facility.globus_worker import pack, unpack
from tests.testbed.facility.pretend import Pretend
from tests.testbed.facility.pretend_run import Processes
from tests.testbed.facility.scheduler import Batch, Job, SchedulerDown
from tests.testbed.facility.server import StandIn
from tests.testbed.facility.world import Settings

pytestmark = pytest.mark.programs

ADD = "def f(a, b=1):\n    print('noise')\n    return {'sum': a + b}\n"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def pretend(tmp_path: Path) -> Pretend:
    return Pretend(home=tmp_path)


def stand_in(home: Path, pretend: Pretend, **options: str) -> StandIn:
    """`options`: of Globus, by their names without "globus."."""
    named = {f"globus.{name}": value for name, value in options.items()}
    return StandIn(pretend, Settings(clients={CLIENT_ID: SECRET}, options=named), home)


@pytest.fixture
def standin(tmp_path: Path, pretend: Pretend) -> Iterator[StandIn]:
    with stand_in(tmp_path, pretend) as running:
        yield running


@pytest.fixture
def globus(standin: StandIn) -> Globus:
    return Globus(standin)


def test_five_tasks_by_one_request(globus: Globus, tmp_path: Path) -> None:
    function = globus.function(ADD)
    made = globus.submit(function, [payload(number, b=10) for number in range(5)]).json()
    tasks = made["tasks"][function]
    assert made.keys() == {"tasks", "request_id", "task_group_id", "endpoint_id"}
    group = globus.ask("GET", f"/v2/taskgroup/{made['task_group_id']}").json()
    assert group == {
        "taskgroup_id": made["task_group_id"],
        "tasks": [{"id": task} for task in tasks],
    }
    ends = [globus.ended(task) for task in tasks]
    assert [row["result"] for row in ends] == [f'11\n{{"sum": {n + 10}}}' for n in range(5)]
    assert float(ends[0]["completion_t"]) > 1e9
    many = globus.ask("POST", "/v2/batch_status", {"task_ids": [*tasks, UNKNOWN]}).json()
    assert many["results"] == dict(zip(tasks, ends, strict=True))
    assert list((tmp_path / ".globus_compute" / LOGIN_ENDPOINT).iterdir()) == []


def test_a_packed_function_is_the_same_as_its_source(globus: Globus) -> None:
    body = {"function_name": "f", "function_code": pack([f"st\nf:{ADD}"]), "serialized": True}
    function = globus.ask("POST", "/v3/functions", body).json()["function_uuid"]
    task = globus.submit(function, ["6\n11\n[1]5\n11\n{}"]).json()["tasks"][function][0]
    assert globus.ended(task)["result"] == '11\n{"sum": 2}'


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f():\n    raise ValueError('no')\n", "ValueError: no"),
        ("def f():\n    raise SystemExit(3)\n", "SystemExit: 3"),
        ("def f():\n    return {1, 2}\n", "TypeError: Object of type set is not JSON serializable"),
        ("def f():\n    return 'x' * 10485761\n", "MaxResultSizeExceeded: (10485766, 10485760)"),
        ("def f(\n", "SyntaxError"),
        ("def g():\n    pass\n", "KeyError: 'f'"),
        ("def f():\n    import os\n    os._exit(9)\n", "the worker ended with 9"),
    ],
)
def test_failures(globus: Globus, source: str, words: str) -> None:
    row = globus.ended(globus.run(source))
    assert row["status"] == "failed"
    assert words in row["exception"]
    assert "result" not in row


def test_without_a_serializer_the_result_is_dilled(globus: Globus) -> None:
    assert globus.ended(globus.run(ADD, 1, result_serializers=[]))["result"].startswith("00\n")


def test_a_task_has_a_directory_of_its_own(globus: Globus) -> None:
    source = (
        "def f():\n    import os\n    return [os.getcwd(), os.environ['GC_TASK_SANDBOX_DIR']]\n"
    )
    task = globus.run(source)
    here, told = json.loads(globus.ended(task)["result"].partition("\n")[2])
    assert here == told
    assert task in here


def test_a_block_is_a_batch_job(globus: Globus, pretend: Pretend) -> None:
    config = {"walltime": "00:10:00", "account": "m1", "scheduler_options": "#SBATCH -q debug"}
    more = {"resource_specification": {"num_nodes": 2}, "user_endpoint_config": config}
    task = globus.run(ADD, 1, endpoint=BLOCK_ENDPOINT, **more)
    assert globus.until(task, "waiting-for-nodes")
    (job,) = pretend.queue()
    assert (job.account, job.qos, job.node_count, job.limit_s) == ("m1", "debug", 2, 600)
    pretend.run(job.id)
    assert globus.until(task, "running")
    pretend.end(job.id, 0, 15, "TIMEOUT")
    row = globus.ended(task)
    assert row["status"] == "failed"
    assert row["exception"].endswith(f"batch job {job.id} ended: TIMEOUT")


def test_a_task_really_runs_in_its_block(tmp_path: Path) -> None:
    processes = Processes(tmp_path / "spool")
    with stand_in(tmp_path, Pretend(processes=processes, home=tmp_path)) as standin:
        globus = Globus(standin)
        source = "def f():\n    import os\n    return os.environ['SLURM_JOB_ID']\n"
        row = globus.ended(globus.run(source, endpoint=BLOCK_ENDPOINT))
        assert row["result"] == '11\n"1000"'
        pause = "def f():\n    import os, signal\n    os.write(1, b'x')\n    signal.pause()\n"
        task = globus.run(pause, endpoint=BLOCK_ENDPOINT)
        globus.until(task, "running")
        assert standin.world.scheduler.cancel(["1001"]) == {"1001": ""}
        assert globus.ended(task)["exception"].endswith("batch job 1001 ended: CANCELLED")
    processes.close()


def test_a_job_that_nobody_knows_is_no_end(globus: Globus, pretend: Pretend) -> None:
    task = globus.run(ADD, 1, endpoint=BLOCK_ENDPOINT)
    globus.until(task, "waiting-for-nodes")
    pretend.forget(pretend.queue()[0].id)
    assert globus.status(task)["status"] == "waiting-for-nodes"


def test_a_silent_batch_system_is_no_end(tmp_path: Path) -> None:
    class Silent(Pretend):
        silent = True

        def submit(self, batch: Batch) -> str:
            self._answer()
            return super().submit(batch)

        def queue(self) -> list[Job]:
            self._answer()
            return super().queue()

        def _answer(self) -> None:
            if self.silent:
                raise SchedulerDown("slurm_load_jobs error: Unable to contact slurm controller")

    pretend = Silent(home=tmp_path)
    with stand_in(tmp_path, pretend) as standin:
        globus = Globus(standin)
        task = globus.run(ADD, 1, endpoint=BLOCK_ENDPOINT)
        assert globus.status(task)["status"] == "waiting-for-ep"
        pretend.silent = False
        globus.until(task, "waiting-for-nodes")
        pretend.silent = True
        assert globus.status(task)["status"] == "waiting-for-nodes"


def test_what_sbatch_refuses_fails_the_task(tmp_path: Path, pretend: Pretend) -> None:
    with stand_in(tmp_path, pretend, block_options="--nonsense") as standin:
        globus = Globus(standin)
        row = globus.ended(globus.run(ADD, 1, endpoint=BLOCK_ENDPOINT))
    assert row["exception"] == "ScalingFailed: sbatch: error: unrecognized option '--nonsense'"


@pytest.mark.parametrize("kind", ["offline", "maintenance"])
def test_tasks_wait_for_an_endpoint_that_is_offline(
    globus: Globus, standin: StandIn, kind: str
) -> None:
    standin.faults({"kind": kind})
    path = f"/v2/endpoints/{LOGIN_ENDPOINT}/status"
    assert globus.ask("GET", path).json()["status"] == "offline"
    task = globus.run(ADD, 1)
    assert globus.status(task)["status"] == "waiting-for-ep"
    standin.world.faults.clear()
    assert globus.ended(task)["status"] == "success"
    assert globus.ask("GET", path).json()["status"] == "online"


def test_a_lost_result_leaves_the_task_running(globus: Globus, standin: StandIn) -> None:
    standin.faults({"kind": "lost-result", "times": 1})
    lost = globus.run(ADD, 1)
    globus.until(lost, "running")
    assert globus.ended(globus.run(ADD, 1))["status"] == "success"
    assert globus.status(lost)["status"] == "running"


def test_a_lost_result_of_a_block(globus: Globus, standin: StandIn, pretend: Pretend) -> None:
    standin.faults({"kind": "lost-result", "times": 1})
    lost = globus.run(ADD, 1, endpoint=BLOCK_ENDPOINT)
    globus.until(lost, "waiting-for-nodes")
    (job,) = pretend.queue()
    pretend.run(job.id)
    pretend.end(job.id)
    assert globus.until(lost, "running")


def test_workers_on_order(globus: Globus, standin: StandIn) -> None:
    standin.faults({"kind": "task-stuck", "times": 1})
    stuck = globus.run(ADD, 1)
    standin.faults({"kind": "task-fails", "times": 1})
    assert globus.ended(globus.run(ADD, 1))["status"] == "failed"
    assert globus.status(stuck)["status"] == "waiting-for-ep"


def test_a_killed_worker_fails_its_task(globus: Globus) -> None:
    source = f"def f():\n    import os\n    os.kill(os.getpid(), {int(signal.SIGKILL)})\n"
    assert "the worker ended with -9" in globus.ended(globus.run(source))["exception"]


def test_a_lost_answer_is_found_by_its_group(globus: Globus, standin: StandIn) -> None:
    function = globus.function(ADD)
    standin.faults({"kind": "drop", "match": "POST submit", "times": 1})
    with pytest.raises(OSError, match=r"without response|reset"):
        globus.submit(function, [payload(1), payload(2)], task_group_id=UNKNOWN)
    members = globus.ask("GET", f"/v2/taskgroup/{UNKNOWN}").json()["tasks"]
    assert [globus.ended(one["id"])["status"] for one in members] == ["success", "success"]


def test_groups_that_must_be_known(tmp_path: Path, pretend: Pretend) -> None:
    with stand_in(tmp_path, pretend, groups="known") as standin:
        globus = Globus(standin)
        function = globus.function(ADD)
        assert globus.submit(function, [payload(1)], task_group_id=UNKNOWN).status == 404
        group = globus.submit(function, [payload(1)]).json()["task_group_id"]
        again = globus.submit(function, [payload(1)], task_group_id=group).json()
        assert again["task_group_id"] == group
        assert len(globus.ask("GET", f"/v2/taskgroup/{group}").json()["tasks"]) == 2


def refused(status: int, reply: Any) -> bool:
    body = reply.json()
    shape = {"status", "code", "reason", "http_status_code", "error_args"}
    named = body.keys() == shape and (body["status"], body["http_status_code"]) == (
        "Failed",
        status,
    )
    return bool(named and reply.status == status)


def test_errors_have_their_shape(globus: Globus, standin: StandIn) -> None:
    function = globus.function(ADD)
    submit = f"/v3/endpoints/{LOGIN_ENDPOINT}/submit"
    assert refused(404, globus.submit(UNKNOWN, [payload(1)]))
    assert refused(404, globus.submit(function, [payload(1)], endpoint=UNKNOWN))
    assert refused(404, globus.ask("GET", f"/v2/tasks/{UNKNOWN}"))
    assert refused(404, globus.ask("GET", f"/v2/taskgroup/{UNKNOWN}"))
    assert refused(404, globus.ask("GET", "/v2/nonsense"))
    assert refused(400, globus.ask("POST", submit, {"tasks": {}}))
    assert refused(400, globus.ask("POST", submit, {"tasks": {function: [1]}}))
    assert refused(400, globus.submit(function, [payload(1)], task_group_id="x"))
    assert refused(400, globus.submit(function, [payload(1)], user_endpoint_config=[1]))
    assert refused(400, globus.ask("POST", "/v2/batch_status", {"task_ids": "x"}))
    assert refused(413, globus.submit(function, [payload("x" * 10_485_760)]))
    standin.faults({"kind": "refuse-submit", "times": 1})
    assert refused(403, globus.submit(function, [payload(1)]))
    globus.token = "nonsense"  # noqa: S105 - no token of anything
    assert refused(401, globus.submit(function, [payload(1)]))


def test_log_in(globus: Globus) -> None:
    told = globus.login().json()
    assert told.keys() == {
        "access_token", "scope", "expires_in", "token_type", "resource_server", "other_tokens",
    }  # fmt: skip
    assert (told["expires_in"], told["resource_server"]) == (172_800, "funcx_service")
    form = "grant_type=client_credentials&scope=a+a"
    assert globus.login(form=form).json()["scope"] == "a"
    assert globus.login("wrong").status == 401
    assert globus.login(form="grant_type=password").status == 400
    assert globus.ask("GET", "/v2/version?service=all").json()["min_sdk_version"]


def test_tokens_end(tmp_path: Path, pretend: Pretend) -> None:
    with stand_in(tmp_path, pretend, **{"token_life_s": "0"}) as standin:
        assert refused(401, Globus(standin).ask("GET", f"/v2/tasks/{UNKNOWN}"))


@pytest.mark.parametrize("text", ["5\nabc", "x\nabc", "abc", "-1\nabc"])
def test_a_cut_payload_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="packed buffers"):
        unpack(text)
    assert unpack(pack(["11\n[1]", "", "é"])) == ["11\n[1]", "", "é"]
