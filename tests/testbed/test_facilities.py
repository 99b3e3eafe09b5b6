# SPDX-License-Identifier: Apache-2.0
"""Pilots through the HTTP APIs of a facility, by both faces of the gateway, and when it fails."""

import json
from collections import Counter

from _testbed.pool import HELD, Ad, Pool
from _testbed.waiting import wait_until

from tests.testbed import daemons, facility_entries, jobs, pilots
from tests.testbed.facility_entries import APIS, BOTH, GATEWAY_DIR, ROOT, facilities, only_at

LONG_S = 240
# Every process with its environment, every log, every ad; only the gateway's ledger is left out.
ALL_TO_SEE = """
    ps axwwe
    cat /var/log/condor/* "$1"/*/*.log
    condor_q -allusers -long
    condor_status -any -long
"""


def test_jobs_run_on_pilots_that_came_through_each_api_by_both_faces(pool: Pool) -> None:
    began_s = int(pool.testbed.tell("ap", "date", "+%s"))
    ways = [(api, name) for api in APIS for name in BOTH]
    with facilities(pool, faces=BOTH):
        check = pool.testbed.tell("ap", "glidein", "check")
        assert "0 errors" in check, check
        clusters = {
            way: jobs.submit(pool, "alice", jobs.Sleepers(2, seconds=2, extra=only_at(*way)))
            for way in ways
        }
        for way, cluster in clusters.items():
            done = jobs.wait_until_done(pool, cluster, 2, timeout_s=LONG_S)
            assert all("glidein-ap-" in str(ad["LastRemoteHost"]) for ad in done), way
        pilots.wait_until_gone(pool, timeout_s=LONG_S)
        ours = f'Owner == "glidein" && regexp("^(Near|By)", GlideinEntry) && QDate >= {began_s}'
        ended = pool.history(ours)
        entries = {facility_entries.entry(*way) for way in ways}
        assert {ad["GlideinEntry"] for ad in ended} == entries
        assert [ad.get("ExitCode") for ad in ended] == [0] * len(ended), exits(ended)
        assert "no work for 10 s" in outputs(pool)
        wait_until("the jobs' directories are removed", lambda: not directories(pool), 60, 1)


def test_a_stopped_facility_holds_loses_and_doubles_no_pilot(pool: Pool) -> None:
    with facilities(pool):
        cluster = jobs.submit(
            pool, "alice", jobs.Sleepers(4, seconds=20, cores=4, extra=only_at("sfapi"))
        )
        jobs.wait_until_running(pool, cluster, 2, timeout_s=LONG_S)
        with facility_entries.stopped(pool):
            known = {ad["GridJobId"] for ad in facility_entries.of_api(pool, "sfapi")}
            again = jobs.submit(
                pool, "alice", jobs.Sleepers(2, seconds=5, cores=4, extra=only_at("iri"))
            )
            pilots.wait_for_pilots(pool, "NearIri", timeout_s=60)
            what = "2 jobs end while the facility is silent"
            wait_until(what, lambda: len(jobs.finished(pool, cluster)) >= 2, LONG_S, 1)
            found = [*facility_entries.of_api(pool, "sfapi"), *facility_entries.of_api(pool, "iri")]
            assert HELD not in {ad["JobStatus"] for ad in found}
            assert known <= {ad.get("GridJobId") for ad in found}
        jobs.wait_until_done(pool, cluster, 4, timeout_s=LONG_S)
        jobs.wait_until_done(pool, again, 2, timeout_s=LONG_S)
        assert HELD not in {ad["JobStatus"] for ad in pool.pilots()}
        assert doubled(pool) == []


def test_kills_and_lost_answers_make_no_second_pilot(pool: Pool) -> None:
    with facilities(pool):
        pool.testbed.tell("perlmutter", "scontrol", "update", "PartitionName=regular", "State=DOWN")
        facility_entries.fault(pool, "drop", match="POST /compute/jobs/", chance=0.3)
        cluster = jobs.submit(
            pool, "alice", jobs.Sleepers(15, seconds=1, cores=4, extra=only_at("sfapi"))
        )
        pilots.wait_for_pilots(pool, "NearSfapi", 5)
        kill_at_once(pool, "glidein-gateway gahp")
        pilots.wait_for_pilots(pool, "NearSfapi", 10)
        kill_at_once(pool, "condor_gridmanager")
        facility_entries.control(pool, "DELETE", "/_control/faults")
        what = "each pilot has one job at the facility, known by its id"
        wait_until(what, lambda: matched(pool, 15), LONG_S, 2)
        jobs.remove(pool, cluster)


def test_the_facility_test_tells_what_works_and_what_does_not(pool: Pool) -> None:
    with facilities(pool):
        for api in APIS:
            done = pool.testbed.run(
                "ap", "glidein", "facility", "test", f"near{api}", "--json", timeout_s=120
            )
            assert done.ok, done.out + done.err
        facility_entries.fault(pool, "status", code=503)
        done = pool.testbed.run("ap", "glidein", "facility", "test", "nearsfapi", timeout_s=120)
        assert not done.ok
        assert "503" in done.out + done.err


def test_a_refusal_holds_with_the_scheduler_s_words_and_no_secret_is_seen(pool: Pool) -> None:
    with facilities(pool, queue="nonsense"):
        clusters = [
            jobs.submit(pool, "alice", jobs.Sleepers(1, seconds=60, extra=only_at(api)))
            for api in ("sfapi", "iri")
        ]
        what = "a pilot of either entry is held"
        held = wait_until(what, lambda: held_by_entry(pool), 90, 1)
        assert {"nvalid partition" in reason for reason in held.values()} == {True}, held
        for cluster in clusters:
            jobs.remove(pool, cluster)
        seen = pool.testbed.tell("ap", "sh", "-c", ALL_TO_SEE, "sh", GATEWAY_DIR, timeout_s=60)
        assert [secret for secret in secrets(pool) if secret in seen] == []


def kill_at_once(pool: Pool, pattern: str) -> None:
    """As soon as it runs: either may just be on its way back from the other's end."""
    wait_until(f"{pattern} runs", lambda: daemons.process_ids(pool.testbed, "ap", pattern), 30)
    daemons.send_signal(pool.testbed, "ap", pattern)


def secrets(pool: Pool) -> list[str]:
    """The bearer token, the client's secret, a line of the private key, tokens in use."""
    place = facility_entries.SECRETS
    words = ("sh", "-c", f"cat {place}/iri.token; echo; cat {place}/globus.secret; echo")
    found = pool.testbed.tell("ap", *words).split()
    pem = pool.testbed.tell("ap", "cat", f"{place}/sfapi.pem").splitlines()
    return [*found, pem[3]]


def held_by_entry(pool: Pool) -> dict[str, str]:
    """Entry -> why a pilot of it is held, once there are two of them."""
    ads = pool.pilots(f"JobStatus == {HELD}")
    found = {str(ad["GlideinEntry"]): str(ad["HoldReason"]) for ad in ads}
    return found if len(found) == 2 else {}


def exits(ads: list[Ad]) -> str:
    names = ("GlideinEntry", "ExitCode", "ExitReason")
    return json.dumps([{name: ad.get(name) for name in names} for ad in ads])


def outputs(pool: Pool) -> str:
    return pool.testbed.tell("ap", "sh", "-c", "cat /pscratch/glidein/log/pilot.*.out")


def directories(pool: Pool) -> list[str]:
    script = f"ls -d {ROOT}/*/jobs/* 2>/dev/null || true"
    return pool.testbed.tell("perlmutter", "sh", "-c", script).split()


def names_at_the_facility(pool: Pool) -> Counter[str]:
    """How many jobs of each name Slurm knows, waiting or running."""
    argv = ("squeue", "--noheader", "--format=%j")
    return Counter(pool.testbed.tell("perlmutter", *argv).split())


def doubled(pool: Pool) -> list[str]:
    out = pool.testbed.tell("perlmutter", "scontrol", "--oneliner", "show", "jobs", timeout_s=30)
    names = Counter(
        word.removeprefix("JobName=") for word in out.split() if word.startswith("JobName=gl-")
    )
    return [name for name, count in names.items() if count > 1]


def matched(pool: Pool, count: int) -> bool:
    """As many pilots as jobs over there, each pilot with the id of one of them."""
    ids = sorted(pool.squeue())
    ads = facility_entries.of_api(pool, "sfapi")
    known = sorted(str(ad.get("GlideinRemoteId", "")) for ad in ads)
    return len(ids) == count and ids == known
