# SPDX-License-Identifier: Apache-2.0
"""The main job: idle jobs become pilots, run, and leave; nobody gets more rights than needed."""

from _testbed.pool import Pool

from tests.testbed import jobs, pilots


def test_jobs_run_on_pilots_that_come_and_leave_by_themselves(pool: Pool) -> None:
    cluster = jobs.submit(pool, "alice", jobs.Sleepers(6, seconds=5, cores=2))

    done = jobs.wait_until_done(pool, cluster, 6)

    assert all("glidein-ap-" in str(ad["LastRemoteHost"]) for ad in done)
    pilots.wait_until_gone(pool)
    out = pool.testbed.tell("ap", "sh", "-c", "cat /pscratch/glidein/log/pilot.*.out")
    assert "joined pool cm" in out
    assert "no work for 20 s" in out
    left = pool.testbed.tell("perlmutter", "sh", "-c", "ls -A /tmp | grep -c glidein- || true")
    assert left.strip() == "0"


def test_jobs_of_two_users_go_to_the_pilots_of_their_groups(pool: Pool) -> None:
    of_alice = jobs.submit(pool, "alice", jobs.Sleepers(2, seconds=60))
    of_bob = jobs.submit(pool, "bob", jobs.Sleepers(2, seconds=60))

    jobs.wait_until_running(pool, of_alice, 2)
    jobs.wait_until_running(pool, of_bob, 2)

    groups = {ad["GlideinGroup"] for ad in pool.pilots()}
    assert groups == {"alice", "others"}


def test_only_the_account_may_submit_a_pilot(pool: Pool) -> None:
    text = jobs.Sleepers(1, seconds=1, extra='MY.GlideinEntry = "Perlmutter"').submit_file()

    done = pool.testbed.run("ap", "condor_submit", "-", user="alice", stdin=text)

    assert not done.ok
    assert "Only glidein and the accounts in GLIDEIN_REQUESTERS may submit pilots" in done.err


def test_a_job_cannot_be_turned_into_a_pilot_afterwards(pool: Pool) -> None:
    cluster = jobs.submit(pool, "alice", jobs.Sleepers(1, seconds=1, memory_mb=900_000))

    done = pool.testbed.run(
        "ap", "condor_qedit", str(cluster), "GlideinEntry", '"Perlmutter"', user="alice"
    )

    assert not done.ok


def test_the_token_of_the_pilots_can_do_nothing_but_advertise(pool: Pool) -> None:
    env = {
        "_CONDOR_SEC_CLIENT_AUTHENTICATION_METHODS": "IDTOKENS",
        "_CONDOR_SEC_TOKEN_DIRECTORY": "/pscratch/glidein/credentials",
    }

    def allowed(right: str) -> bool:
        words = ("condor_ping", "-type", "collector", "-quiet", right)
        return pool.testbed.run("ap", *words, user="glidein", env=env).ok

    assert allowed("ADVERTISE_STARTD")
    assert allowed("ADVERTISE_MASTER")
    refused = ("ADVERTISE_SCHEDD", "DAEMON", "WRITE", "ADMINISTRATOR", "NEGOTIATOR")
    assert not [right for right in refused if allowed(right)]
