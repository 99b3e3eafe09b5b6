# SPDX-License-Identifier: Apache-2.0
"""What the Globus Compute service keeps: functions, tasks and task groups."""

import threading
import uuid
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from .globus_endpoints import block_options
from .globus_forms import NO_FUNCTION, NO_GROUP, NO_TASK, failed
from .globus_tasks import Task
from .globus_worker import pack
from .wire import Stop


class Book:
    """Thread safe; lives as long as the process. `root`: the directory of the tasks.

    `groups`: "open" takes a task group's id from the caller, "known" only one that was given out.
    """

    def __init__(self, root: Path, groups: str) -> None:
        self._root, self._known_only = root, groups == "known"
        self._functions: dict[str, str] = {}
        self._tasks: dict[str, Task] = {}
        self._groups: dict[str, list[str]] = {}
        self._lock = threading.Lock()

    def register(self, body: Mapping[str, Any]) -> str:
        name, code = body.get("function_name"), body.get("function_code")
        if not isinstance(name, str) or not isinstance(code, str):
            raise Stop(failed(400, "function_name and function_code are needed"))
        if not body.get("serialized", True):
            code = pack([f"st\n{name}:{code}"])
        function = str(uuid.uuid4())
        self._functions[function] = code
        return function

    def submit(self, endpoint: str, body: Mapping[str, Any]) -> tuple[str, dict[str, list[Task]]]:
        """The task group and the new tasks by function, in the order of their payloads."""
        wanted = self._wanted(body.get("tasks"))
        options = _options(body)
        serializers = tuple(body.get("result_serializers") or ())
        group = self._group(body.get("task_group_id"))
        made: dict[str, list[Task]] = {}
        for function, payloads in wanted.items():
            for payload in payloads:
                name = str(uuid.uuid4())
                whole = self._functions[function] + payload
                place = self._root / endpoint / name
                task = Task(name, group, endpoint, whole, serializers, options, place)
                made.setdefault(function, []).append(task)
        with self._lock:
            for task in (task for tasks in made.values() for task in tasks):
                self._tasks[task.id] = task
                self._groups[group].append(task.id)
        return group, made

    def task(self, name: str) -> Task:
        try:
            return self._tasks[name]
        except KeyError:
            raise Stop(failed(404, f"Task {name} could not be resolved", NO_TASK, name)) from None

    def tasks(self, names: Collection[str]) -> list[Task]:
        """Those that are known."""
        return [self._tasks[name] for name in names if name in self._tasks]

    def members(self, group: str) -> list[str]:
        with self._lock:
            if group not in self._groups:
                raise Stop(failed(404, f"Task Group {group} could not be resolved", NO_GROUP))
            return list(self._groups[group])

    def _wanted(self, tasks: Any) -> Mapping[str, Sequence[str]]:
        if not isinstance(tasks, dict) or not tasks:
            raise Stop(failed(400, "Request payload is malformed: tasks"))
        for function, payloads in tasks.items():
            if function not in self._functions:
                words = f"Function {function} could not be resolved"
                raise Stop(failed(404, words, NO_FUNCTION, function))
            if not isinstance(payloads, list) or not all(isinstance(one, str) for one in payloads):
                raise Stop(failed(400, "Request payload is malformed: a list of texts is needed"))
        return tasks

    def _group(self, wanted: Any) -> str:
        try:
            group = str(uuid.UUID(wanted)) if wanted else str(uuid.uuid4())
        except (ValueError, AttributeError, TypeError):
            raise Stop(failed(400, "task_group_id is no UUID")) from None
        with self._lock:
            if wanted and self._known_only and group not in self._groups:
                raise Stop(failed(404, f"Task Group {group} could not be resolved", NO_GROUP))
            self._groups.setdefault(group, [])
        return group


def _options(body: Mapping[str, Any]) -> tuple[str, ...]:
    config, resources = body.get("user_endpoint_config"), body.get("resource_specification")
    if not isinstance(config or {}, dict) or not isinstance(resources or {}, dict):
        raise Stop(failed(400, "user_endpoint_config and resource_specification are objects"))
    return block_options(config or {}, resources or {})
