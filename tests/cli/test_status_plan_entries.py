# SPDX-License-Identifier: Apache-2.0
"""status, plan and entries: the facts they print, and that a table stays a table."""

import classad2
import pytest

from condor_plugins.pool.factory import MAY_NOT_READ
from tests.cli.conftest import Run
from tests.cli.pretended import NOW_S, Pretended, job, pilots, ran


def slot(**attributes: object) -> classad2.ClassAd:
    return classad2.ClassAd(
        {"GLIDEIN_Entry": "Perlmutter", "GLIDEIN_Group": "alice", "GLIDEIN_Pilot": "ap-7.0"}
        | attributes
    )


def test_demand_adds_up_by_group(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(1, n, RequestMemory=15_000) for n in range(20)] + [
        job(2, Owner="bob", RequestCpus=99)
    ]
    world.clusters = (pilots("Perlmutter", waiting=4),)
    found = glidein("status", "--json").facts["demand"]
    nothing = dict.fromkeys(("settling", "in_slots", "in_coming", "asked", "unmet"), 0)
    assert found == [
        {"group": "alice", **nothing, "idle": 20, "in_coming": 4, "asked": 8, "unmet": 8},
        {"group": "", **nothing, "idle": 1, "unmet": 1},
    ]


def test_pilots_by_entry_and_group_with_what_cut_them(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(1, n, RequestCpus=4) for n in range(60)]
    world.clusters = (
        pilots("Perlmutter", waiting=2, running=4, held=0),
        pilots("Gone", running=1, held=2, hold_reasons=(("no queue", 2),)),
    )
    facts = glidein("status", "--json").facts
    rows = {one["entry"]: one for one in facts["pilots"]}
    assert rows["Perlmutter"]["cut_by"] == ["entry Perlmutter MaxPilots (6 of 6)"]
    assert rows["Perlmutter"]["wanted"] > rows["Perlmutter"]["granted"] == 2
    assert rows["Gone"]["shut"] == "gone"
    assert facts["held"] == [{"entry": "Gone", "pilots": 2, "reason": "no queue"}]
    assert facts["totals"]["running"] == 5


def test_cores_of_glideins_are_counted_once(glidein: Run, world: Pretended) -> None:
    world.slot_ads = [
        slot(SlotType="Partitionable", State="Unclaimed", Cpus=5),
        slot(SlotType="Dynamic", State="Claimed", Cpus=2),
        slot(SlotType="Dynamic", State="Claimed", Cpus=1),
        slot(SlotType="Partitionable", State="Unclaimed", Cpus=8, GLIDEIN_Pilot="ap-7.1"),
    ]
    where = {"entry": "Perlmutter", "group": "alice"}
    assert glidein("status", "--json").facts["slots"] == [
        where | {"glideins": 2, "cores": 16, "busy": 3, "free": 13}
    ]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (ran(30), "Last cycle: 30 s ago: ok, nothing to do"),
        (ran(1000), "Last cycle: 16 min ago, late: its period is 60 s: ok"),
        (ran(30, frozen="no answer: slots"), "Last cycle: 30 s ago: nothing changed: no answer"),
        ({}, "Last cycle: none: no plan of a cycle is in "),
        (
            ran(
                30,
                actions=[{}, {}],
                outcomes=[{"group": "g", "entry": "E", "done": "", "failed": "denied"}],
            ),
            "Last cycle: 30 s ago: 1 of 2 actions failed\n  g at E: denied",
        ),
    ],
)
def test_the_last_cycle(
    glidein: Run, world: Pretended, document: dict[str, object], words: str
) -> None:
    world.document = document
    said = glidein("status")
    assert said.code == 0
    assert words in said.out


def test_the_plan_says_what_would_be_done_and_what_is_left(glidein: Run, world: Pretended) -> None:
    world.jobs = [job(1, n, RequestCpus=4) for n in range(60)]
    world.jobs += [job(2, RequestMemory=10**6), job(3, Owner="bob")]
    facts = glidein("plan", "--json").facts
    assert [one["text"] for one in facts["actions"]] == [
        "submit a pilot cluster for group alice at entry Highmem: keep 4 waiting, 4 at most",
        "submit a pilot cluster for group alice at entry Perlmutter: keep 4 waiting, 4 at most",
    ]
    reasons = {one["example"]: one["reason"] for one in facts["unmet"]}
    assert reasons["1.0"] == (
        "entry Highmem MaxIdlePilots is reached (4 of 4);"
        " entry Perlmutter MaxIdlePilots is reached (4 of 4)"
    )
    assert reasons["2.0"].startswith("no entry matches: Highmem: the job requires TARGET.Memory")
    assert reasons["3.0"].startswith("no group takes them: alice: the group requires Owner ==")
    assert "62 idle jobs, " in glidein("plan").out


def test_a_plan_that_has_nothing_to_do(glidein: Run) -> None:
    assert "Actions\n  nothing to do\n" in glidein("plan").out


def test_entries_tell_whether_they_are_open(glidein: Run, world: Pretended) -> None:
    world.knobs["GLIDEIN_ENTRY_NAMES"] = "Perlmutter Highmem Broken"
    world.knobs["GLIDEIN_ENTRY_BROKEN"] = "Cpus = 1"
    world.knobs["GLIDEIN_DOWNTIME_PERLMUTTER"] = f'[ Reason = "repair"; End = {NOW_S + 60} ]'
    world.unmade = {"Highmem": "no LogDir"}
    world.clusters = (pilots("Perlmutter", waiting=1, running=2),)
    found = {one["name"]: one for one in glidein("entries", "--json").facts["entries"]}
    assert {name: (one["state"], one["reason"]) for name, one in found.items()} == {
        "Perlmutter": ("down", "repair"),
        "Highmem": ("no pilot", "no LogDir"),
        "Broken": ("wrong", "see glidein check"),
    }
    assert found["Perlmutter"]["down_until_s"] == NOW_S + 60
    assert found["Perlmutter"]["pilots"] == {"waiting": 1, "starting": 0, "running": 2, "held": 0}
    assert found["Perlmutter"]["groups"] == ["alice"]
    assert "down: repair until 2026-11-18 11:07" in glidein("entries").out


def test_a_narrow_terminal_gets_lines_instead_of_a_broken_table(
    glidein: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    out = glidein("entries").out
    assert "Perlmutter\n  Site: NERSC\n  Grid resource: batch slurm\n" in out


def test_what_ads_say_cannot_steer_the_terminal(glidein: Run, world: Pretended) -> None:
    reason = "bad \x1b[31mqueue [bold]x[/bold]\n\x07"
    world.clusters = (pilots("Perlmutter", held=1, hold_reasons=((reason, 1),)),)
    out = glidein("status").out
    assert "bad  [31mqueue [bold]x[/bold]" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("command", ["status", "plan", "entries"])
def test_half_an_answer_is_none(glidein: Run, world: Pretended, command: str) -> None:
    world.failed = ("slots: refused", "pilots: refused")
    said = glidein(command, "--json")
    assert (said.code, said.out) == (75, "")
    assert said.err == "glidein: no answer: slots: refused; pilots: refused; try again\n"


def test_who_may_not_read_what_the_provisioner_reads_is_told_so(
    glidein: Run, world: Pretended
) -> None:
    world.unmade = {"Perlmutter": f"/pilot/glidein-manifest.txt: {MAY_NOT_READ}"}
    said = glidein("plan")
    assert (said.code, said.out) == (78, "")
    assert "this account may not read it" in said.err


def test_a_long_cell_folds_and_nothing_is_cut(glidein: Run, world: Pretended) -> None:
    world.unmade = {"Perlmutter": " ".join(f"word{number}" for number in range(40))}
    out = glidein("entries").out
    assert all(f"word{number}" in out for number in range(40))
    assert max(len(line) for line in out.splitlines()) <= 120


def test_a_wrong_configuration_is_mentioned(glidein: Run, world: Pretended) -> None:
    world.knobs["GLIDEIN_MAX_PILOT"] = "5"
    assert "The configuration has 1 problem: glidein check" in glidein("status").out
