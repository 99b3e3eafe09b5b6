# SPDX-License-Identifier: Apache-2.0
"""plan --diff and --set: what would change, by which settings, and that nothing is written."""

from typing import Any

import pytest

from condor_plugins.core.configuration import read_policy
from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.what_if import changed_knobs, changed_policy
from tests.cli.conftest import Run
from tests.cli.pretended import KNOBS, Pretended, job, pilots

PERLMUTTER = "GLIDEIN_ENTRY_PERLMUTTER"


@pytest.fixture(autouse=True)
def jobs(world: Pretended) -> None:
    world.knobs["GLIDEIN_ENTRY_NAMES"] = "Perlmutter"
    del world.knobs["GLIDEIN_ENTRY_HIGHMEM"]
    world.jobs = [job(1, n, RequestCpus=8) for n in range(20)]


def changes(glidein: Run, *argv: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = glidein("plan", "--diff", "--json", *argv).facts["changes"]
    return found


def standing(wanted: int, granted: int, most: int, cut_by: str = "") -> dict[str, Any]:
    return {
        "wanted": wanted, "granted": granted, "most": most, "removing": 0, "cut_by": cut_by,
    }  # fmt: skip


def test_the_difference_to_what_is_in_force(glidein: Run, world: Pretended) -> None:
    there = pilots("Perlmutter", waiting=1, wanted=1, granted=1)
    world.clusters = (there._replace(max_idle=1, most=1),)
    assert changes(glidein) == [
        {
            "entry": "Perlmutter",
            "group": "alice",
            "waiting": 1,
            "before": standing(1, 1, 1),
            "after": standing(20, 4, 4, "entry Perlmutter MaxIdlePilots"),
        }
    ]
    out = glidein("plan", "--diff").out
    assert "1 → 20    1 → 4  1 → 4" in out
    assert "1 request would change, 0 stay as they are." in out


def test_what_is_in_force_already_is_no_change(glidein: Run, world: Pretended) -> None:
    there = pilots("Perlmutter", waiting=4, wanted=20, granted=4)
    limit = "entry Perlmutter MaxIdlePilots"
    world.clusters = (there._replace(max_idle=4, most=4, cut_by=limit),)
    assert changes(glidein) == []
    assert "nothing" in glidein("plan", "--diff").out
    assert "0 requests would change, 1 stay as they are." in glidein("plan", "--diff").out


def test_a_cluster_that_nobody_asks_for_any_more_is_a_change(
    glidein: Run, world: Pretended
) -> None:
    world.jobs = []
    world.clusters = (pilots("Gone", waiting=2)._replace(max_idle=2, most=2),)
    (gone,) = changes(glidein)
    assert (gone["entry"], gone["before"]["granted"], gone["after"]["granted"]) == ("Gone", 2, 0)


def test_with_settings_the_difference_is_what_they_make(glidein: Run, world: Pretended) -> None:
    before = dict(world.knobs)
    (one,) = changes(glidein, "--set", f"{PERLMUTTER}.maxidlepilots=5")
    assert one["before"] == standing(20, 4, 4, "entry Perlmutter MaxIdlePilots")
    assert one["after"] == standing(20, 5, 5, "entry Perlmutter MaxIdlePilots")
    assert changes(glidein, "--set", "GLIDEIN_MAX_IDLE_PILOTS=900") == []
    assert world.knobs == before
    assert list(world.directory.iterdir()) == []


def test_the_plan_as_if_a_knob_were_set(glidein: Run) -> None:
    facts = glidein("plan", "--json", "--set", "GLIDEIN_MAX_PILOTS=2").facts
    assert facts["requests"][0]["granted"] == 2
    assert facts["requests"][0]["cut_by"] == ["GLIDEIN_MAX_PILOTS (2 of 2)"]
    assert facts["set"] == {"GLIDEIN_MAX_PILOTS": "2"}


def test_several_settings_and_a_new_entry(glidein: Run) -> None:
    text = KNOBS["GLIDEIN_ENTRY_HIGHMEM"].replace("Cpus = 4", "Cpus = 8")
    rows = changes(
        glidein,
        "--set", f"GLIDEIN_ENTRY_NEW={text}",
        "--set", "GLIDEIN_ENTRY_NAMES=Perlmutter New",
        "--set", f"{PERLMUTTER}.MaxIdlePilots=1",
    )  # fmt: skip
    assert [(one["entry"], one["after"]["granted"]) for one in rows] == [
        ("New", 4),
        ("Perlmutter", 1),
    ]


def test_as_if_an_entry_were_down(glidein: Run) -> None:
    (one,) = changes(glidein, "--set", 'GLIDEIN_DOWNTIME_PERLMUTTER=[ Reason = "x" ]')
    assert one["after"] == standing(0, 0, 0, "down")


@pytest.mark.parametrize(
    ("setting", "code", "complaint"),
    [
        ("GLIDEIN_HEGDE=1", 78, "GLIDEIN_HEGDE is no knob of HTCondor Glideins; did you mean GLI"),
        (f"{PERLMUTTER}.MaxPilot=1", 78, "no such attribute of its entry; did you mean MaxPilots?"),
        ("GLIDEIN_ENTRY_PERLMUTER.Cpus=1", 78, "did you mean GLIDEIN_ENTRY_Perlmutter?"),
        ("GLIDEIN_HEDGE.Cpus=1", 78, "GLIDEIN_HEDGE is no knob of HTCondor Glideins"),
        ("GLIDEIN_HEDGE=x", 78, "GLIDEIN_HEDGE: should be a whole number, is 'x'"),
        (f"{PERLMUTTER}.Cpus=x", 78, "GLIDEIN_ENTRY_Perlmutter: Cpus: should be a whole number"),
        (f"{PERLMUTTER}.Start=1 +", 78, "'1 +' does not parse"),
        ("GLIDEIN_DOWNTIME_NOWHERE=[ ]", 78, "GLIDEIN_DOWNTIME_NOWHERE: "),
        ("GLIDEIN_LOG=$(LOG)/x", 78, "GLIDEIN_LOG: $( ) is not expanded here"),
        ("GLIDEIN_HEDGE", 2, "'GLIDEIN_HEDGE' is not KNOB=VALUE"),
    ],
)
def test_what_cannot_be_set_is_told(glidein: Run, setting: str, code: int, complaint: str) -> None:
    said = glidein("plan", "--set", setting)
    assert (said.code, said.out) == (code, "")
    assert complaint in said.err


def test_a_string_needs_no_quotes() -> None:
    changed = changed_policy(KNOBS, {f"{PERLMUTTER}.Site": "LBL", f"{PERLMUTTER}.Weight": "2"})
    entry = changed.entries["Perlmutter"]
    assert (entry.site, entry.weight) == ("LBL", 2.0)
    quoted = changed_policy(KNOBS, {f"{PERLMUTTER}.Site": 'strcat("L", "BL")'})
    assert quoted.entries["Perlmutter"].site == "LBL"


def test_nothing_else_of_the_object_changes() -> None:
    old = read_policy(KNOBS).entries["Perlmutter"]
    new = changed_policy(KNOBS, {f"{PERLMUTTER}.MAXPILOTS": "9"}).entries["Perlmutter"]
    assert new.max_pilots == 9
    assert str(new._replace(max_pilots=old.max_pilots, start=old.start, ad=old.ad)) == str(old)


def test_a_mistake_that_was_there_before_is_not_blamed_on_the_change() -> None:
    knobs = KNOBS | {"GLIDEIN_ENTRY_HIGHMEM": "Cpus = 1"}
    assert changed_policy(knobs, {"GLIDEIN_HEDGE": "1"}).settings.hedge == 1
    with pytest.raises(Misconfigured, match="GLIDEIN_ENTRY_Highmem"):
        changed_policy(knobs, {"GLIDEIN_ENTRY_HIGHMEM.Cpus": "2"})


def test_knobs_are_not_changed_in_place() -> None:
    before = dict(KNOBS)
    assert changed_knobs(KNOBS, {"glidein_hedge": "3"})["GLIDEIN_HEDGE"] == "3"
    assert before == KNOBS
