# SPDX-License-Identifier: Apache-2.0
"""Whole runs with the decision of production."""

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condor_plugins.simulate.figures import mean
from condor_plugins.simulate.running import simulate
from tests.simulate.building import entry, jobs, scenario

VARIED = {"wait_s": {"lognormal": {"median": 300, "sigma": 0.8}}, "fails": 0.1}


def test_a_seed_gives_the_same_run_again() -> None:
    made = scenario(entries=[entry(**VARIED)], jobs=[jobs(count=60)])
    assert simulate(made) == simulate(made)
    assert simulate(made, seed=2).figures.core_hours != simulate(made).figures.core_hours


def test_every_job_of_a_plain_world_runs() -> None:
    found = simulate(scenario(jobs=[jobs(count=30)])).figures
    assert (found.jobs, found.jobs_started, found.jobs_done) == (30, 30, 30)
    assert found.t90_s is not None and found.t90_s <= 600


def test_a_knob_is_obeyed() -> None:
    found = simulate(scenario(jobs=[jobs(count=400)]), {"GLIDEIN_MAX_PILOTS": "3"})
    assert max(one.waiting + one.running for one in found.moments) == 3


def test_no_more_than_max_pilots_wait() -> None:
    found = simulate(scenario(entries=[entry(max_pilots=7)], jobs=[jobs(count=400)])).figures
    assert found.peak_waiting == 7


runtime_s = st.sampled_from([90, 700, {"uniform": [10, 3000]}])
batch = st.fixed_dictionaries({
    "at_s": st.integers(0, 4000),
    "count": st.integers(1, 30),
    "cpus": st.integers(1, 4),
    "memory_mb": st.integers(100, 8000),
    "runtime_s": runtime_s,
})  # fmt: skip
site = st.fixed_dictionaries({
    "cpus": st.integers(1, 8),
    "wait_s": st.sampled_from([0, 200, {"exponential": {"mean": 400}}]),
    "join_s": st.sampled_from([0, 30, 400]),
    "fails": st.sampled_from([0, 0.3]),
    "capacity": st.sampled_from([1, 5, 1000]),
    "walltime_s": st.sampled_from([600, 3600]),
})  # fmt: skip


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(batch, min_size=1, max_size=3), st.lists(site, min_size=1, max_size=2))
def test_every_core_second_is_booked_once(
    batches: list[dict[str, Any]], sites: list[dict[str, Any]]
) -> None:
    entries = [entry(name=f"E{at}", **one) for at, one in enumerate(sites)]
    found = simulate(scenario(entries=entries, jobs=batches, horizon_s=5000)).figures
    causes = found.waste_by_cause
    assert found.used_core_hours + sum(causes.values()) == pytest.approx(found.core_hours)
    assert min(causes.values()) >= -1e-9
    assert found.jobs_done <= found.jobs_started <= found.jobs
    assert found.useless_pilots <= found.pilots


def test_the_mean_of_runs_and_of_one_without_a_figure() -> None:
    full = simulate(scenario()).figures
    none = simulate(scenario(horizon_s=60)).figures
    assert mean([full, full]) == {k: v for k, v in asdict(full).items() if k != "seed"}
    both = mean([full, none])
    assert both["t90_s"] is None
    assert both["pilots"] == full.pilots / 2
    assert both["waste_by_cause"]["tail"] == full.waste_by_cause["tail"] / 2
