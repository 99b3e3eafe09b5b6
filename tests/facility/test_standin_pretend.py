# SPDX-License-Identifier: Apache-2.0
"""The pretended batch system: hooks, lives by themselves, scripts that run; Slurm's lines."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep, time

import pytest

from tests.testbed.facility.files import Files
from tests.testbed.facility.pretend import Life, Pretend
from tests.testbed.facility.pretend_run import Processes
from tests.testbed.facility.sbatch import seconds
from tests.testbed.facility.scheduler import Batch, Job, SchedulerDown, SubmitError
from tests.testbed.facility.sfapi_rows import sacct_row, span, squeue_row
from tests.testbed.facility.slurm import JobComp, Slurm

SCRIPT = (
    "#!/bin/sh\n#SBATCH -J gl-1 --time=0-01:30\n# more\n#SBATCH -c 4\necho hello\n#SBATCH -J no\n"
)


def wait_until(what: str, fact: Callable[[], bool], limit_s: float = 10.0) -> None:
    end = monotonic() + limit_s
    while not fact():
        assert monotonic() < end, f"not within {limit_s} s: {what}"
        sleep(0.01)


def state(pretend: Pretend, job_id: str) -> str:
    return pretend.history([job_id])[0].state


def test_options_come_from_the_script_and_from_words() -> None:
    pretend = Pretend()
    job_id = pretend.submit(Batch(SCRIPT, options=["--job-name", "gl-2", "-A", "m1", "--hold"]))
    (job,) = pretend.queue()
    assert (job.id, job.name, job.account, job.cpus) == (job_id, "gl-2", "m1", 4)
    assert (job.limit_s, job.state) == (5400, "PENDING")


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        (Batch("echo no shebang\n"), "does not look like a batch script"),
        (Batch("#!/bin/sh\r\nexit\r\n"), "DOS line breaks"),
        (Batch("#!/bin/sh\n", options=["--wrong"]), "unrecognized option '--wrong'"),
        (Batch("#!/bin/sh\n", options=["--time"]), "requires an argument"),
        (Batch("#!/bin/sh\n#SBATCH -t soon\n"), "Invalid --time"),
        (Batch(path="/not/there"), "Unable to open file /not/there"),
    ],
)
def test_refused_as_sbatch_refuses(batch: Batch, words: str) -> None:
    pretend = Pretend()
    with pytest.raises(SubmitError, match=words):
        pretend.submit(batch)
    assert pretend.queue() == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30", 1800), ("1:30", 90), ("2:00:00", 7200), ("1-0", 86_400), ("1-02:03", 93_780)],
)
def test_time_limits(text: str, expected: float) -> None:
    assert seconds(text) == expected


def test_hooks_tell_a_life() -> None:
    pretend = Pretend()
    first, second = (pretend.submit(Batch(SCRIPT)) for _ in range(2))
    pretend.run(first)
    assert [job.state for job in pretend.queue()] == ["RUNNING", "PENDING"]
    pretend.end(first, exit_code=3)
    assert [job.id for job in pretend.queue()] == [second]
    ended = pretend.history([first])[0]
    assert (ended.state, ended.exit_code, ended.nodes) == ("FAILED", 3, "nid000001")
    pretend.end(second, state="NODE_FAIL")
    assert state(pretend, second) == "NODE_FAIL"
    pretend.forget(first)
    assert pretend.history([first, second, "9"]) == pretend.history([second])


def test_lives_by_themselves() -> None:
    now = [1000.0]
    pretend = Pretend(Life(start_after_s=5, run_for_s=10), clock=lambda: now[0])
    job_id = pretend.submit(Batch(SCRIPT))
    seen = []
    for now[0] in (1004.0, 1006.0, 1014.0, 1020.0):
        seen.append(state(pretend, job_id))
    assert seen == ["PENDING", "RUNNING", "RUNNING", "COMPLETED"]
    assert pretend.history()[0].start_s == 1005


def test_cancel() -> None:
    pretend = Pretend()
    waits, runs = (pretend.submit(Batch(SCRIPT)) for _ in range(2))
    pretend.run(runs)
    told = pretend.cancel([waits, runs, "5"])
    assert told[waits] == told[runs] == ""
    assert "Invalid job id" in told["5"]
    assert [(job.state, job.signal) for job in pretend.history([waits, runs])] == [
        ("CANCELLED", 0),
        ("CANCELLED", 15),
    ]
    assert sacct_row(pretend.history([runs])[0], 0)["state"] == f"CANCELLED by {os.getuid()}"


def test_thousands_of_jobs_by_many_threads() -> None:
    pretend = Pretend()
    threads = [
        threading.Thread(target=lambda: [pretend.submit(Batch(SCRIPT)) for _ in range(250)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    jobs = pretend.queue()
    assert len({job.id for job in jobs}) == 2000
    began = monotonic()
    made = [squeue_row(job, time()) for job in jobs]
    assert monotonic() - began < 2
    assert all(isinstance(value, str) for row in made for value in row.values())


def test_rows_are_text_and_have_the_known_keys() -> None:
    job = Job("7", "n", "u", "RUNNING", nodes="nid1", start_s=100, submit_s=90, limit_s=3600)
    row = squeue_row(job, 160)
    assert (row["jobid"], row["st"], row["time"], row["time_left"]) == (
        "7", "R", "00:01:00", "00:59:00",
    )  # fmt: skip
    assert {"nodelist(reason)", "s:c:t", "excnodes", "work_dir", "uid", "state"} <= set(row)
    ended = sacct_row(job._replace(state="FAILED", end_s=190, exit_code=2, signal=9), 500)
    assert (ended["exitcode"], ended["elapsed"], ended["state"]) == ("2:9", "00:01:30", "FAILED")
    assert all(isinstance(value, str) for value in [*row.values(), *ended.values()])
    assert span(93_780) == "1-02:03:00"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Pretend]:
    processes = Processes(tmp_path / "spool", slots=1, kill_wait_s=0.2)
    yield Pretend(processes=processes, home=tmp_path)
    processes.close()


def test_scripts_really_run(running: Pretend, tmp_path: Path) -> None:
    script = "#!/bin/sh\n#SBATCH -o out-%j\necho $SLURM_JOB_ID $1; exit 7\n"
    (tmp_path / "job.sh").write_text(script)
    job_id = running.submit(Batch(path=str(tmp_path / "job.sh"), arguments=["a b"]))
    wait_until("the job ended", lambda: state(running, job_id) == "FAILED")
    assert running.history([job_id])[0].exit_code == 7
    assert (tmp_path / f"out-{job_id}").read_text() == f"{job_id} a b\n"


def test_one_slot_one_process_and_scancel(running: Pretend) -> None:
    sleeper = "#!/bin/sh\n#SBATCH -o /dev/null\ntrap '' TERM\nsleep 60 & wait\nsleep 60\n"
    first, second = (running.submit(Batch(sleeper)) for _ in range(2))
    wait_until("the first job runs", lambda: state(running, first) == "RUNNING")
    assert state(running, second) == "PENDING"
    assert running.cancel([first]) == {first: ""}
    wait_until("the first job ended", lambda: state(running, first) == "CANCELLED")
    wait_until("the second job runs", lambda: state(running, second) == "RUNNING")


def test_the_time_limit_ends_a_script(running: Pretend) -> None:
    job_id = running.submit(Batch("#!/bin/sh\n#SBATCH -t 0:1 -o /dev/null\nexec sleep 60\n"))
    wait_until("the job ended", lambda: state(running, job_id) == "TIMEOUT")


SCONTROL = (
    "JobId=12 JobName=gl 1 UserId=glidein(2000) GroupId=glidein(2000) MCS_label=N/A Priority=1 "
    "Account=(null) QOS=(null) JobState=FAILED Reason=NonZeroExitCode Dependency=(null) "
    "ExitCode=7:0 RunTime=00:00:01 TimeLimit=00:30:00 SubmitTime=2026-11-21T10:00:00 "
    "StartTime=2026-11-21T10:00:05 EndTime=2026-11-21T10:00:06 Partition=regular "
    "AllocNode:Sid=perlmutter:1 NodeList=nid000001 NumNodes=1 NumCPUs=4 NumTasks=1 "
    "Command=(null) WorkDir=/pscratch/glidein StdErr=/e StdOut=/o"
)
FILETXT = (
    "JobId=11 UserId=glidein(2000) GroupId=glidein(2000) Name=old JobState=COMPLETED "
    "Partition=debug TimeLimit=30 StartTime=2026-11-21T09:00:05 EndTime=2026-11-21T09:10:05 "
    "NodeList=nid000001 NodeCnt=1 ProcCnt=2 WorkDir=/pscratch/glidein "
    "SubmitTime=2026-11-21T09:00:00 DerivedExitCode=0:0 ExitCode=0:0 \n"
)


def fake(directory: Path, name: str, text: str) -> None:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_slurm_by_its_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    fake(tmp_path, "sbatch", 'cat >script; echo "$@" >words; echo "13;cluster"')
    running = SCONTROL.replace("FAILED", "RUNNING").replace("JobId=12", "JobId=13")
    fake(tmp_path, "scontrol", f"cat <<'E'\n{SCONTROL}\n{running}\nE")
    fake(tmp_path, "scancel", "echo 'scancel: error: Invalid job id' >&2; exit 1")
    (tmp_path / "ended").write_text(FILETXT)
    jobcomp = JobComp(tmp_path / "ended")
    slurm = Slurm(Files(tmp_path), jobcomp)
    assert slurm.submit(Batch(SCRIPT, options=["--qos=debug"])) == "13"
    assert (tmp_path / "script").read_text() == SCRIPT
    assert (tmp_path / "words").read_text() == "--parsable --qos=debug\n"
    assert [(job.id, job.end_s) for job in slurm.queue()] == [("13", 0.0)]
    jobs = {job.id: job for job in slurm.history()}
    assert set(jobs) == {"11", "12", "13"}
    failed = jobs["12"]
    assert (failed.name, failed.state, failed.exit_code) == ("gl 1", "FAILED", 7)
    assert (failed.end_s - failed.submit_s, failed.limit_s, failed.cpus) == (6, 1800, 4)
    assert (jobs["11"].name, jobs["11"].limit_s, jobs["11"].cpus) == ("old", 1800, 2)
    assert slurm.history(["11", "99"]) == [jobs["11"]]
    jobcomp.close()
    assert slurm.cancel(["99"]) == {"99": "scancel: error: Invalid job id"}


def test_slurm_that_gives_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    fake(tmp_path, "scontrol", "echo 'Unable to contact slurm controller' >&2; exit 1")
    fake(tmp_path, "sbatch", "echo 'sbatch: error: Invalid qos' >&2; exit 1")
    slurm = Slurm(Files(tmp_path))
    with pytest.raises(SchedulerDown, match="Unable to contact"):
        slurm.queue()
    with pytest.raises(SubmitError, match="Invalid qos"):
        slurm.submit(Batch(SCRIPT))
