# SPDX-License-Identifier: Apache-2.0
"""A wrong world is refused with the key that is wrong."""

import json
from typing import Any

import pytest

from condor_plugins.core.errors import Misconfigured
from condor_plugins.simulate.draws import Draw, stream
from condor_plugins.simulate.knobs import knobs_of, policy_of
from condor_plugins.simulate.reading import read_scenario
from tests.simulate.building import entry, jobs, scenario, text

EXAMPLE = """{"seed": 1, "horizon_s": 43200, "cycle_s": 60, "negotiate_s": 60,
 "entries": [{"name": "A", "cpus": 8, "memory_mb": 16000, "walltime_s": 86400, "max_pilots": 400,
              "wait_s": {"lognormal": {"median": 900, "sigma": 0.8}}, "idle_timeout_s": 1200}],
 "jobs": [{"at_s": 0, "count": 4000, "cpus": 1, "memory_mb": 2000, "runtime_s": 3600}]}"""


def test_the_example_becomes_a_configuration() -> None:
    policy = policy_of(read_scenario(EXAMPLE), {})
    only = policy.entries["A"]
    assert (only.shape.cpus, only.shape.memory_mb, only.wall_time_s) == (8, 16_000, 86_400)
    assert (only.max_idle_pilots, only.max_pilots) == (400, 10_000)
    assert (only.idle_timeout_s, only.tail_timeout_s, only.site) == (1200, 300, "A")


def test_limits_over_all_entries_are_no_narrower() -> None:
    knobs = knobs_of(scenario(entries=[entry(max_pilots=900), entry(name="B", max_pilots=900)]))
    assert knobs["GLIDEIN_MAX_IDLE_PILOTS"] == "1800"


WRONG: dict[str, dict[str, Any]] = {
    "horizon: no such key; did you mean horizon_s?": {"horizon": 5},
    "entries[0].cpu: no such key; did you mean cpus?": {"entries": [entry(cpu=8)]},
    "entries[0].cpus: should be a whole number of at least 1, is 0": {"entries": [entry(cpus=0)]},
    "entries[0].fails: should be a number from 0 to 1, is 2": {"entries": [entry(fails=2)]},
    "entries[0].name: should be of letters": {"entries": [entry(name="a b")]},
    "entries[1].name: a is there already": {"entries": [entry(), entry(name="a")]},
    "entries: should be a list [ ] of at least one object, is []": {"entries": []},
    "entries[0].wait_s: should be a number of seconds or one": {"entries": [entry(wait_s="1")]},
    "entries[0].wait_s.lognomal: no such distribution; did you mean lognormal?": {
        "entries": [entry(wait_s={"lognomal": {"median": 1, "sigma": 1}})]
    },
    "entries[0].wait_s.lognormal.sigma: is missing": {
        "entries": [entry(wait_s={"lognormal": {"median": 900}})]
    },
    "entries[0].wait_s.exponential.mean: should be a number above 0": {
        "entries": [entry(wait_s={"exponential": {"mean": 0}})]
    },
    "jobs[0].runtime_s.uniform: should be [least, most], is [9, 1]": {
        "jobs": [jobs(runtime_s={"uniform": [9, 1]})]
    },
    "jobs[0].count: should be a whole number of at least 1, is True": {"jobs": [jobs(count=True)]},
    "jobs[0].at_s: should be a number of at least 0, is nan": {"jobs": [jobs(at_s=float("nan"))]},
    "jobs[0].requirements: should be a ClassAd": {"jobs": [jobs(requirements="a ==")]},
    "knobs.GLIDEIN_HEDGE: should be a text": {"knobs": {"GLIDEIN_HEDGE": [1]}},
}


@pytest.mark.parametrize("sentence", WRONG)
def test_a_wrong_value_is_named(sentence: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        read_scenario(text(**WRONG[sentence]))
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("{", "is no JSON: "), ("[]", ": should be an object"), ("{}", "horizon_s: is missing")],
)
def test_what_is_no_world_is_refused(content: str, sentence: str) -> None:
    with pytest.raises(Misconfigured, match=sentence):
        read_scenario(content)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"GLIDEIN_HEGDE": "1"}, "did you mean GLIDEIN_HEDGE"),
        ({"GLIDEIN_HEDGE": "much"}, "GLIDEIN_HEDGE: should be a whole number"),
        ({"GLIDEIN_ENTRY_NAMES": "A B", "GLIDEIN_ENTRY_B": "Site"}, "GLIDEIN_ENTRY_B"),
    ],
)
def test_a_wrong_knob_is_named(changes: dict[str, str], sentence: str) -> None:
    with pytest.raises(Misconfigured, match=sentence):
        policy_of(scenario(), changes)


def test_knobs_of_the_world_and_of_the_caller() -> None:
    made = scenario(knobs={"glidein_hedge": 7, "GLIDEIN_CURB": 90})
    settings = policy_of(made, {"glidein_curb": "80"}).settings
    assert (settings.hedge, settings.curb) == (7, 80)


@pytest.mark.parametrize(
    ("given", "middle"),
    [
        (7, 7),
        ({"uniform": [100, 200]}, 150),
        ({"lognormal": {"median": 900, "sigma": 0.8}}, 900),
        ({"exponential": {"mean": 100}}, 69.3),
    ],
)
def test_draws_have_the_median_that_was_asked_for(given: object, middle: float) -> None:
    read = scenario(entries=[entry(wait_s=given)]).sites["A"].wait_s
    assert isinstance(read, Draw)
    random = stream(1, "a test")
    drawn = sorted(read.from_(random) for _ in range(4001))
    assert drawn[2000] == pytest.approx(middle, rel=0.05)
    assert json.dumps(drawn)  # finite
