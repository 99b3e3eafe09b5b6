# SPDX-License-Identifier: Apache-2.0
"""IRI's file operations as tasks, and the tasks themselves.

v1 takes parameters in the query, v2 in a JSON object; mkdir and chmod take an object in both.
"""

from collections.abc import Callable, Mapping
from typing import Any

from .iri_flavour import Flavour
from .iri_forms import NEEDED, body_of, invalid, problem, refuse
from .iri_operations import MOST_BYTES, OPERATIONS, values_of
from .wire import Handler, Request, Response, answer
from .world import Task, Tasks, World

WORDS = {"new": "pending", "running": "active", "cancelled": "canceled"}


class FileTasks:
    """Option iri.task_polls: how many of the first polls of a task say that it is active."""

    def __init__(self, world: World, flavour: Flavour) -> None:
        self.world, self.flavour = world, flavour
        self.tasks = Tasks("task_", world.settings.task_s)
        self.polls = int(world.settings.options.get("iri.task_polls") or 0)
        self._asked: dict[str, int] = {}

    def operation(self, name: str, in_body: bool) -> Handler:
        rule = OPERATIONS[name]

        def handle(request: Request, _: Mapping[str, str]) -> Response:
            source = body_of(request) if in_body else dict(request.query)
            values = values_of(request, rule, source)
            return self._start(request, lambda: rule.run(self.world.files, values), rule.status)

        return handle

    def upload(self, request: Request, _: Mapping[str, str]) -> Response:
        path, content = request.value("path"), request.part("file")
        missing = [("path", NEEDED)] if not request.values("path") else []
        missing += [("file", NEEDED)] if content is None else []
        if missing or content is None:
            raise invalid(request, missing)
        if len(content) > MOST_BYTES:
            raise refuse(request, 413, "File to upload is too large.")
        whole = content

        def work() -> str:
            self.world.files.write(path, whole)
            return f"Uploaded to {self.world.files.path(path)}"

        return self._start(request, work, 200)

    def one(self, request: Request, words: Mapping[str, str]) -> Response:
        task = self.tasks.get(words["task"])
        if task is None:
            return problem(request, 404, f"Task {words['task']} not found")
        asked = self._asked[task.id] = self._asked.get(task.id, 0) + 1
        if asked <= self.polls:
            return answer({"id": task.id, "status": "active", "result": None})
        return answer(self._row(task))

    def all(self, _request: Request, _: Mapping[str, str]) -> Response:
        return answer([self._row(task) for task in self.tasks.all()])

    def cancel(self, request: Request, words: Mapping[str, str]) -> Response:
        self.tasks.cancel(words["task"])
        return answer(f"Task {words['task']} deleted successfully")

    def _start(self, request: Request, work: Callable[[], Any], status: int) -> Response:
        faults = self.world.faults
        if faults.take("task-stuck", request):
            task = self.tasks.start(None)
        elif faults.take("task-fails", request):
            task = self.tasks.start(_fail)
        else:
            task = self.tasks.start(work)
        base = f"{request.base}{request.path.partition('/filesystem/')[0]}"
        return answer({"task_id": task, "task_uri": f"{base}/task/{task}"}, status)

    def _row(self, task: Task) -> dict[str, Any]:
        result: dict[str, Any] | None = None
        if task.status == "completed":
            result = {"output": task.result}
        elif task.status == "failed":
            result = {self.flavour.error_key: f"Error: {task.error}"}
        return {"id": task.id, "status": WORDS.get(task.status, task.status), "result": result}


def _fail() -> None:
    raise OSError("[Errno 5] Input/output error")
