# SPDX-License-Identifier: Apache-2.0
"""Two Access Points and one factory: each is served, and none gets more than it may."""

import json
from collections.abc import Generator

import pytest
from _testbed.command import Done
from _testbed.inside import Testbed
from _testbed.pool import Ad, Pool
from _testbed.second import ACCOUNT, start_second, stop_second
from _testbed.waiting import wait_until

from tests.testbed import jobs, provisioner
from tests.testbed.settings import edit_entries

THEIRS = f'Owner == "{ACCOUNT}"'
EXECUTABLE = "/pscratch/glidein/pilot/glidein.sh"
PILOT = {
    "universe": "grid",
    "grid_resource": "batch slurm",
    "executable": EXECUTABLE,
    "batch_queue": "regular",
    "batch_runtime": "600",
    "batch_extra_submit_args": "--nodes=1 --ntasks=1 --cpus-per-task=8",
    "request_memory": "100",
    "max_idle": "1",
    "max_materialize": "1",
    "MY.GlideinEntry": '"Perlmutter"',
}


@pytest.fixture(scope="module")
def ap2(testbed: Testbed) -> Generator[None]:
    """The second Access Point runs for the tests of this file only."""
    start_second(testbed)
    yield
    stop_second(testbed)


@pytest.fixture
def second(pool: Pool, ap2: None) -> Generator[Pool]:
    """The clean pool with ap2; nothing that ap2 asked for is left afterwards."""
    yield pool
    pool.testbed.run("ap2", "condor_rm", "-all")
    pool.testbed.run("ap", "condor_rm", "-constraint", THEIRS)
    pool.testbed.run("ap", "condor_rm", "-forcex", "-constraint", THEIRS)
    pool.testbed.run("perlmutter", "scancel", "--full", "--signal=KILL", f"--user={ACCOUNT}")


def test_two_access_points_are_served_by_one_factory(second: Pool) -> None:
    own = 'Jobs = Owner == "alice"'
    edit_entries(second, own, f'{own}\n  Start = TARGET.Owner == "alice"')
    sleepers = jobs.Sleepers(24, seconds=4, extra="job_machine_attrs = GLIDEIN_Group")
    carols = submit_at_ap2(second.testbed, sleepers)
    alices = jobs.submit(second, "alice", sleepers)

    most = wait_until_both_are_done(second, {"alice": alices, "carol": carols})

    assert 0 < most[ACCOUNT] <= 3
    assert 0 < most["glidein"] <= 6
    for host, cluster, group in (("ap", alices, "alice"), ("ap2", carols, "carol")):
        done = ads(second.testbed, host, "condor_history", f"ClusterId == {cluster}")
        assert {ad["MachineAttrGLIDEIN_Group0"] for ad in done} == {group}
        assert len(done) == 24


def test_a_requester_gets_what_it_may_have_and_is_told_why_no_more(second: Pool) -> None:
    provisioner.stop_partitions(second)
    testbed = second.testbed
    forgotten = "the factory has counted no pilots"
    wait_until(forgotten, lambda: counted_pilots(second) == 0, 40, every_s=1)
    told = {
        "Entry PerlmutterHighmem is not open to glidein-ap2; open: Perlmutter.": {
            "MY.GlideinEntry": '"PerlmutterHighmem"'
        },
        f"The executable of pilots of entry Perlmutter is {EXECUTABLE}, not /bin/sleep.": {
            "executable": "/bin/sleep"
        },
        "GridResource of entry Perlmutter is batch slurm, not batch pbs.": {
            "grid_resource": "batch pbs"
        },
        "not 'debug', ''": {"batch_queue": "debug"},
        "Remote_ attributes": {"MY.Remote_Queue": '"debug"'},
        "no expressions, in what this factory checks": {
            "MY.Remote_NodeNumber": 'JobStatus is undefined ? "100" : "1"'
        },
        "may ask for 1800 s and 16000 MiB, not for 9000 s": {"batch_runtime": "9000"},
        "max_idle 3, max_materialize 1, 0 in the queue; its limits are 2 waiting and 3 in all.": {
            "max_idle": "3"
        },
        "max_idle 1, max_materialize 4, 0 in the queue": {"max_materialize": "4"},
        "glidein-ap2 may submit pilots only": {"universe": "vanilla"},
    }
    for reason, changes in told.items():
        done = submit_pilots(testbed, changes)
        assert done.exit_code != 0, reason
        assert reason in " ".join(done.err.split()), done.err

    assert submit_pilots(testbed, {"max_idle": "2", "max_materialize": "3"}).ok
    assert submit_pilots(testbed, {"max_idle": "2", "max_materialize": "3"}).ok
    counted = "the factory has counted four pilots"
    wait_until(counted, lambda: counted_pilots(second) == 4, 40, every_s=1)
    refused = submit_pilots(testbed, {})
    assert "4 in the queue; its limits are 2 waiting and 3 in all" in refused.err


def test_what_was_accepted_cannot_be_changed_into_something_else(second: Pool) -> None:
    provisioner.stop_partitions(second)
    testbed = second.testbed
    forgotten = "the factory has counted no pilots"
    wait_until(forgotten, lambda: counted_pilots(second) == 0, 40, every_s=1)
    assert submit_pilots(testbed, {"max_idle": "1", "max_materialize": "2"}).ok
    waiting = "one pilot waits"
    (pilot,) = wait_until(waiting, lambda: second.jobs(THEIRS), 30)
    cluster = pilot["ClusterId"]
    for name in ("Cmd", "GridResource", "BatchQueue", "Remote_Queue", "GlideinEntry"):
        done = at_factory(testbed, "condor_qedit", f"{cluster}.0", name, '"x"')
        assert not done.ok, name

    assert at_factory(testbed, "condor_qedit", str(cluster), "JobMaterializeLimit", "50").ok
    assert at_factory(testbed, "condor_qedit", str(cluster), "JobMaterializeMaxIdle", "50").ok
    refused = "Too many pilots for glidein-ap2: max_idle 50"
    wait_until("the schedd makes no more", lambda: refused in schedd_log(testbed), 30)
    assert len(second.jobs(THEIRS)) == 1


def test_a_user_of_the_factory_submits_jobs_but_no_grid_jobs(second: Pool) -> None:
    text = "universe = grid\ngrid_resource = batch slurm\nexecutable = /bin/true\nqueue\n"
    done = second.testbed.run("ap", "condor_submit", "-", user="alice", stdin=text)
    assert not done.ok
    assert "alice is none of them" in done.err
    cluster = jobs.submit(second, "alice", jobs.Sleepers(1, seconds=1))
    grid = second.testbed.run("ap", "condor_qedit", str(cluster), "JobUniverse", "9", user="alice")
    assert not grid.ok


def submit_at_ap2(testbed: Testbed, sleepers: jobs.Sleepers) -> int:
    script = "cat >test.sub && condor_submit -terse test.sub"
    said = testbed.tell("ap2", "sh", "-c", script, user="carol", stdin=sleepers.submit_file())
    return int(said.split(".")[0])


def wait_until_both_are_done(pool: Pool, clusters: dict[str, int]) -> dict[str, int]:
    """The most pilots that each account had in the factory's queue meanwhile."""
    most = {ACCOUNT: 0, "glidein": 0}
    requester = {ACCOUNT: "ap2", "glidein": "ap"}

    def done() -> bool:
        for account, before in most.items():
            whose = f'Owner == "{account}" && GlideinRequester == "{requester[account]}"'
            present = pool.jobs(whose, ("ClusterId", "ProcId"))
            most[account] = max(before, len(present))
        left = jobs.states(pool, clusters["alice"])
        words = ("condor_q", "-allusers")
        return not left and not ads(
            pool.testbed, "ap2", *words, f"ClusterId == {clusters['carol']}"
        )

    wait_until("the jobs of both have ended", done, 120, every_s=1)
    return most


def ads(testbed: Testbed, host: str, *words: str) -> list[Ad]:
    """Ads that a command on a host prints; the last word is the constraint."""
    out = testbed.tell(host, *words[:-1], "-json", "-constraint", words[-1])
    return list(json.loads(out)) if out.strip() else []


def submit_pilots(testbed: Testbed, changes: dict[str, str]) -> Done:
    """A submission to the factory as its requester, by hand."""
    commands = PILOT | changes
    if commands["universe"] == "vanilla":
        del commands["grid_resource"]
    text = "".join(f"{name} = {value}\n" for name, value in commands.items())
    return at_factory(testbed, "condor_submit", "-", stdin=f"{text}queue 100\n")


def at_factory(testbed: Testbed, *words: str, stdin: str = "") -> Done:
    """A command to ap's schedd under the requester's identity, as it can give it by hand."""
    return testbed.run("ap", *words, user=ACCOUNT, stdin=stdin)


def counted_pilots(pool: Pool) -> int:
    (ad,) = pool.ads("condor_status", "-schedd", constraint='Name == "ap"')
    return int(ad.get("GlideinPilotsByAccount", {}).get(ACCOUNT, 0))


def schedd_log(testbed: Testbed) -> str:
    return testbed.run("ap", "tail", "-n", "200", "/var/log/condor/SchedLog").out
