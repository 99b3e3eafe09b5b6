# SPDX-License-Identifier: Apache-2.0
"""Every step of a pilot's life at a facility, tried with two tiny jobs.

What was put there is removed, whatever happens.
"""

import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

from condor_plugins.facility.values import (
    COMPLETED,
    Accepted,
    Backend,
    Facility,
    NoNews,
    NotSent,
    Refused,
    Rejected,
    RemoteJob,
    Resources,
    Submission,
    Unclear,
    Wanted,
)
from condor_plugins.gateway.probe_advice import in_words, lasting, still_there

TIMEOUT_S = 300.0
# The batch system's limit for each of the two jobs; the first one ends at once.
_WALL_S = 120
_PAUSE_S = 3.0
_LOOK_S = 60.0


class Step(NamedTuple):
    """`words`: for people; after a failure with what to do."""

    step: str
    ok: bool
    seconds: float
    words: str


class _Failed(Exception):
    """A step that got answers, and not the right ones; the text says it all."""


class Probe:
    """One run. `tell` is called after each step; `clock` and `sleep` are replaced in tests."""

    def __init__(
        self,
        facility: Facility,
        backend: Backend,
        tell: Callable[[Step], None],
        resources: Resources | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.clock: Callable[[], float] = time.monotonic
        self.sleep: Callable[[float], object] = time.sleep
        self._facility, self._backend, self._tell = facility, backend, tell
        self._resources = (resources or Resources())._replace(wall_s=_WALL_S)
        self._timeout_s = timeout_s
        self._name = f"gl-probe-{secrets.token_hex(8)}"
        self._directory = f"{facility.root}/probe/{self._name}"
        self._sent: dict[str, Wanted] = {}
        self._over: set[str] = set()
        self._put = False

    def run(self) -> bool:
        """Whether every step went well; the first that did not is the last but cleaning up."""
        steps = {
            "login": self._login,
            "health": self._health,
            "token": self._token,
            "put": self._put_file,
            "submit": self._submit,
            "status": self._status,
            "output": self._output,
            "cancel": self._cancel,
        }
        try:
            good = all(self._tried(name, step) for name, step in steps.items())
        finally:
            clean = self._tried("clean up", self._clean_up)
        return good and clean

    def _tried(self, name: str, step: Callable[[], str]) -> bool:
        begin_s = self.clock()
        good = False
        try:
            words = step()
            good = True
        except _Failed as problem:
            words = str(problem)
        except (NoNews, Rejected) as problem:
            words = in_words(name, problem, self._facility)
        self._tell(Step(name, good, round(self.clock() - begin_s, 3), words))
        return good

    def _login(self) -> str:
        left_s = self._backend.login()
        ends = self._backend.credential()
        life = f"a token is at hand, good for {lasting(left_s)}"
        if not ends.expires_s:
            return life
        whose = f" ({ends.words})" if ends.words else ""
        return f"{life}; the secret{whose} ends in {lasting(ends.expires_s - time.time())}"

    def _health(self) -> str:
        found = self._backend.health()
        if found.state == "down":
            raise _Failed(
                f"the facility says that it is down ({found.words}): it is its own matter;"
                " pilots wait until it is back."
            )
        return f"{found.state} {found.words}".strip()

    def _token(self) -> str:
        """A question that needs the token, about a job that nobody has."""
        self._backend.states([Wanted(self._name)])
        return "the API takes the token and knows the machine"

    def _put_file(self) -> str:
        if not self._backend.keeps_files:
            return "left out: files cannot be moved through this API"
        path, content = f"{self._directory}/put", f"{self._name}\n".encode()
        self._put = True
        self._backend.put(path, content)
        if self._backend.get(path, 1000) != content:
            raise Rejected(f"{path} was written, and came back as something else")
        return f"{path} written and read"

    def _submit(self) -> str:
        work = f"echo {self._name}"
        if self._backend.keeps_files:
            work += f" > {self._directory}/output"
        return self._submitted(self._name, work)

    def _submitted(self, name: str, work: str) -> str:
        script = f"#!/bin/sh\nset -eu\numask 077\n{work}\n"
        log = f"{self._directory}/log" if self._backend.keeps_files else "/dev/null"
        self._sent[name] = Wanted(name)
        (outcome,) = self._backend.submit([Submission(name, script, log, self._resources)])
        match outcome:
            case Accepted():
                self._sent[name] = Wanted(name, outcome.id)
                return f"job {outcome.id}"
            case Unclear():
                return self._looked_for(outcome)
            case Refused() | NotSent():
                del self._sent[name]
                raise Rejected(outcome.reason)

    def _looked_for(self, outcome: Unclear) -> str:
        """The answer was lost: the job is found by its name, or was not taken."""
        wanted = self._sent[outcome.name] = Wanted(outcome.name, "", outcome.hint)
        end_s = self.clock() + min(_LOOK_S, self._timeout_s)
        while not (found := self._backend.states([wanted]).get(wanted.name)):
            if self.clock() > end_s:
                raise NoNews(f"{outcome.reason}; no job {wanted.name} was found afterwards")
            self._pause()
        self._sent[outcome.name] = wanted._replace(id=found.id)
        return f"job {found.id}; the answer was lost ({outcome.reason}), its name was found"

    def _status(self) -> str:
        job = self._ended(self._name)
        if job.ended != "completed" or job.exit_code not in {None, 0}:
            raise _Failed(
                f"the job ended as {job.word} ({job.ended}, exit code {job.exit_code})"
                f" {job.reason}: look at {self._facility.root}, at the node {job.nodes or '?'} and"
                " at /bin/sh there."
            )
        return f"{job.word} on {job.nodes or 'a node that is not told'}"

    def _ended(self, name: str) -> RemoteJob:
        end_s = self.clock() + self._timeout_s
        job: RemoteJob | None = None
        while job is None or job.status != COMPLETED:
            if self.clock() > end_s:
                raise _Failed(still_there(job, lasting(self._timeout_s), self._facility))
            if job is not None:
                self._pause()
            found = self._backend.states([self._sent[name]]).get(name)
            job = found or job or RemoteJob(name, "", 0, "")
        self._over.add(name)
        return job

    def _output(self) -> str:
        if not self._backend.keeps_files:
            return "left out: files cannot be moved through this API"
        path, wanted = f"{self._directory}/output", f"{self._name}\n".encode()
        end_s = self.clock() + min(_LOOK_S, self._timeout_s)
        while (found := self._backend.get(path, 1000)) != wanted:
            if found is None and self.clock() > end_s:
                raise Rejected(f"{path}: the job has ended and its output is not there")
            if found is not None:
                raise _Failed(
                    f"{path} is not what the job wrote: {found[:100]!r}: tell the facility."
                )
            self._pause()
        return f"{len(wanted)} bytes, as the job wrote them"

    def _cancel(self) -> str:
        name = f"{self._name}-2"
        told = self._submitted(name, f"sleep {_WALL_S}")
        self._taken_back(name)
        job = self._ended(name)
        return f"{told}, ended as {job.word}"

    def _taken_back(self, name: str) -> None:
        words = self._backend.cancel([self._sent[name]]).get(name, "")
        if words:
            raise Rejected(words)

    def _clean_up(self) -> str:
        alive = [one for name, one in self._sent.items() if name not in self._over]
        told = self._backend.cancel(alive) if alive else {}
        if self._put:
            self._backend.remove([self._directory])
        left = [f"{name}: {words}" for name, words in told.items() if words]
        if left:
            raise _Failed(f"not cancelled: {'; '.join(left)}: cancel them at the facility.")
        done = [f"{len(alive)} jobs cancelled"] if alive else []
        done += [f"{self._directory} removed"] if self._put else []
        return ", ".join(done) or "nothing was left there"

    def _pause(self) -> None:
        self.sleep(min(_PAUSE_S, self._facility.poll_s))
