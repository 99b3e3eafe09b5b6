# SPDX-License-Identifier: Apache-2.0
"""From knobs to a policy: what cannot be used is left out and named, the rest goes on."""

import pytest

from condor_plugins.core.configuration import read_policy, usable_policy
from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.policy import Downtime
from condor_plugins.core.table import KNOBS

ENTRY = 'Site = "N"\nGridResource = "batch slurm"\nCpus = 8\nMemory = 16000\nWallTime = 3600\n'
KNOB_TEXTS = {
    "GLIDEIN_PILOT_DIR": "/pilot",
    "GLIDEIN_PILOT_LOG_DIR": "/log",
    "GLIDEIN_ENTRY_NAMES": "North south",
    "GLIDEIN_ENTRY_NORTH": ENTRY + 'TrustDomain = "n"\nPilotDir = "/other"',
    "GLIDEIN_ENTRY_SOUTH": ENTRY,
    "GLIDEIN_GROUP_NAMES": "everyone",
    "GLIDEIN_GROUP_EVERYONE": "Jobs = true",
    "GLIDEIN_CREDENTIAL_NAMES": "get_in pool",
    "GLIDEIN_CREDENTIAL_GET_IN": 'Purpose = "request"\nTrustDomain = "n"\nPath = "/key"',
    "GLIDEIN_CREDENTIAL_POOL": 'Purpose = "callback"\nTrustDomain = "n"\nPath = "/token"',
}


def shown(**knobs: str) -> list[str]:
    return [str(one) for one in read_policy(KNOB_TEXTS | knobs).problems]


def test_a_configuration_without_mistakes() -> None:
    policy = read_policy(KNOB_TEXTS)
    assert policy.problems == ()
    assert policy.broken == frozenset()
    assert list(policy.entries) == ["North", "south"]
    assert policy.settings.max_removals == 100


def test_an_entry_has_its_own_directories_or_the_common_ones() -> None:
    entries = read_policy(KNOB_TEXTS).entries
    assert (entries["North"].pilot_dir, entries["south"].pilot_dir) == ("/other", "/pilot")
    assert entries["North"].log_dir == "/log"


def test_no_knob_at_all_is_the_defaults() -> None:
    policy = read_policy({})
    assert (policy.problems, policy.entries, policy.settings.max_pilots) == ((), {}, 10_000)


def test_every_default_of_the_table_can_be_read() -> None:
    assert read_policy({knob.name: knob.default for knob in KNOBS}).problems == ()


def test_a_broken_entry_is_left_out_and_the_others_go_on() -> None:
    policy = read_policy(KNOB_TEXTS | {"GLIDEIN_ENTRY_SOUTH": ENTRY + "Cups = 8"})
    assert list(policy.entries) == ["North"]
    assert policy.broken == {"entry south"}
    assert "did you mean Cpus?" in str(policy.problems[0])


def test_an_entry_that_does_not_parse_or_is_not_there_is_broken_too() -> None:
    knobs = KNOB_TEXTS | {
        "GLIDEIN_ENTRY_NAMES": "North south gone",
        "GLIDEIN_ENTRY_SOUTH": "Site = [",
    }
    policy = read_policy(knobs)
    assert policy.broken == {"entry south", "entry gone"}
    assert any("names gone, but GLIDEIN_ENTRY_gone is not set" in str(p) for p in policy.problems)


def test_a_wrong_plain_knob_leaves_its_default_and_is_named() -> None:
    policy = read_policy(KNOB_TEXTS | {"GLIDEIN_MAX_REMOVALS": "lots"})
    assert policy.settings.max_removals == 100
    assert [one.severity for one in policy.problems] == ["error"]
    assert shown(GLIDEIN_MAX_REMOVALS="0") == [
        "GLIDEIN_MAX_REMOVALS: is 0, should be at least 1 pilots"
    ]


def test_an_unknown_knob_is_told_with_the_nearest() -> None:
    assert shown(GLIDEIN_MAX_REMOVAL="3") == [
        "GLIDEIN_MAX_REMOVAL: is no knob of HTCondor Glideins; did you mean GLIDEIN_MAX_REMOVALS?"
    ]


def test_an_object_that_no_list_names_is_told() -> None:
    assert shown(GLIDEIN_ENTRY_EAST=ENTRY) == [
        "GLIDEIN_ENTRY_EAST: is not used: its name is not in GLIDEIN_ENTRY_NAMES"
    ]


def test_a_downtime_shuts_its_entry() -> None:
    knobs = {"GLIDEIN_DOWNTIME_NORTH": 'Reason = "power"\nStart = 100\nEnd = 200'}
    policy = read_policy(KNOB_TEXTS | knobs)
    assert policy.problems == ()
    covers = [policy.downtimes["North"].covers(now_s) for now_s in (99, 100, 199, 200)]
    assert covers == [False, True, True, False]


def test_a_downtime_without_an_end_lasts() -> None:
    policy = read_policy(KNOB_TEXTS | {"GLIDEIN_DOWNTIME_NORTH": 'Reason = "power"'})
    assert policy.downtimes["North"].covers(1e12)


def test_a_downtime_comes_back() -> None:
    """On for the first 20 of every 100 seconds, from 1000 on."""
    one = Downtime("weekly", 1000, 1020, "root", 100)
    assert [now_s for now_s in range(900, 1300) if one.covers(now_s)] == [
        *range(1000, 1020),
        *range(1100, 1120),
        *range(1200, 1220),
    ]
    assert one.window(900) == one.window(1019) == (1000, 1020)
    assert one.window(1020) == one.window(1119.5) == (1100, 1120)


@pytest.mark.parametrize(
    ("start_s", "end_s", "now_s", "window"),
    [
        (10, 0, 5, (10, 0)),
        (10, 0, 99, (10, 0)),
        (10, 20, 19, (10, 20)),
        (10, 20, 20, None),
    ],
)
def test_the_window_of_a_downtime(
    start_s: int, end_s: int, now_s: float, window: tuple[int, int] | None
) -> None:
    assert Downtime("x", start_s, end_s, "root").window(now_s) == window


def test_a_downtime_of_a_site_is_one_of_its_entries() -> None:
    knobs = {
        "GLIDEIN_DOWNTIME_N": 'Reason = "cooling"\nStart = 100\nEnd = 200',
        "GLIDEIN_DOWNTIME_NORTH": 'Reason = "power"\nStart = 150\nEnd = 300',
    }
    policy = read_policy(KNOB_TEXTS | knobs)
    assert policy.problems == ()
    north = policy.entries["North"]
    found = [policy.downtime_of(north, now_s) for now_s in (99, 100, 150, 199, 299, 300)]
    assert [one.reason if one else "" for one in found] == [
        "",
        "cooling",
        "power",
        "power",
        "power",
        "",
    ]


def test_a_site_is_the_same_however_it_is_spelled() -> None:
    knobs = {
        "GLIDEIN_ENTRY_NORTH": ENTRY.replace('"N"', '"abc"'),
        "GLIDEIN_ENTRY_SOUTH": ENTRY.replace('"N"', '"ABC"'),
        "GLIDEIN_DOWNTIME_ABC": 'Reason = "x"',
    }
    policy = read_policy(KNOB_TEXTS | knobs)
    assert all(policy.downtime_of(one, 1) for one in policy.entries.values())


@pytest.mark.parametrize(
    ("times", "problem"),
    [
        ("Every = 100", "Every: End is not given: it would be down all the time"),
        ("End = 100; Every = 100", "Every: is 100 s, not longer than the downtime (100 s)"),
        ("Start = 100; End = 100", "End: is 100, not after Start (100)"),
    ],
)
def test_times_of_a_downtime_that_make_no_sense(times: str, problem: str) -> None:
    assert shown(GLIDEIN_DOWNTIME_NORTH=f"[ {times} ]") == [f"GLIDEIN_DOWNTIME_North: {problem}"]


def test_a_downtime_that_comes_back_all_the_time_is_one() -> None:
    policy = read_policy(KNOB_TEXTS | {"GLIDEIN_DOWNTIME_NORTH": "[ Start = 5; Every = 100 ]"})
    covers = [policy.downtimes["North"].covers(now_s) for now_s in (4, 5, 1e9)]
    assert covers == [False, True, True]


def test_a_downtime_that_does_not_parse_counts_as_down() -> None:
    policy = read_policy(KNOB_TEXTS | {"GLIDEIN_DOWNTIME_NORTH": "Raeson = ["})
    assert policy.downtimes["North"].covers(1)
    assert policy.downtimes["North"].reason == "its downtime knob cannot be read"
    assert "GLIDEIN_DOWNTIME_North" in str(policy.problems[0])


def test_a_downtime_of_no_entry_is_told() -> None:
    assert "did you mean GLIDEIN_DOWNTIME_North?" in shown(GLIDEIN_DOWNTIME_NORHT="Start = 0")[0]


def test_the_credential_for_joining_is_of_the_entry_s_trust_domain() -> None:
    policy = read_policy(KNOB_TEXTS)
    found = policy.callback_credential(policy.entries["North"])
    assert found is not None
    assert found.path == "/token"
    assert policy.callback_credential(policy.entries["south"]) is None


def test_groups_choose_entries_by_their_ads() -> None:
    knobs = {"GLIDEIN_GROUP_EVERYONE": 'Entries = Name == "south" && Cpus > 4'}
    policy = read_policy(KNOB_TEXTS | knobs)
    served = [
        name
        for name, entry in policy.entries.items()
        if policy.serves(policy.groups["everyone"], entry)
    ]
    assert served == ["south"]


def test_a_wrong_plain_knob_is_for_a_person_before_anything_is_decided() -> None:
    with pytest.raises(Misconfigured, match="GLIDEIN_MAX_PILOTS: should be a whole number"):
        usable_policy({"GLIDEIN_MAX_PILOTS": "many"})


def test_a_wrong_entry_is_not() -> None:
    policy = usable_policy({"GLIDEIN_ENTRY_NAMES": "A", "GLIDEIN_ENTRY_A": "Cpus = 0"})
    assert policy.broken == {"entry A"}


def test_a_downtime_of_a_broken_entry_is_no_unknown_knob() -> None:
    knobs = {"GLIDEIN_ENTRY_NAMES": "A", "GLIDEIN_ENTRY_A": "Cpus = 0"}
    policy = read_policy(knobs | {"GLIDEIN_DOWNTIME_A": '[ Reason = "x" ]'})
    assert not [one for one in policy.problems if one.knob == "GLIDEIN_DOWNTIME_A"]
