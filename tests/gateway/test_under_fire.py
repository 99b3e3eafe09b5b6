# SPDX-License-Identifier: Apache-2.0
"""Answers are lost, services fail, gateway and gridmanager die: each job is submitted once."""

from pathlib import Path

import pytest
from _bench.gateway_fire import Heat, fire
from _bench.gateway_outage import Outage, outage

pytestmark = pytest.mark.programs

NOTHING_WRONG = {
    **{"missing": 0, "strange": 0, "double": 0, "wrong_ids": 0, "errors": 0},
    "problems": [],
}


def test_each_job_is_submitted_once_whatever_fails(tmp_path: Path) -> None:
    heat = Heat(40, timeout_s=0.9, grace_s=2.0, poll_s=0.4, patience_s=1.5, most_s=50.0)
    found = fire(tmp_path, "sfapi", heat)
    assert {name: found[name] for name in NOTHING_WRONG} == NOTHING_WRONG
    assert found["there"] == 40
    # Otherwise nothing was shown.
    assert sum(found["faults"].values()) > 2
    assert sum(found["kills"].values()) > 1


def test_a_maintenance_changes_nothing_but_the_time(tmp_path: Path) -> None:
    found = outage(tmp_path, "sfapi", Outage(jobs=30, more=10, over=3, seconds=2.0))
    assert {name: found[name] for name in NOTHING_WRONG} == NOTHING_WRONG
    assert (found["there"], found["held"], found["believed_ended"]) == (40, 0, 0)
    assert found["asked_again_late_s"] < 2
