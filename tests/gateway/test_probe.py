# SPDX-License-Identifier: Apache-2.0
"""`glidein-gateway test`: every step is tried, what is put there is removed, each fault has its
own sentence."""

import json
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import pytest

from condor_plugins.facility.reply import NotTaken
from condor_plugins.facility.values import (
    COMPLETED,
    IDLE,
    RUNNING,
    Accepted,
    Allocation,
    CredentialState,
    Facility,
    Health,
    NoAccess,
    NoNews,
    NotSent,
    Outcome,
    Refused,
    Rejected,
    RemoteJob,
    Submission,
    Unclear,
    Wanted,
)
from condor_plugins.gateway import probe
from condor_plugins.gateway.probe_advice import in_words
from condor_plugins.gateway.probe_steps import Probe, Step

FACILITY = Facility(
    "nersc",
    "sfapi",
    "https://api.nersc.gov/api/v1.2",
    "perlmutter",
    "/pscratch/glidein",
    secret="/secret/key.pem",  # noqa: S106 (a path)
    secret_kind="sfapi_key",  # noqa: S106
)
STEPS = ["login", "health", "token", "put", "submit", "status", "output", "cancel", "clean up"]


class Pretended:
    """A facility in memory: a job runs when it was asked for twice. `faults`: by call."""

    most_at_once = 1

    def __init__(self, **faults: Any) -> None:
        self.faults = faults
        self.keeps_files = True
        self.files: dict[str, bytes] = {}
        self.jobs: dict[str, list[str]] = {}
        self.submitted: list[Submission] = []
        self.ended = "completed"
        self.runs = self.ends = True

    def _fault(self, call: str) -> None:
        problem = self.faults.get(call)
        if isinstance(problem, Exception):
            raise problem

    def login(self) -> float:
        self._fault("login")
        return 600.0

    def credential(self) -> CredentialState:
        return CredentialState(*self.faults.get("ends", ()))

    def allocation(self) -> list[Allocation]:
        return []

    def health(self) -> Health:
        self._fault("health")
        return self.faults.get("state") or Health("up")

    def put(self, path: str, content: bytes) -> None:
        self._fault("put")
        self.files[path] = content

    def get(self, path: str, most_bytes: int) -> bytes | None:
        self._fault("get")
        return self.files.get(path)

    def remove(self, paths: Sequence[str]) -> None:
        for path in paths:
            for one in [one for one in self.files if one.startswith(path)]:
                del self.files[one]

    def submit(self, jobs: Sequence[Submission]) -> list[Outcome]:
        (job,) = jobs
        self.submitted.append(job)
        outcome: Callable[[str], Outcome] | None = self.faults.get("submit")
        made = outcome(job.name) if outcome else Accepted(job.name, str(100 + len(self.jobs)))
        if isinstance(made, Accepted | Unclear) and not self.faults.get("vanishes"):
            self.jobs[job.name] = ["PENDING"]
        return [made]

    def states(self, jobs: Collection[Wanted]) -> dict[str, RemoteJob]:
        self._fault("states")
        return {one.name: self._state(one) for one in jobs if one.name in self.jobs}

    def _state(self, one: Wanted) -> RemoteJob:
        seen = self.jobs[one.name]
        if seen[-1] == "PENDING" and self.runs:
            seen.append("RUNNING")
        elif seen[-1] == "RUNNING" and self.ends and not one.name.endswith("-2"):
            seen.append("COMPLETED")
            (job,) = (each for each in self.submitted if each.name == one.name)
            self.files[job.log.replace("/log", "/output")] = f"{one.name}\n".encode()
        word = seen[-1]
        status = {"PENDING": IDLE, "RUNNING": RUNNING}.get(word, COMPLETED)
        ended = {"COMPLETED": self.ended, "CANCELLED": "cancelled"}.get(word, "")
        nodes = "" if word == "PENDING" else "nid1"
        return RemoteJob(one.name, "100", status, word, nodes=nodes, exit_code=0, ended=ended)

    def cancel(self, jobs: Collection[Wanted]) -> dict[str, str]:
        self._fault("cancel")
        for one in jobs:
            self.jobs.setdefault(one.name, []).append("CANCELLED")
        return {one.name: "" for one in jobs}


def tried(facility: Pretended, of: Facility = FACILITY) -> list[Step]:
    """All steps, with a clock that goes on by what is slept."""
    told: list[Step] = []
    one = Probe(of, facility, told.append, timeout_s=30)
    now = [0.0]
    one.clock = lambda: now[0]
    one.sleep = lambda seconds: now.__setitem__(0, now[0] + seconds)
    assert one.run() is all(step.ok for step in told)
    return told


def failed(**faults: Any) -> str:
    """The words of the one step that failed; all before it went well, and it was cleaned up."""
    facility = Pretended(**faults)
    told = tried(facility)
    (bad,) = (one for one in told if not one.ok)
    assert [one.step for one in told] == [*STEPS[: STEPS.index(bad.step) + 1], "clean up"]
    assert facility.files == {}
    return bad.words


def test_all_is_well() -> None:
    facility = Pretended()
    told = tried(facility)
    assert [one.step for one in told] == STEPS
    assert [one.words for one in told if not one.ok] == []
    assert facility.files == {}
    assert [seen[-1] for seen in facility.jobs.values()] == ["COMPLETED", "CANCELLED"]
    first, second = facility.submitted
    assert first.script.startswith("#!/bin/sh\n")
    assert first.resources.wall_s == 120
    assert second.name == f"{first.name}-2"


def test_the_end_of_the_secret_is_told() -> None:
    told = tried(Pretended(ends=(time.time() + 36 * 3600 + 60, "red client")))
    assert told[0].words.endswith("; the secret (red client) ends in 36 h")


def test_without_files_the_rest_is_tried() -> None:
    facility = Pretended()
    facility.keeps_files = False
    told = {one.step: one for one in tried(facility)}
    assert all(one.ok for one in told.values())
    assert told["put"].words == told["output"].words
    assert told["put"].words.startswith("left out")
    assert facility.submitted[0].log == "/dev/null"


def test_a_lost_answer_is_looked_for_by_name() -> None:
    told = tried(Pretended(submit=lambda name: Unclear(name, "no answer in time", "hint")))
    assert all(one.ok for one in told)
    assert "its name was found" in told[4].words


def test_a_job_that_cannot_be_cancelled_is_named() -> None:
    facility = Pretended(cancel=NoNews("HTTP 503"))
    told = tried(facility)
    assert [one.step for one in told if not one.ok] == ["cancel", "clean up"]


def test_an_interrupted_probe_cleans_up() -> None:
    facility = Pretended(states=None)
    told: list[Step] = []
    one = Probe(FACILITY, facility, told.append, timeout_s=30)

    def stop(_seconds: float) -> None:
        raise KeyboardInterrupt

    one.sleep = stop
    with pytest.raises(KeyboardInterrupt):
        one.run()
    assert told[-1].step == "clean up"
    assert "1 jobs cancelled" in told[-1].words
    assert facility.files == {}


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "bad key": (
        {"login": Rejected("HTTP 401 invalid_client: Client authentication failed")},
        "the key does not belong to the client",
    ),
    "expired key": (
        {"login": Rejected("HTTP 401 invalid_client: client has expired")},
        "make a new one at the facility and write its key over /secret/key.pem",
    ),
    "no key": (
        {"login": Rejected("credential /secret/key.pem: No such file or directory")},
        "the secret cannot be read",
    ),
    "ended token": (
        {"login": NoAccess("the token in /secret/key.pem has ended")},
        "the credential has expired: make a new one at the facility and write it over /secret/key",
    ),
    "401": ({"states": Rejected("HTTP 401 Unauthorized")}, "are Url and TokenUrl of one service"),
    "403": ({"states": Rejected("HTTP 403 Forbidden")}, "a client of level Red"),
    "429": ({"states": NotTaken("HTTP 429 slow down", 5.0)}, "raise PollInterval"),
    "503": ({"health": NoNews("HTTP 503 Service Unavailable")}, "the service itself fails"),
    "maintenance": (
        {"health": NoNews("HTTP 503 Service Unavailable", 60.0, True)},
        "`glidein down` sends jobs elsewhere",
    ),
    "down": ({"state": Health("down", "unavailable")}, "it is its own matter"),
    "machine": ({"states": Rejected("HTTP 404 Not found")}, "Machine is 'perlmutter'"),
    "root": (
        {"put": Rejected("mkdir: cannot create directory '/pscratch/glidein': Permission denied")},
        "make /pscratch/glidein at the facility",
    ),
    "queue": (
        {"submit": lambda name: Refused(name, "sbatch: error: invalid qos specified: regulra")},
        "BatchQueue in the entry's Submit",
    ),
    "project": (
        {"submit": lambda name: Refused(name, "sbatch: error: Invalid account or account/partiti")},
        "BatchProject in the entry's Submit",
    ),
    "other refusal": (
        {"submit": lambda name: Refused(name, "sbatch: error: time limit")},
        "compare the entry's Submit",
    ),
    "task": (
        {"submit": lambda name: Unclear(name, "task 5 is still new after 20 s"), "vanishes": True},
        "its task queue hangs",
    ),
    "not sent": (
        {"submit": lambda name: NotSent(name, "[Errno 111] Connection refused")},
        "nothing answers there",
    ),
    "lost answer": (
        {"states": NoNews("api:443: Remote end closed connection without response")},
        "the answer was lost on the way",
    ),
    "dns": (
        {"login": NotTaken("api:443: [Errno -2] Name or service not known")},
        "this host cannot find the address",
    ),
    "slow": ({"login": NoNews("api:443: no answer in time")}, "slower than Timeout (20 s)"),
    "truncated": ({"health": NoNews("answer is cut off or no JSON")}, "does Url lead to the API"),
    "tls": (
        {"login": NotTaken("api:443: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")},
        "no protected connection",
    ),
    "unknown": ({"health": Rejected("HTTP 418 teapot")}, "ask the facility with this sentence"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_with_what_to_do(fault: str) -> None:
    faults, advice = FAULTS[fault]
    words = failed(**faults)
    assert advice in words
    assert words.endswith(".")
    assert "\n" not in words
    assert not any(other in words for each, (_, other) in FAULTS.items() if each != fault)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"runs": False}, "the job still waits as PENDING after 30 s"),
        ({"ends": False}, "was to end at once and is still RUNNING on nid1"),
        ({"ended": "node-failure"}, "the job ended as COMPLETED (node-failure, exit code 0)"),
    ],
)
def test_a_job_that_does_not_end_well(change: dict[str, Any], words: str) -> None:
    facility = Pretended()
    vars(facility).update(change)
    told = tried(facility)
    (bad,) = (one for one in told if not one.ok)
    assert (bad.step, words in bad.words) == ("status", True), bad
    assert facility.files == {}


def test_output_that_never_comes() -> None:
    facility = Pretended()
    real = facility.get

    def get(path: str, most_bytes: int) -> bytes | None:
        return None if path.endswith("output") else real(path, most_bytes)

    facility.get = get  # type: ignore[method-assign]
    assert "its output is not there" in tried(facility)[6].words


def test_words_of_a_stranger_are_one_short_line() -> None:
    words = in_words("health", Rejected("a\nb " + "x" * 5000), FACILITY)
    assert "\n" not in words
    assert len(words) < 800


def test_a_step_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    probe.say(Step("login", True, 0.5, 'a "b"'))
    assert json.loads(capsys.readouterr().out) == {
        "step": "login",
        "ok": True,
        "seconds": 0.5,
        "words": 'a "b"',
    }
