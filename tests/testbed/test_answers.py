# SPDX-License-Identifier: Apache-2.0
"""The command `glidein` against the real daemons, as an operator and as a scientist use it."""

import json
from typing import Any

from _testbed.command import Done
from _testbed.pool import Pool
from _testbed.waiting import wait_until

from tests.testbed import daemons, jobs, pilots, provisioner
from tests.testbed.settings import drop_in


def glidein(pool: Pool, *words: str, user: str = "root") -> Done:
    return pool.testbed.run("ap", "glidein", *words, user=user, timeout_s=90)


def told(pool: Pool, *words: str, user: str = "root") -> str:
    done = glidein(pool, *words, user=user)
    assert done.ok, done.why()
    return done.out


def as_json(pool: Pool, *words: str, user: str = "root") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(told(pool, *words, "--json", user=user))
    return found


def test_check_finds_nothing_wrong_with_the_testbed(pool: Pool) -> None:
    done = glidein(pool, "check")

    assert done.ok, done.out
    assert "error" not in done.out


def test_check_names_file_line_and_the_nearest_name(pool: Pool) -> None:
    bad = """\
GLIDEIN_ENTRY_NAMES = $(GLIDEIN_ENTRY_NAMES) Frontera
GLIDEIN_ENTRY_Frontera @=entry
  Site         = "TACC"
  GridResource = "batch slrum"
  TrustDomain  = "nersc"
  Cpus         = 56
  Memroy       = 190000
  WallTime     = 86400
@entry
GLIDEIN_MAX_PILOT = 12
"""
    with drop_in(pool, "ap", "bad", bad):
        done = glidein(pool, "check")

    assert done.exit_code == 1
    said = " ".join((done.out + done.err).split())
    assert "90-test-bad.conf:7" in said, said
    assert "did you mean Memory?" in said
    assert "90-test-bad.conf:10" in said
    assert "did you mean GLIDEIN_MAX_PILOTS?" in said


def test_why_names_the_clause_when_no_entry_can_run_a_job(pool: Pool) -> None:
    cluster = jobs.submit(pool, "alice", jobs.Sleepers(1, seconds=1, memory_mb=900_000))

    said = " ".join(told(pool, "why", f"{cluster}.0", user="alice").split())

    assert f"No entry can run job {cluster}.0" in said
    assert "RequestMemory = 900000" in said
    assert "Perlmutter" in said
    assert "PerlmutterHighmem" in said


def test_why_names_the_limit_that_a_job_waits_for(pool: Pool) -> None:
    with drop_in(pool, "ap", "few", "GLIDEIN_MAX_PILOTS = 1\n"):
        cluster = jobs.submit(pool, "alice", jobs.Sleepers(30, seconds=60, cores=4))
        pilots.wait_for_pilots(pool, "Perlmutter")
        jobs.wait_until_running(pool, cluster)

        said = " ".join(told(pool, "why", f"{cluster}.29", user="alice").split())

        assert "GLIDEIN_MAX_PILOTS" in said
        assert "(1 of 1)" in said


def test_why_tells_where_a_running_job_runs(pool: Pool) -> None:
    cluster = jobs.submit(pool, "alice", jobs.Sleepers(1, seconds=30))
    jobs.wait_until_running(pool, cluster)

    assert "glidein-ap-" in told(pool, "why", f"{cluster}.0")


def test_plan_and_status_show_what_was_wanted_granted_and_cut(pool: Pool) -> None:
    provisioner.stop_partitions(pool)
    jobs.submit(pool, "alice", jobs.Sleepers(60, seconds=5, cores=2))
    pilots.wait_for_pilots(pool, "Perlmutter", at_least=4)

    status = as_json(pool, "status", user="bob")

    pilots_at = {(one["group"], one["entry"]): one for one in status["pilots"]}
    one = pilots_at["alice", "Perlmutter"]
    assert one["wanted"] > one["granted"] == 4
    assert "entry Perlmutter MaxIdlePilots" in " ".join(one["cut_by"])
    plan = as_json(pool, "plan")
    assert plan["actions"] == []


def test_commands_end_with_75_when_a_daemon_does_not_answer(pool: Pool) -> None:
    with (
        drop_in(pool, "ap", "impatient", "GLIDEIN_TIMEOUT = 4\n"),
        daemons.frozen(pool.testbed, "cm", "condor_collector"),
    ):
        done = glidein(pool, "status")

    assert done.exit_code == 75
    assert done.out == ""


def test_down_holds_for_the_next_cycle_and_up_ends_it(pool: Pool) -> None:
    told(pool, "down", "PerlmutterHighmem", "--reason", "disk change", "--for", "2h")

    entries = {one["name"]: one for one in as_json(pool, "entries")["entries"]}
    assert "disk change" in json.dumps(entries["PerlmutterHighmem"])
    cluster = jobs.submit(pool, "alice", jobs.Sleepers(1, seconds=1, memory_mb=40_000))
    said = " ".join(told(pool, "why", f"{cluster}.0").split())
    assert "disk change" in said
    told(pool, "up", "PerlmutterHighmem")
    jobs.wait_until_done(pool, cluster, 1)


def test_an_unknown_entry_gets_the_nearest_name(pool: Pool) -> None:
    done = glidein(pool, "down", "Perlmuter", "--reason", "x")

    assert done.exit_code != 0
    assert "Perlmutter" in done.err


def test_a_scientist_cannot_take_an_entry_down(pool: Pool) -> None:
    done = glidein(pool, "down", "Perlmutter", "--reason", "x", user="alice")

    assert done.exit_code != 0
    assert wait_until("a refusal in words", lambda: done.err, 1)
