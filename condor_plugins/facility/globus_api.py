# SPDX-License-Identifier: Apache-2.0
"""Globus Compute's web API as far as it is needed: functions, tasks, groups, endpoints."""

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from condor_plugins.facility.api import Api
from condor_plugins.facility.globus_functions import Function
from condor_plugins.facility.globus_login import globus_tokens
from condor_plugins.facility.globus_payload import SERIALIZERS, arguments, code, result
from condor_plugins.facility.kept import Kept, login_mark
from condor_plugins.facility.reply import NotTaken, Reply, one_line
from condor_plugins.facility.values import Facility, NoAccess, NoNews, NotSent, Refused, Rejected
from condor_plugins.facility.verdict import unsuccessful
from condor_plugins.facility.web import Web

BASE = "https://compute.api.globus.org"
# Ids in one question: as many pilots as HTCondor has at one facility unless told otherwise.
AT_ONCE = 1000
DONE = {"success", "failed"}


class Task(NamedTuple):
    """`status`: the service's word; `result` and `exception` as text, "" while there is none."""

    id: str
    status: str
    result: str = ""
    exception: str = ""


class Waiting(NoNews):
    """The task was taken and has not ended in time; it may be asked for again."""

    def __init__(self, task: str) -> None:
        super().__init__(f"task {task} has not ended yet")
        self.task = task


class TooMuch(Rejected):
    """More than the service takes in one request; nothing was carried out."""


class GlobusApi:
    """For one endpoint with its login; uuids of functions are kept in `state_dir`."""

    def __init__(self, facility: Facility, state_dir: Path) -> None:
        self._facility = facility
        self.endpoint = facility.options.get("Endpoint", "")
        self.control = facility.options.get("ControlEndpoint", "") or self.endpoint
        if not self.endpoint:
            raise Rejected(f"facility {facility.name} names no Endpoint")
        self._config = _config(facility.options.get("EndpointConfig", ""))
        self._timeout_s = facility.timeout_s
        web = Web(facility.timeout_s)
        self.tokens = globus_tokens(facility, web, state_dir)
        self._api = Api(web, facility.url or BASE, self.tokens)
        self._kept = Kept(state_dir / "globus-functions.json")

    def function(self, function: Function) -> str:
        """Its uuid; registered once for this source, service and client.

        Raises NotTaken or NoAccess: without it nothing can be asked for.
        """
        key = self._key(function)
        known = self._kept.get(key)
        if known:
            return known
        try:
            found = self._registered(function)
        except (NotTaken, NoAccess):
            raise
        except (NoNews, Rejected) as err:
            wait_s = getattr(err, "retry_after_s", 0.0)
            raise NotTaken(f"function {function.name}: {err}", wait_s) from err
        self._kept.put(key, found)
        return found

    def _key(self, function: Function) -> str:
        return f"{function.digest()} {login_mark(self._facility)}"

    def _registered(self, function: Function) -> str:
        # Registering twice makes two uuids of the same thing, which hurts nobody.
        asked = {"function_name": function.name, "function_code": code(function)}
        reply = self._post("v3/functions", {**asked, "serialized": True, "meta": {}})
        found = str(_object(reply.check()).get("function_uuid") or "")
        if not found:
            raise NoNews("the service names no function")
        return found

    def start(
        self, endpoint: str, function: Function, asked: Sequence[Any], group: str = ""
    ) -> list[str]:
        """Ids of the tasks, in order. One request that may have been taken is never repeated.

        Raises NotTaken or Rejected if surely none was made, NoNews if that is not clear.
        """
        payloads = [arguments(one) for one in asked]
        reply = self._submitted(endpoint, function, payloads, group)
        if reply.status == 404 and "function" in reply.words().lower():
            # The service has forgotten the function, and has carried out nothing.
            self._kept.put(self._key(function), "")
            reply = self._submitted(endpoint, function, payloads, group)
        tasks = _object(_taken(reply)).get("tasks")
        listed = next(iter(tasks.values()), None) if isinstance(tasks, dict) else None
        if not isinstance(listed, list) or len(listed) != len(payloads):
            raise NoNews("the answer does not name the tasks")
        return [str(one) for one in listed]

    def _submitted(
        self, endpoint: str, function: Function, payloads: Sequence[str], group: str
    ) -> Reply:
        body: dict[str, Any] = {
            "create_queue": False,
            "tasks": {self.function(function): list(payloads)},
            "user_runtime": {},
            "result_serializers": SERIALIZERS,
        }
        if group:
            body["task_group_id"] = group
        # The same for every call: each other configuration would start another child endpoint.
        if self._config:
            body["user_endpoint_config"] = self._config
        path = f"v3/endpoints/{quote(endpoint, safe='')}/submit"
        return self._post(path, body, repeat=False)

    def run(self, endpoint: str, function: Function, asked: Any, within_s: float) -> dict[str, Any]:
        """The function's answer. Raises what start and collect raise."""
        task = self.start(endpoint, function, [asked])[0]
        return self.collect(task, within_s)

    def collect(self, task: str, within_s: float) -> dict[str, Any]:
        """The answer of one task. Waiting if it has not ended in time."""
        give_up_s = time.monotonic() + within_s
        pause_s = 0.1
        while True:
            found = self.tasks([task]).get(task)
            if found and found.status in DONE:
                return answer_of(found)
            if time.monotonic() + pause_s > give_up_s:
                raise Waiting(task) if found else NoNews("the service does not know the task")
            time.sleep(pause_s)
            # The service takes 20 requests in 10 s from one client.
            pause_s = min(2 * pause_s, 2.0)

    def tasks(self, ids: Iterable[str]) -> dict[str, Task]:
        """By id, those that the service knows."""
        todo = list(dict.fromkeys(ids))
        found: dict[str, Task] = {}
        for start in range(0, len(todo), AT_ONCE):
            some = todo[start : start + AT_ONCE]
            said = _object(self._post("v2/batch_status", {"task_ids": some}).check())
            rows = said.get("results")
            if not isinstance(rows, dict):
                raise NoNews("the answer holds no tasks")
            found |= {one: _task(one, rows[one]) for one in some if _is_task(rows.get(one))}
        return found

    def group(self, group: str) -> list[str]:
        """Ids of the tasks of a group; none if the service does not know it."""
        reply = self._api.ask("GET", f"v2/taskgroup/{quote(group, safe='')}")
        if reply.status == 404 and reply.is_own():
            return []
        tasks = _object(reply.check()).get("tasks")
        if not isinstance(tasks, list):
            raise NoNews("the answer holds no tasks")
        return [str(one["id"]) for one in tasks if isinstance(one, dict) and one.get("id")]

    def endpoint_status(self) -> str:
        """online, offline or another word of the service."""
        reply = self._api.ask("GET", f"v2/endpoints/{quote(self.endpoint, safe='')}/status")
        return one_line(str(_object(reply.check()).get("status") or "unknown"), 60)

    def _post(self, path: str, body: Any, repeat: bool = True) -> Reply:
        content = json.dumps(body).encode("ascii")
        return self._api.ask(
            "POST", path, body=content, content_type="application/json", repeat=repeat
        )


def answer_of(task: Task) -> dict[str, Any]:
    """What a finished task of ours returned. NoNews where the endpoint broke it or it says so."""
    if task.status != "success":
        raise NoNews(f"task failed: {last_line(task.exception)}")
    return result(task.result)


def last_line(trace: str) -> str:
    """What a traceback comes down to."""
    lines = [line.strip() for line in trace.splitlines() if line.strip(" |+-")]
    return one_line(lines[-1]) if lines else "no reason given"


def _taken(reply: Reply) -> Reply:
    """Of a submit. NotTaken: no task is to blame, even where the endpoint is unknown."""
    if 200 <= reply.status < 300 or reply.status in {401, 403}:
        return reply.check()
    found = unsuccessful("", reply)
    if isinstance(found, NotSent) or reply.status == 404:
        raise NotTaken(found.reason, reply.retry_after_s())
    if isinstance(found, Refused):
        raise (TooMuch if reply.status == 413 else Rejected)(found.reason)
    raise NoNews(found.reason, reply.retry_after_s())


def _object(reply: Reply) -> dict[str, Any]:
    said = reply.json()
    if not isinstance(said, dict):
        raise NoNews("the service's answer is no object")
    return said


def _is_task(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("status"), str)


def _task(task: str, row: dict[str, Any]) -> Task:
    texts = (row.get("result"), row.get("exception"))
    return Task(task, row["status"], *(one if isinstance(one, str) else "" for one in texts))


def _config(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError as err:
        raise Rejected(f"EndpointConfig is no JSON: {err}") from err
    if not isinstance(found, dict):
        raise Rejected("EndpointConfig is no JSON object")
    return found
