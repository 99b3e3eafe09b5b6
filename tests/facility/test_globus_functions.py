# SPDX-License-Identifier: Apache-2.0
"""The functions that run at an endpoint, executed from their text as the worker does it."""

import ast
import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from condor_plugins.facility import globus_functions
from condor_plugins.facility.globus_batch import outcome_of
from condor_plugins.facility.globus_functions import Function
from condor_plugins.facility.globus_payload import arguments, code, result
from condor_plugins.facility.values import Accepted, NoNews, NotSent, Refused, Unclear
from tests.facility.slurm_commands import commands

FUNCTIONS = [globus_functions.pilot(), globus_functions.files(), globus_functions.slurm()]
STUBBORN = "#!/bin/sh\ntrap '' TERM\necho begun\nwhile :; do sleep 0.05; done\n"


def loaded(function: Function, **replaced: Any) -> Callable[[Any], dict[str, Any]]:
    """What the worker calls; `replaced`: other values for constants of the module."""
    names: dict[str, Any] = {}
    exec(function.source, names)  # noqa: S102 - that is how it is run
    names.update(replaced)
    called: Callable[[Any], dict[str, Any]] = names[function.name]
    return called


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def asked(root: Path, script: str, name: str = "gl-1") -> dict[str, str]:
    return {
        "name": name,
        "root": str(root),
        "log": f"{root}/logs/{name}.log",
        "script": coded(script),
    }


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda one: one.name)
def test_an_old_python_and_its_library_are_enough(function: Function) -> None:
    tree = ast.parse(function.source, feature_version=(3, 6))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [a.name for a in node.names]
        )
    }
    assert imported <= sys.stdlib_module_names
    newer = {"removeprefix", "removesuffix", "capture_output", "missing_ok", "strict", "cache"}
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {node.arg or "" for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    assert not used & newer
    assert function.source.isascii()


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda one: one.name)
@pytest.mark.parametrize("junk", [None, [], {}, {"op": "none"}, {"op": "put"}, {"op": "submit"}])
def test_nothing_raises(function: Function, junk: Any) -> None:
    answer = loaded(function)(junk)
    assert answer.get("error") or answer.get("err")
    json.dumps(answer)


def test_a_pilot_runs_to_its_end(tmp_path: Path) -> None:
    script = "#!/bin/sh\ncat\npwd\necho complaint >&2\nexit 5\n"
    answer = loaded(FUNCTIONS[0])(asked(tmp_path, script))
    assert (answer["name"], answer["rc"], answer["err"]) == ("gl-1", 5, "")
    assert answer["out"] == f"{tmp_path}\ncomplaint\n"
    log = tmp_path / "logs" / "gl-1.log"
    assert log.read_text() == answer["out"]
    assert log.stat().st_mode & 0o777 == 0o600
    assert answer["end"] >= answer["start"] > 1e9


def test_a_pilot_may_print_much_and_anything(tmp_path: Path) -> None:
    script = "#!/bin/sh\nhead -c 300000 /dev/zero\nprintf '\\377end'\n"
    answer = loaded(FUNCTIONS[0])(asked(tmp_path, script))
    assert len(answer["out"]) <= 20000
    assert answer["out"].endswith("\ufffdend")


def test_a_pilot_killed_by_a_signal_says_so(tmp_path: Path) -> None:
    assert loaded(FUNCTIONS[0])(asked(tmp_path, "#!/bin/sh\nkill -9 $$\n"))["rc"] == -9


def test_a_deaf_pilot_is_killed_with_all_it_started(tmp_path: Path) -> None:
    pilot = loaded(FUNCTIONS[0], LOOK_S=0.05, GRACE_S=0.2)
    answers: list[dict[str, Any]] = []
    script = STUBBORN.replace("begun", "begun; sleep 300 & echo $!")
    thread = threading.Thread(target=lambda: answers.append(pilot(asked(tmp_path, script))))
    thread.start()
    log = tmp_path / "logs" / "gl-1.log"
    until(lambda: log.exists() and log.read_text().count("\n") == 2)
    child = int(log.read_text().split()[1])
    loaded(FUNCTIONS[1])({"op": "stop", "root": str(tmp_path), "names": ["gl-1"]})
    thread.join(10)
    assert (answers[0]["rc"], answers[0]["stopped"]) == (-9, True)
    until(lambda: not alive(child))
    assert not (tmp_path / "stop" / "gl-1").exists()


def test_what_a_pilot_leaves_running_ends_with_it(tmp_path: Path) -> None:
    answer = loaded(FUNCTIONS[0])(asked(tmp_path, "#!/bin/sh\nsleep 300 &\necho $!\n"))
    assert answer["rc"] == 0
    until(lambda: not alive(int(answer["out"])))


def test_no_copy_of_the_script_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    answer = loaded(FUNCTIONS[0])(asked(tmp_path / "root", f"#!/bin/sh\nls -A {tmp_path}\n"))
    assert answer["out"].split() == ["root"]


def test_files_stay_below_the_root(tmp_path: Path) -> None:
    files, root = loaded(FUNCTIONS[1]), tmp_path / "root"
    (tmp_path / "other").write_text("mine")
    for path in (f"{root}/../other", f"{tmp_path}/other", str(root), f"{root}x"):
        for op in ("get", "put", "remove"):
            said = files({"op": op, "root": str(root), "path": path, "paths": [path],
                          "content": "", "most_bytes": 9})  # fmt: skip
            assert not said["ok"], (op, path)
    assert (tmp_path / "other").read_text() == "mine"


def test_a_link_is_removed_and_not_what_it_points_to(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "jobs").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    (root / "jobs" / "link").symlink_to(tmp_path / "kept")
    paths = [f"{root}/jobs/link", f"{root}/jobs", f"{root}/none/deep"]
    assert loaded(FUNCTIONS[1])({"op": "remove", "root": str(root), "paths": paths}) == {"ok": True}
    assert (tmp_path / "kept").exists()
    assert not (root / "jobs").exists()


class Cluster:
    """The Slurm function over pretended commands."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **others: str) -> None:
        self.home = commands(tmp_path / "slurm", monkeypatch, **others)
        self.root = tmp_path / "root"
        self.slurm = loaded(FUNCTIONS[2], COMMAND_S=5.0)

    def submit(self, *names: str, **more: Any) -> dict[str, Any]:
        jobs = [
            {**asked(self.root, "#!/bin/sh\necho hi\n", name),
             "options": [f"--job-name={name}"], **more}
            for name in names
        ]  # fmt: skip
        return dict(self.slurm({"op": "submit", "root": str(self.root), "jobs": jobs})["items"])

    def states(self, ids: list[str], names: list[str]) -> dict[str, Any]:
        return self.slurm({"op": "states", "root": str(self.root), "ids": ids, "names": names})

    def jobs(self) -> int:
        return len(list((self.home / "jobs").iterdir()))


def test_sbatch_gets_the_script_by_its_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(tmp_path, monkeypatch)
    assert cluster.submit("gl-1", "gl-2") == {"gl-1": {"id": "100"}, "gl-2": {"id": "101"}}
    assert (cluster.home / "script").read_text() == "#!/bin/sh\necho hi\n"
    assert (cluster.root / "logs").is_dir()


def test_a_repeated_task_submits_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(tmp_path, monkeypatch)
    first = cluster.submit("gl-1")
    assert cluster.submit("gl-1") == first
    (cluster.root / "names" / "gl-1").unlink()  # killed between sbatch and the note
    assert cluster.submit("gl-1") == first
    (cluster.home / "bin" / "squeue").write_text("#!/bin/sh\nexit 0\n")  # ended long ago
    assert cluster.submit("gl-1") == first
    assert cluster.jobs() == 1


def test_a_silent_queue_submits_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(tmp_path, monkeypatch)
    (cluster.home / "down").touch()
    said = cluster.slurm({"op": "submit", "root": str(cluster.root), "jobs": []})
    assert not said["ok"]
    assert "Unable to contact" in said["error"]
    assert cluster.jobs() == 0


@pytest.mark.parametrize(
    ("sbatch", "sure"),
    [
        ("echo 'sbatch: error: invalid partition' >&2; exit 1", True),
        ("echo 'sbatch: error: Socket timed out on send/recv operation' >&2; exit 1", False),
        ("echo 'sbatch: Slurm temporarily unable; Zero Bytes were sent' >&2; exit 1", False),
        ("{ printf '%02000d' 1; echo ' Connection reset by peer'; } >&2; exit 1", False),
        ("kill -9 $$", False),
        ("echo nonsense", False),
        ("sleep 60", False),
    ],
)
def test_how_sure_a_failed_submit_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sbatch: str, sure: bool
) -> None:
    cluster = Cluster(tmp_path, monkeypatch, sbatch=sbatch)
    cluster.slurm = loaded(FUNCTIONS[2], COMMAND_S=0.5)
    item = cluster.submit("gl-1")["gl-1"]
    assert item["sure"] is sure
    assert item["error"]
    assert not item["passing"]


@pytest.mark.parametrize(
    "sbatch", ["echo 'Slurm backup controller in standby mode' >&2; exit 1", "exit 127"]
)
def test_what_the_controller_never_heard_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sbatch: str
) -> None:
    item = Cluster(tmp_path, monkeypatch, sbatch=sbatch).submit("gl-1")["gl-1"]
    assert (item["sure"], item["passing"]) == (True, True)


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ({"id": "12"}, Accepted),
        ({"id": "x"}, Unclear),
        ({"error": "sbatch: error: Invalid qos", "sure": True}, Refused),
        ({"error": "Unable to contact slurm controller", "sure": True}, NotSent),
        ({"error": "x", "sure": True, "passing": True}, NotSent),
        ({"error": "try again; Connection reset", "sure": True}, Unclear),
        ({"error": "sbatch timed out", "sure": False}, Unclear),
        (None, Unclear),
    ],
)
def test_outcomes_of_batch_jobs(item: Any, kind: type) -> None:
    assert isinstance(outcome_of("gl-1", item, "task:t"), kind)


def test_one_bad_item_does_not_lose_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(tmp_path, monkeypatch)
    items = cluster.submit("../../x", "gl-2")
    assert "no name" in items["../../x"]["error"]
    assert items["gl-2"] == {"id": "100"}


def test_sacct_tells_the_end_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "echo '100|gl-1|TIMEOUT|0:15|00:10:00|2026-11-21T06:23:13|nid1'"
    cluster = Cluster(tmp_path, monkeypatch, sacct=line, squeue="exit 0")
    said = cluster.states(["100"], [])
    assert said["unsure"] == ""
    assert said["rows"] == [
        {
            "jobid": "100",
            "jobname": "gl-1",
            "state": "TIMEOUT",
            "exitcode": "0:15",
            "elapsed": "00:10:00",
            "start": "2026-11-21T06:23:13",
            "nodelist": "nid1",
        }
    ]


def test_an_accounting_failure_is_not_an_absence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = "echo 'sacct: error: slurm_persist_conn_open: Connection refused' >&2; exit 1"
    cluster = Cluster(tmp_path, monkeypatch, sacct=broken)
    assert "Connection refused" in cluster.states(["7"], [])["unsure"]
    (cluster.home / "bin" / "sacct").unlink()
    assert cluster.states(["7"], ["gl-7"]) == {"ok": True, "rows": [], "unsure": ""}


def test_commands_get_a_clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUEUE_FORMAT", "%i")
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.setenv("VIRTUAL_ENV", "/x")
    cluster = Cluster(tmp_path, monkeypatch, squeue="env >&2; exit 1")
    said = cluster.states(["7"], [])["error"]
    assert "PATH=" in said
    for name in ("SQUEUE_FORMAT", "SLURM_JOB_ID", "VIRTUAL_ENV"):
        assert name not in said


def test_cancelling_an_ended_job_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(tmp_path, monkeypatch)
    jobs = [{"name": "gl-1", "id": "4711"}, {"name": "gl-2", "id": ""}]
    said = cluster.slurm({"op": "cancel", "root": str(cluster.root), "jobs": jobs})
    assert said["items"] == {"gl-1": "", "gl-2": ""}
    assert cluster.submit("gl-2")["gl-2"]["sure"] is True
    assert cluster.jobs() == 0


def test_the_sdk_reads_our_envelopes() -> None:
    from globus_compute_sdk.serialize import ComputeSerializer, JSONData  # noqa: PLC0415

    serializer = ComputeSerializer(strategy_data=JSONData)
    function = FUNCTIONS[1]
    called, args, kwargs = serializer.unpack_and_deserialize(
        code(function) + arguments({"op": "whoami", "umlaut": "\u00fc"})
    )
    assert (args, kwargs) == ([{"op": "whoami", "umlaut": "\u00fc"}], {})
    answer = called(*args, **kwargs)
    assert answer["ok"]
    assert result(serializer.serialize(answer)) == answer


@pytest.mark.parametrize("text", [None, "", "00\ngASV", "11\n[1]", "11\n{", '{"a": 1}'])
def test_other_results_are_no_news(text: Any) -> None:
    with pytest.raises(NoNews):
        result(text)


def test_importing_the_backend_loads_no_sdk() -> None:
    program = "import sys, condor_plugins.facility.globus, condor_plugins.facility.iri as i; " + (
        "sys.stdout.write(' '.join(sys.modules))"
    )
    argv = [sys.executable, "-c", program]
    modules = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    assert {"globus_compute_sdk", "globus_sdk", "cryptography", "requests"}.isdisjoint(modules)


def alive(process: int) -> bool:
    """A zombie that nobody collects here counts as ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(fact: Callable[[], bool], limit_s: float = 10.0) -> None:
    end_s = time.monotonic() + limit_s
    while not fact():
        assert time.monotonic() < end_s, "it does not happen"
        time.sleep(0.02)
