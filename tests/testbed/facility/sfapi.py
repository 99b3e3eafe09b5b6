# SPDX-License-Identifier: Apache-2.0
"""NERSC's Superfacility API v1.2 with its token endpoint: shapes as its own client expects them."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from . import sfapi_files
from .listing import submit
from .scheduler import Batch, SchedulerDown, SubmitError
from .sfapi_about import About
from .sfapi_files import missing
from .sfapi_jobs import Lists
from .sfapi_login import Login, refusal
from .wire import Handler, Request, Response, Routes, answer
from .world import Task, Tasks, World

BASE, TOKEN = "/api/v1.2", "/c2id/token"


class Sfapi:
    prefixes: Sequence[str] = (BASE, TOKEN)

    def __init__(self, world: World) -> None:
        self.world = world
        self._tasks = Tasks("", world.settings.task_s)
        self._lists, self._about = Lists(world), About(world)
        self._login = Routes(TOKEN, {"POST ": Login(world).token})
        self._public = Routes(BASE, self._about.public)
        self._routes = Routes(BASE, {**self._table(), **self._about.account})

    def template(self, request: Request) -> str:
        if request.path == TOKEN:
            return TOKEN
        public = self._public.template(request)
        return public if public != request.path else self._routes.template(request)

    def handle(self, request: Request) -> Response:
        if request.path == TOKEN:
            return self._login.handle(request) or answer({"detail": "Method Not Allowed"}, 405)
        response = self._public.handle(request)
        if response:
            return response
        if not self.world.tokens.owner(request.bearer()):
            return answer({"detail": "Could not validate credentials"}, 401)
        response = self._routes.handle(request)
        if response:
            return response
        if self._routes.methods(request.path):
            return answer({"detail": "Method Not Allowed"}, 405)
        return answer({"detail": "Not found"}, 404)

    def refusal(self, request: Request, status: int, words: str) -> Response:
        if request.path == TOKEN:
            return refusal(status, "invalid_client" if status < 500 else "server_error", words)
        return answer({"detail": words}, status)

    def maintenance(self, request: Request) -> Response | None:
        """Tokens come from another service; the front end of the jobs answered 500 once."""
        if request.path == TOKEN or request.path.startswith(f"{BASE}/status"):
            return None
        reading = request.method == "GET" and request.path.startswith(f"{BASE}/compute/jobs")
        return answer({"detail": "Service Unavailable"}, 500 if reading else 503)

    def _table(self) -> dict[str, Handler]:
        files = self.world.files
        jobs = "/compute/jobs/{machine}"
        table: dict[str, Handler] = {
            f"POST {jobs}": self._submit,
            f"GET {jobs}": lambda request, _: self._lists.rows(request),
            f"GET {jobs}/{{id}}": lambda request, words: self._lists.rows(request, words["id"]),
            f"DELETE {jobs}/{{id}}": self._cancel,
            "POST /utilities/command/{machine}": self._command,
            "GET /utilities/ls/{machine}/{path*}": partial(sfapi_files.listing, files),
            "PUT /utilities/upload/{machine}/{path*}": partial(
                sfapi_files.upload, files, self.world.faults
            ),
            "GET /utilities/download/{machine}/{path*}": partial(sfapi_files.download, files),
        }
        machines: dict[str, Handler] = {
            key: partial(self._on_machine, handler) for key, handler in table.items()
        }
        return {
            **machines,
            "GET /tasks": self._all_tasks,
            "GET /tasks/{id}": self._task,
            "DELETE /tasks/{id}": self._cancel_task,
        }

    def _on_machine(self, handler: Handler, request: Request, words: Mapping[str, str]) -> Response:
        if words["machine"] not in self._about.machines():
            return answer({"detail": "Not found"}, 404)
        return handler(request, words)

    def _submit(self, request: Request, _: Mapping[str, str]) -> Response:
        form = request.form()
        for name in ("isPath", "job"):
            if not form.get(name, [""])[0]:
                return missing(name)
        job = form["job"][0]
        if form["isPath"][0].lower() == "true":
            batch = Batch(path=job, arguments=form.get("args", []))
        else:
            batch = Batch(script=job)
        return self._started(request, lambda: self._submitted(request, batch))

    def _submitted(self, request: Request, batch: Batch) -> str:
        try:
            told = {"status": "ok", "jobid": submit(self.world, request, batch), "error": None}
        except (SubmitError, SchedulerDown) as error:
            told = {"status": "error", "jobid": None, "error": f"{error}"}
        return json.dumps(told)

    def _cancel(self, request: Request, words: Mapping[str, str]) -> Response:
        fault = self.world.faults.take("command-error", request)
        try:
            error = fault.word if fault else self.world.scheduler.cancel([words["id"]])[words["id"]]
        except SchedulerDown as down:
            error = f"{down}"
        told = {"task_id": self._tasks.start(lambda: json.dumps({"status": "ok"}))}
        return answer({**told, "status": "ERROR" if error else "OK", "error": error or None})

    def _command(self, request: Request, _: Mapping[str, str]) -> Response:
        line = request.form().get("executable", [""])[0]
        if not line:
            return missing("executable")
        return self._started(
            request, lambda: json.dumps(sfapi_files.command(self.world.files, line))
        )

    def _started(self, request: Request, work: Callable[[], Any]) -> Response:
        """The answer to a request that becomes a task; `work` returns its result as JSON text."""
        faults = self.world.faults
        fault = faults.take("command-error", request)
        if fault:
            words = fault.word or "Unable to run the command"
            return answer({"task_id": "", "status": "ERROR", "error": words})
        if faults.take("task-stuck", request):
            name = self._tasks.start(None)
        elif faults.take("task-fails", request):
            name = self._tasks.start(_fail)
        else:
            name = self._tasks.start(work)
        return answer({"task_id": name, "status": "OK", "error": None})

    def _task(self, _: Request, words: Mapping[str, str]) -> Response:
        task = self._tasks.get(words["id"])
        return answer(_told(task)) if task else answer({"detail": "Not found"}, 404)

    def _all_tasks(self, _request: Request, _: Mapping[str, str]) -> Response:
        return answer({"tasks": [_told(task) for task in self._tasks.all()]})

    def _cancel_task(self, _: Request, words: Mapping[str, str]) -> Response:
        self._tasks.cancel(words["id"])
        return self._task(_, words)


def _fail() -> str:
    raise RuntimeError("the worker was lost")


def _told(task: Task) -> dict[str, Any]:
    """A task that runs is still new for the outside."""
    status = "new" if task.status == "running" else task.status
    result = json.dumps({"status": "error", "error": task.error}) if task.error else task.result
    return {"id": task.id, "status": status, "result": result}
