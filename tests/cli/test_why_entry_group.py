# SPDX-License-Identifier: Apache-2.0
"""Why an entry or a group has no more pilots: the gate that is shut, by name and figures."""

from typing import Any

import pytest

from condor_plugins.core.plan import Breaker, Memory, Starts
from condor_plugins.core.policy import Policy
from condor_plugins.core.snapshot import Start
from tests.cli.conftest import Run
from tests.cli.pretended import ENTRY, NOW_S, Pretended, job, pilots, ran


@pytest.fixture(autouse=True)
def at_work(world: Pretended) -> None:
    world.document = ran()


def why(glidein: Run, name: str) -> dict[str, Any]:
    said = glidein("why", name, "--json")
    assert (said.code, said.err) == (0, "")
    return said.facts


def conclusion(glidein: Run, name: str = "Perlmutter") -> str:
    return str(why(glidein, name)["conclusion"])


def gates(facts: dict[str, Any]) -> dict[str, Any]:
    return {gate["name"]: gate for gate in facts["gates"]}


def remembers(world: Pretended, monkeypatch: pytest.MonkeyPatch, memory: Memory) -> None:
    def remembered(policy: Policy) -> Memory:
        return memory

    monkeypatch.setattr(world, "memory", remembered)


def test_the_gates_of_an_entry_come_in_order(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12, process, RequestCpus=8) for process in range(20)]
    world.clusters = (pilots("Perlmutter", waiting=1, running=2, longest_wait_s=600.0),)
    facts = why(glidein, "perlmutter")
    assert [(gate["name"], gate["open"]) for gate in facts["gates"]] == [
        ("configured", True),
        ("pilot", True),
        ("open", True),
        ("breaker", True),
        ("jobs", True),
        ("of these", None),
        ("limits", False),
        ("governor", True),
        ("request", False),
        ("pilots", None),
        ("provisioner", True),
    ]
    assert facts["entry"] == "Perlmutter"
    assert facts["conclusion"] == (
        "Entry Perlmutter is granted 4 pilots and no more because entry Perlmutter MaxPilots is"
        " reached (6 of 6); entry Perlmutter MaxIdlePilots is reached (4 of 4);"
        " 16 of the 20 idle jobs that match get nothing now."
    )


def test_the_figures_of_the_jobs_add_up(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12, process, RequestCpus=8) for process in range(20)]
    world.clusters = (pilots("Perlmutter", waiting=1),)
    found = gates(why(glidein, "Perlmutter"))
    assert found["jobs"]["counts"] == {"jobs": 20, "kinds": 1}
    assert found["jobs"]["details"] == ["group alice: 20 jobs"]
    counts = found["of these"]["counts"]
    assert sum(counts.values()) == 20
    assert (counts["in_coming"], counts["asked_here"], counts["asked_elsewhere"]) == (1, 3, 0)


def test_every_row_that_a_request_has_to_pass_is_told_with_its_figures(
    glidein: Run, world: Pretended
) -> None:
    world.jobs = [job(12, process, RequestCpus=8) for process in range(20)]
    world.clusters = (pilots("Perlmutter", running=6),)
    rows = gates(why(glidein, "Perlmutter"))["limits"]["details"]
    assert rows[0] == "reached: entry Perlmutter MaxPilots (6 of 6)"
    assert "entry Perlmutter MaxIdlePilots (0 of 4)" in rows
    assert "GLIDEIN_MAX_PILOTS (6 of 10000)" in rows


def test_jobs_that_another_entry_gets(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12, process, RequestMemory=8000) for process in range(4)]
    facts = why(glidein, "Perlmutter")
    counts = gates(facts)["of these"]["counts"]
    assert counts["asked_here"] + counts["asked_elsewhere"] == 4
    here, there = gates(facts)["of these"], gates(why(glidein, "Highmem"))["of these"]
    assert here["counts"]["asked_here"] == there["counts"]["asked_elsewhere"]


def test_an_entry_whose_jobs_have_room(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12)]
    world.clusters = (pilots("Perlmutter", waiting=1),)
    assert conclusion(glidein, "Highmem") == (
        "Entry Highmem needs no more pilots for the 1 idle job that match: 1 in coming pilots."
    )


def test_a_downtime(glidein: Run, world: Pretended) -> None:
    world.knobs["GLIDEIN_DOWNTIME_PERLMUTTER"] = f'[ Reason = "repair"; End = {NOW_S + 60} ]'
    world.jobs = [job(12)]
    assert conclusion(glidein) == (
        "Entry Perlmutter is asked for no more pilots:"
        " entry Perlmutter is down: repair (until 2026-11-18 11:07)."
    )


def test_a_pilot_that_cannot_be_made(glidein: Run, world: Pretended) -> None:
    world.unmade = {"Perlmutter": "no LogDir"}
    assert conclusion(glidein) == (
        "Entry Perlmutter is asked for no more pilots: no pilot can be made: no LogDir."
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Cpus = 1", "Entry Broken is not used: GLIDEIN_ENTRY_Broken: "),
        (None, "Entry Broken is not used: GLIDEIN_ENTRY_NAMES: names Broken, but GLIDEIN_ENTRY_B"),
    ],
)
def test_an_entry_that_cannot_be_read(
    glidein: Run, world: Pretended, text: str | None, sentence: str
) -> None:
    world.knobs["GLIDEIN_ENTRY_NAMES"] += " Broken"
    if text:
        world.knobs["GLIDEIN_ENTRY_BROKEN"] = text
    assert conclusion(glidein, "broken").startswith(sentence)


def test_an_entry_that_serves_no_group(glidein: Run, world: Pretended) -> None:
    world.knobs["GLIDEIN_GROUP_ALICE"] += '\nEntries = Name == "Highmem"'
    assert "no group's Entries expression is true" in conclusion(glidein)


def test_an_open_breaker_tells_when_it_is_tried_again(
    glidein: Run, world: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Breaker(3, 0, NOW_S - 100, NOW_S - 200, NOW_S - 100)
    remembers(world, monkeypatch, Memory(at_s=NOW_S - 60, breakers={"Perlmutter": failed}))
    world.jobs = [job(12)]
    assert conclusion(glidein) == (
        "Entry Perlmutter is asked for no more pilots: its breaker is open:"
        " the last 3 pilots failed at the start; tried again in 200 s."
    )


def test_the_expected_wait_is_the_learned_one(
    glidein: Run, world: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = {"Perlmutter": Starts((Start(NOW_S - 60, 900.0),))}
    remembers(world, monkeypatch, Memory(at_s=NOW_S - 60, starts=starts))
    world.clusters = (
        pilots("Perlmutter", waiting=1, held=2, hold_reasons=(("bad", 2),), longest_wait_s=300.0),
    )
    assert gates(why(glidein, "Perlmutter"))["pilots"]["details"] == [
        "longest wait now: 5 min",
        "expected wait of a new pilot: 15 min",
        "held: 2 pilots: bad",
    ]


def test_no_job_matches_and_what_the_most_object_to(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12, n, RequestMemory=20_000) for n in range(3)] + [job(13, RequestCpus=99)]
    assert conclusion(glidein) == (
        "Entry Perlmutter is asked for no more pilots: none of the 4 idle jobs of its groups"
        " matches it: 3 jobs like 12.0: the job requires TARGET.Memory >= RequestMemory"
        " (Memory = 16000 of the entry, RequestMemory = 20000 of the job)."
    )


def test_nothing_idle_is_nothing_to_do(glidein: Run) -> None:
    assert "no job of its groups is idle" in conclusion(glidein)
    assert conclusion(glidein, "alice") == (
        "Group alice asks for nothing: none of the 0 idle jobs in the queue is its:"
        ' Owner == "alice".'
    )


@pytest.mark.parametrize("name", ["Perlmutter", "alice"])
def test_nobody_at_work_and_nothing_believed(glidein: Run, world: Pretended, name: str) -> None:
    world.jobs, world.document = [job(12)], {}
    assert "The provisioner: is not at work: last cycle none" in conclusion(glidein, name)
    world.clusters, world.collector_age_s = (pilots("Perlmutter", running=1, lost=1),), 5
    assert "nothing is changed now: the collector is up for 5 s" in conclusion(glidein, name)


def test_the_gates_of_a_group(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12, process, RequestCpus=4) for process in range(60)]
    world.jobs += [job(13, RequestMemory=10**6), job(14, Owner="bob")]
    world.clusters = (pilots("Perlmutter", waiting=1),)
    facts = why(glidein, "ALICE")
    found = gates(facts)
    assert list(found) == [
        "entries", "jobs", "settled", "matching", "slots", "coming", "asked", "unmet",
        "limits", "governor", "request", "pilots", "provisioner",
    ]  # fmt: skip
    assert found["jobs"]["counts"] == {"jobs": 61, "kinds": 2, "all_jobs": 62}
    assert found["matching"]["counts"] == {"match": 60, "match_none": 1}
    assert found["matching"]["details"][0].startswith("1 job like 13.0: no entry matches: ")
    assert found["coming"]["text"] == "2 jobs find room in coming pilots"
    assert found["asked"]["counts"] == {"asked": 10}
    assert found["unmet"]["counts"] == {"unmet": 49}
    assert facts["conclusion"] == (
        "Group alice: of 61 idle jobs 49 jobs get nothing now: entry Highmem MaxIdlePilots is"
        " reached (4 of 4); entry Perlmutter MaxIdlePilots is reached (4 of 4);"
        " 1 of them match no entry."
    )


def test_a_group_that_is_served_or_cannot_be(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12)]
    assert conclusion(glidein, "alice") == (
        "Group alice: its 1 idle job find room: 1 in pilots asked for now."
    )
    world.knobs["GLIDEIN_GROUP_ALICE"] += "\nEntries = false"
    assert "no entry serves it" in conclusion(glidein, "alice")
    world.knobs["GLIDEIN_GROUP_NAMES"] += " odd"
    assert conclusion(glidein, "odd").startswith("Group odd is not used: ")


def test_one_name_for_two_things(glidein: Run, world: Pretended) -> None:
    world.knobs["GLIDEIN_ENTRY_NAMES"] += " Alice"
    world.knobs["GLIDEIN_ENTRY_ALICE"] = ENTRY
    said = glidein("why", "alice")
    assert said.code == 2
    assert "'alice' is an entry and a group: write entry:alice or group:alice" in said.err
    assert "entry" in why(glidein, "entry:alice")
    assert why(glidein, "group:ALICE")["group"] == "alice"


def test_a_name_that_is_nothing_gets_the_nearest_one(glidein: Run) -> None:
    assert "did you mean Perlmutter?" in glidein("why", "Permutter").err
    assert "did you mean alice?" in glidein("why", "group:alise").err


def test_the_words_have_a_mark_for_every_gate(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(12, process, RequestCpus=8) for process in range(20)]
    lines = glidein("why", "Perlmutter").out.splitlines()
    assert lines[0].startswith("Entry Perlmutter is granted ")
    assert "  + breaker      closed" in lines
    assert "  - request      20 pilots wanted to wait, 4 granted" in lines
