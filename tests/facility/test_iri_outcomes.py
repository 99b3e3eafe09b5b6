# SPDX-License-Identifier: Apache-2.0
"""What an answer of IRI to a submit means for the job."""

import json
from typing import Any

import pytest

from condor_plugins.facility.iri_submit import outcome_of
from condor_plugins.facility.reply import Reply
from condor_plugins.facility.values import Accepted, NotSent, Refused, Unclear

PROBLEM = (("content-type", "application/problem+json"),)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (200, {"id": "job_1"}, Accepted, ""),
        (200, {"id": "a/b"}, Unclear, ""),
        (200, [], Unclear, ""),
        (400, {"detail": "Bad", "invalid_params": [{"name": "n", "reason": "r"}]}, Refused, "n: r"),
        (404, {"detail": "sbatch: error: Invalid qos"}, Refused, "Invalid qos"),
        (422, {"detail": "Idempotency-Key was used with another body"}, Unclear, "another body"),
        (409, {"detail": "in flight"}, Unclear, ""),
        (408, {"detail": "slow"}, Unclear, ""),
        (500, {"detail": "x"}, Unclear, ""),
        (501, {"detail": "environment is not implemented"}, Refused, "environment"),
        (503, {"detail": "maintenance until noon"}, NotSent, "noon"),
        (302, {"detail": "x"}, Unclear, ""),
        (410, {"detail": "x"}, Unclear, ""),
        (405, {"detail": "x"}, NotSent, ""),
        (401, {"detail": "expired"}, NotSent, "expired"),
        (429, {}, NotSent, ""),
    ],
)
def test_outcomes(status: int, body: Any, kind: type, words: str) -> None:
    outcome = outcome_of("gl-1", Reply(status, dict(PROBLEM), json.dumps(body).encode()))
    assert isinstance(outcome, kind), outcome
    assert words in getattr(outcome, "reason", "")


def test_a_gateways_503_may_come_after_the_deed() -> None:
    page = Reply(503, {"content-type": "text/html"}, b"<html>upstream reset</html>")
    assert isinstance(outcome_of("gl-1", page), Unclear)
    json_of_a_gateway = Reply(503, {"content-type": "application/json"}, b'{"message": "reset"}')
    assert isinstance(outcome_of("gl-1", json_of_a_gateway), Unclear)
    closed = Reply(503, {"content-type": "text/html"}, b"<html>Scheduled Maintenance</html>")
    assert isinstance(outcome_of("gl-1", closed), NotSent)


@pytest.mark.parametrize("status", [404, 405, 407, 421])
def test_a_front_end_refuses_nobody(status: int) -> None:
    assert isinstance(outcome_of("gl-1", Reply(status, {}, b"<html>no route</html>")), NotSent)
