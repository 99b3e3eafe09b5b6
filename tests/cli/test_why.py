# SPDX-License-Identifier: Apache-2.0
"""Every reason why a job waits has its own sentence, with names and figures."""

from typing import Any

import classad2
import pytest

from condor_plugins.core.resources import Resources
from condor_plugins.core.snapshot import Slot
from tests.cli.conftest import Run
from tests.cli.pretended import NOW_S, Pretended, job, pilots, ran


def conclusion(glidein: Run, job_id: str = "12.0") -> str:
    return str(glidein("why", job_id, "--json").facts["conclusion"])


@pytest.fixture(autouse=True)
def at_work(world: Pretended) -> None:
    world.document = ran()


def test_a_job_that_is_not_in_the_queue(glidein: Run) -> None:
    said = glidein("why", "12.0")
    assert said.code == 1
    assert said.out.startswith("Job 12.0 is not in the queue of ap: it has ended or never was")


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"JobStatus": 5, "HoldReason": "no input file"}, "is held: no input file (when that"),
        ({"JobStatus": 2, "RemoteHost": "slot1_1@x"}, "is running on slot1_1@x, which is no glid"),
        ({"JobStatus": 4}, "is completed; it leaves the queue."),
        ({"JobUniverse": 12}, "is of the local universe: pilots are made for vanilla jobs only."),
        ({"GlideinEntry": "P", "GlideinGroup": "g"}, "is itself a pilot, of entry P for group g;"),
    ],
)
def test_jobs_for_which_pilots_are_no_question(
    glidein: Run, world: Pretended, attributes: dict[str, Any], sentence: str
) -> None:
    world.jobs = [job(12, **attributes)]
    said = glidein("why", "12.0")
    assert said.code == 0
    assert sentence in said.out


def test_a_job_running_in_a_glidein_names_its_entry(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12, JobStatus=2, RemoteHost="slot1_1@x", JobCurrentStartDate=NOW_S)]
    world.slot_ads = [
        classad2.ClassAd({"Name": "slot1_1@x", "GLIDEIN_Entry": "P", "GLIDEIN_Pilot": "ap-3.1"})
    ]
    assert "a glidein of entry P (pilot ap-3.1) since 2026-11-18" in conclusion(glidein)


def test_the_limit_that_cuts_is_named_with_its_figures(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12, process, RequestMemory=15_000) for process in range(20)]
    world.clusters = (
        pilots("Perlmutter", running=6),
        pilots("Highmem", waiting=3, running=3),
    )
    facts = glidein("why", "12.0", "--json").facts
    assert facts["conclusion"].startswith(
        "Job 12.0 waits because entry Highmem MaxPilots is reached (6 of 6);"
        " entry Perlmutter MaxPilots is reached (6 of 6)"
    )
    assert facts["why"]["fate"]["in_coming"] == 6
    assert facts["why"]["fate"]["unmet"] == 14


def test_clauses_that_fail_come_with_the_values_on_both_sides(
    glidein: Run, world: Pretended
) -> None:
    world.jobs = [job(12, RequestMemory=500_000)]
    said = glidein("why", "12.0", "--json").facts
    assert said["conclusion"] == (
        "No entry can run job 12.0:"
        " Highmem: the job requires TARGET.Memory >= RequestMemory"
        " (Memory = 64000 of the entry, RequestMemory = 500000 of the job);"
        " Perlmutter: the job requires TARGET.Memory >= RequestMemory"
        " (Memory = 16000 of the entry, RequestMemory = 500000 of the job)."
    )
    assert [len(one["clauses"]) for one in said["why"]["entries"]] == [1, 1]  # not once a side


def test_an_attribute_that_nobody_defines_is_said_to_be_so(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12, Requirements=classad2.ExprTree('TARGET.HasCvmfs == "yes"'))]
    assert "(it is undefined, HasCvmfs not defined)" in conclusion(glidein)


def test_the_entry_s_own_condition(glidein: Run, world: Pretended) -> None:
    world.knobs["GLIDEIN_ENTRY_NAMES"] = "Perlmutter"
    world.knobs["GLIDEIN_ENTRY_PERLMUTTER"] += "Start = TARGET.RequestCpus <= 1\n"
    world.jobs = [job(12)]
    assert conclusion(glidein) == (
        "No entry can run job 12.0: Perlmutter: the entry requires TARGET.RequestCpus <= 1"
        " (RequestCpus = 2 of the job)."
    )


def test_a_job_that_no_group_takes(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12, Owner="mallory")]
    assert conclusion(glidein) == (
        'No group takes job 12.0: alice: the group requires Owner == "alice"'
        ' (Owner = "mallory" of the job).'
    )


def test_a_group_that_no_entry_serves(glidein: Run, world: Pretended) -> None:
    world.knobs["GLIDEIN_GROUP_ALICE"] += "\nEntries = false"
    world.jobs = [job(12)]
    assert "no entry serves its group alice" in conclusion(glidein)


def test_entries_that_are_down_or_have_no_pilot(glidein: Run, world: Pretended) -> None:
    world.knobs["GLIDEIN_DOWNTIME_PERLMUTTER"] = f'[ Reason = "repair"; End = {NOW_S + 60} ]'
    world.unmade = {"Highmem": "no LogDir"}
    world.jobs = [job(12)]
    assert conclusion(glidein) == (
        "Job 12.0 waits because entry Highmem: no pilot can be made: no LogDir;"
        " entry Perlmutter is down: repair (until 2026-11-18 11:07)."
    )


def test_held_pilots_are_told_with_their_reason(glidein: Run, world: Pretended) -> None:
    world.knobs["GLIDEIN_ENTRY_NAMES"] = "Perlmutter"
    world.knobs["GLIDEIN_ENTRY_PERLMUTTER"] += "MaxHeldPilots = 2\n"
    world.jobs = [job(12)]
    world.clusters = (pilots("Perlmutter", held=2, hold_reasons=(("no such queue; sorry", 2),)),)
    assert conclusion(glidein) == (
        "Job 12.0 waits because entry Perlmutter MaxHeldPilots is reached"
        " (2 of 2): 2 pilots held with 'no such queue; sorry'."
    )


def test_pilots_on_their_way(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12)]
    world.clusters = (pilots("Perlmutter", waiting=1, running=1, starting=1),)
    assert conclusion(glidein) == (
        "Job 12.0 waits for pilots that are on their way: Perlmutter (1 waiting, 1 starting)."
    )


def test_pilots_that_the_next_cycle_asks_for(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12)]
    assert conclusion(glidein) == (
        "Job 12.0 waits for new pilots, which the next cycle asks for at Highmem (1 job)."
    )


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({}, "The provisioner is not at work: last cycle none: no plan of a cycle is in "),
        (ran(600), "The provisioner is not at work: last cycle 10 min ago, late: its period is 60"),
        (ran(frozen="no answer: slots"), "In its last cycle the provisioner changed nothing: no a"),
        (
            ran(outcomes=[{"group": "alice", "entry": "Highmem", "done": "", "failed": "denied"}]),
            "The last cycle failed at entry Highmem: denied.",
        ),
    ],
)
def test_words_are_not_enough_when_nobody_carries_them_out(
    glidein: Run, world: Pretended, document: dict[str, object], sentence: str
) -> None:
    world.jobs, world.document = [job(12)], document
    assert sentence in conclusion(glidein)


def test_a_frozen_decision(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12)]
    world.clusters = (pilots("Perlmutter", running=1, lost=1),)
    world.collector_age_s = 5
    assert conclusion(glidein).startswith(
        "Job 12.0 waits because nothing is changed now (the collector is up for 5 s"
    )


def test_a_slot_with_room_is_the_negotiator_s_matter(glidein: Run, world: Pretended) -> None:
    ad = classad2.ClassAd(
        '[ Arch = "X86_64"; OpSys = "LINUX"; Disk = 100000; Memory = 4000; Cpus = 4;'
        " HasFileTransfer = true; Requirements = true ]"
    )
    world.slots = (Slot("s", "", "", "", Resources(4, 4000, 100, 0), "like s", ad),)
    world.jobs = [job(12)]
    assert conclusion(glidein).startswith("Job 12.0 can start: 1 slot with room for it;")
    world.jobs = [job(12, process) for process in range(3)]
    said = glidein("why", "12.0", "--json").facts["why"]
    assert said["supply"] == {"matching": 1, "with_room": 1}
    assert (said["fate"]["count"], said["fate"]["in_slots"]) == (3, 2)


def test_a_cluster_stands_for_its_first_idle_job(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12, 0, JobStatus=2), job(12, 1)]
    assert conclusion(glidein, "12").startswith("Job 12.1 waits for new pilots")


@pytest.mark.parametrize("text", ["x", "12.", "-1", "12.0.0", "12 || true", ""])
def test_what_is_no_job_is_a_usage_error(glidein: Run, text: str) -> None:
    said = glidein("why", "--", text)
    assert said.code == 2
    assert said.err.startswith("glidein: Invalid value for 'JOB|ENTRY|GROUP'")
    assert said.err.count("\n") == 1


def test_no_answer_is_no_wrong_answer(glidein: Run, world: Pretended) -> None:
    world.jobs, world.failed = [job(12)], ("slots: connection refused",)
    said = glidein("why", "12.0")
    assert (said.code, said.out) == (75, "")
    assert said.err == "glidein: no answer: slots: connection refused; try again\n"


def test_the_table_says_the_same(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12, process) for process in range(40)]
    world.clusters = (pilots("Perlmutter", running=6),)
    out = glidein("why", "12.0").out
    assert "  + alike        40 idle jobs: 40 idle for long enough\n" in out
    assert "  . slots        0 match, 0 have room: for 0 jobs\n" in out
    assert "entry Perlmutter MaxPilots is reached (6 of 6)" in out
    assert all(len(line) <= 120 for line in out.partition("Entries of group")[2].splitlines())


def test_jobs_that_are_not_idle_for_long_enough(glidein: Run, world: Pretended) -> None:
    world.knobs["GLIDEIN_SETTLE"] = "600"
    world.jobs = [job(12)]
    assert conclusion(glidein) == (
        "Job 12.0 waits because it is not yet demand: 1 of 1 job like it have not been idle for"
        " GLIDEIN_SETTLE."
    )
    facts = glidein("why", "12.0", "--json").facts
    (alike,) = [gate for gate in facts["gates"] if gate["name"] == "alike"]
    assert (alike["open"], alike["counts"]) == (False, {"jobs": 1, "settling": 1})


def test_an_entry_that_fits_badly_is_said_to_be_for_others(glidein: Run, world: Pretended) -> None:
    """A pilot of Perlmutter holds one such job and leaves six of eight cores idle."""
    world.jobs = [job(12, process, RequestMemory=15_000) for process in range(40)]
    assert (
        "entry Perlmutter is for jobs that fit it better (75 % of a pilot's cores would stay idle,"
        " GLIDEIN_MAX_UNUSED is 50)" in conclusion(glidein)
    )


def test_the_gates_of_a_job_come_in_order(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12)]
    facts = glidein("why", "12.0", "--json").facts
    assert [(gate["name"], gate["open"]) for gate in facts["gates"]] == [
        ("group", True),
        ("alike", True),
        ("slots", None),
        ("entries", True),
        ("coming", None),
        ("asked", None),
        ("unmet", True),
        ("governor", True),
        ("provisioner", True),
    ]
    assert facts["why"]["fate"]["matching"] == ["Highmem", "Perlmutter"]
    assert {"mask", "entries", "signature"}.isdisjoint(facts["why"]["fate"])
