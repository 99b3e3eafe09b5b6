# SPDX-License-Identifier: Apache-2.0
"""Answers of the Superfacility API, and the tasks by which it does what takes longer."""

import json
import re
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

from condor_plugins.facility.api import Api
from condor_plugins.facility.values import (
    Accepted,
    NoNews,
    NotSent,
    Outcome,
    Refused,
    Rejected,
    Unclear,
)
from condor_plugins.facility.web import Reply, one_line

FORM = "application/x-www-form-urlencoded"
# sbatch needs some tenths of a second; a task that is done is then learned by the first question.
FIRST_WAIT_S = 0.7
LONGEST_WAIT_S = 5.0
AT_ONCE = 16
JOB_ID = re.compile(r"[0-9]{1,18}")
TASK_ID = re.compile(r"[A-Za-z0-9._-]{1,50}")
# Words of sbatch: what the controller did not hear, what it may have heard, and what it refused.
# sbatch may try more than once and tell of each: one doubt is enough.
PASSING = re.compile(
    r"unable to contact|temporarily|try again|not responding|standby|connection refused", re.I
)
DOUBTFUL = re.compile(
    r"timed out|zero bytes|communication|connection (?:reset|closed)|broken pipe", re.I
)
REFUSAL = re.compile(r"sbatch|submission failed", re.I)


_In = TypeVar("_In")
_Out = TypeVar("_Out")


class Task(NamedTuple):
    """`done`: it ended; `result`: what it told then, empty if it told nothing usable.

    `completed`: its work came to its end; else what it tells is of the service, not of its work.
    """

    done: bool
    result: Mapping[str, Any]
    completed: bool = False


class Ran(NamedTuple):
    """A command that ended; `code` is its exit code."""

    code: int
    output: str
    words: str


def told(reply: Reply) -> dict[str, Any]:
    """The answer's fields. Raises NoNews, Rejected."""
    said = reply.check().json()
    if not isinstance(said, dict):
        raise NoNews("answer has an unexpected form")
    return said


def error_of(said: Mapping[str, Any]) -> str:
    """All words of a failure, which comes with HTTP 200; "" where it went well.

    They are for judging: for people they have to be cut.
    """
    if str(said.get("status")).upper() == "OK":
        return ""
    words = str(said.get("error") or said.get("status") or "no status")
    return one_line(words, len(words)) or "no words"


def path_of(*parts: str, file: str = "") -> str:
    """A path of the API; the slash that begins a file's name stays, so there are two."""
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    return path + ("/" + quote(file) if file else "")


def outcome(name: str, task: Task, hint: str) -> Outcome:
    """What a submit task that ended means for the job."""
    result = task.result
    number = str(result.get("jobid") or "")
    words = error_of(result)
    if not words and JOB_ID.fullmatch(number):
        return Accepted(name, number)
    if not result or not words:
        return Unclear(name, "the submit task ended without a job id", hint)
    return judged(name, words, hint, certain=task.completed)


def judged(name: str, words: str, hint: str, certain: bool) -> Outcome:
    """A failed submit by its words; `certain`: sbatch itself failed, whatever it says."""
    shown = one_line(words)
    if DOUBTFUL.search(words):
        return Unclear(name, shown, hint)
    if PASSING.search(words):
        return NotSent(name, shown)
    if not (certain or REFUSAL.search(words)):
        return Unclear(name, shown, hint)
    return Refused(name, shown)


def each(work: Callable[[_In], _Out], items: Sequence[_In]) -> list[_Out]:
    """In order, some at once: the facility's delay is waited for once."""
    if len(items) < 2:
        return [work(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - not for one job

    with ThreadPoolExecutor(min(AT_ONCE, len(items))) as pool:
        return list(pool.map(work, items))


class Tasks:
    """Of one machine; `timeout_s` bounds the wait for one of them."""

    def __init__(self, api: Api, machine: str, timeout_s: float) -> None:
        self._api, self._machine, self._timeout_s = api, machine, timeout_s

    def look(self, task: str) -> Task:
        """Raises NoNews; Rejected if there is no such task."""
        said = told(self._api.ask("GET", path_of("tasks", task)))
        status = str(said.get("status")).lower()
        if status not in {"completed", "failed", "cancelled"}:
            return Task(False, {})
        try:
            result = json.loads(said.get("result") or "{}")
        except (TypeError, ValueError):
            result = {}
        return Task(True, result if isinstance(result, dict) else {}, status == "completed")

    def waited(self, task: str) -> Task:
        """The task once it ended; one that is not done if it does not in time. Raises Rejected."""
        give_up_s = time.monotonic() + self._timeout_s
        wait_s = FIRST_WAIT_S
        while time.monotonic() + wait_s < give_up_s:
            time.sleep(wait_s)
            wait_s = min(1.5 * wait_s, LONGEST_WAIT_S)
            try:
                found = self.look(task)
            except NoNews as err:
                wait_s = max(wait_s, err.retry_after_s)
            else:
                if found.done:
                    return found
        return Task(False, {})

    def run(self, argv: Sequence[str]) -> Ran:
        """A command at the facility, which may run twice. Raises NoNews, Rejected."""
        body = urlencode({"executable": shlex.join(argv)}).encode()
        path = path_of("utilities", "command", self._machine)
        said = told(self._api.ask("POST", path, body=body, content_type=FORM))
        task = said.get("task_id")
        if error_of(said) or not isinstance(task, str):
            raise NoNews(f"{argv[0]}: {one_line(error_of(said)) or 'no task'}")
        result = self._ended(argv[0], task)
        try:
            code = int(result.get("exit_code") or 0)
        except (TypeError, ValueError):
            code = 1
        words = one_line(str(result.get("error") or ""))
        if error_of(result) and code == 0:
            raise NoNews(f"{argv[0]}: {words or 'the command failed'}")
        return Ran(code, str(result.get("output") or ""), words)

    def _ended(self, command: str, task: str) -> Mapping[str, Any]:
        try:
            found = self.waited(task)
        except Rejected as err:
            raise NoNews(f"{command}: its task is gone: {err}") from err
        if not found.done or not found.result:
            raise NoNews(f"{command}: its task told nothing in time")
        return found.result
