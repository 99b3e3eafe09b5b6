# SPDX-License-Identifier: Apache-2.0
"""Globus Compute and the token route of Globus Auth.

Options: globus.login and globus.block (the endpoints' ids), globus.root (directory of the tasks),
globus.python (the workers' interpreter), globus.block_options (words for sbatch), globus.groups
(globus_book.py), globus.token_life_s. Faults of its own: offline (or maintenance: tasks wait for
the endpoint), task-stuck, task-fails, lost-result, refuse-submit (403).
"""

import hmac
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from .globus_book import Book
from .globus_endpoints import Block, Endpoint, Login
from .globus_forms import NO_ENDPOINT, basic, failed, object_of
from .wire import Request, Response, Routes, Stop, answer
from .world import World

LOGIN_ENDPOINT = "11111111-1111-4111-8111-111111111111"
BLOCK_ENDPOINT = "22222222-2222-4222-8222-222222222222"
MOST_BYTES = 10 * 1024 * 1024
TOKEN_LIFE_S = 172_800
SCOPE = "https://auth.globus.org/scopes/facd7ccc-c5f4-42aa-916b-a0e270e2c2a9/all"
VERSIONS = {"api": "1.50.0", "min_ep_version": "2.0.0", "min_sdk_version": "2.0.0"}


class Globus:
    """One service with two endpoints, `login` and `block`."""

    prefixes: Sequence[str] = ("/v2", "/v3")

    def __init__(self, world: World) -> None:
        self._world = world
        self._endpoints = self._made_endpoints()
        root = self._option("root", str(world.files.home / ".globus_compute"))
        self._book = Book(Path(root), self._option("groups", "open"))
        self._open = Routes("", {
            "POST /v2/oauth2/token": self._token,
            "GET /v2/version": self._version,
        })  # fmt: skip
        self._closed = Routes("", {
            "POST /v3/functions": self._register,
            "POST /v3/endpoints/{endpoint}/submit": self._submit,
            "GET /v2/tasks/{task}": self._one,
            "POST /v2/batch_status": self._many,
            "GET /v2/taskgroup/{group}": self._group,
            "GET /v2/endpoints/{endpoint}": self._about,
            "GET /v2/endpoints/{endpoint}/status": self._health,
        })  # fmt: skip

    def template(self, request: Request) -> str:
        found = self._open.template(request)
        return found if found != request.path else self._closed.template(request)

    def handle(self, request: Request) -> Response:
        response = self._open.handle(request)
        if response:
            return response
        if not self._world.tokens.owner(request.bearer()):
            return failed(401, "Globus auth token is missing, has expired or is not valid")
        response = self._closed.handle(request)
        return response or failed(404, "The requested URL was not found on the server.", 0)

    def refusal(self, request: Request, status: int, words: str) -> Response:
        return failed(status, words)

    def maintenance(self, request: Request) -> Response | None:
        """The service goes on while a facility is maintained; that one's endpoints are offline."""
        return None

    def _option(self, name: str, default: str) -> str:
        return self._world.settings.options.get(f"globus.{name}") or default

    def _made_endpoints(self) -> dict[str, tuple[str, Endpoint]]:
        faults, python = self._world.faults, self._option("python", sys.executable)
        options = self._option("block_options", "")
        block = Block(faults, python, self._world.scheduler, options)
        return {
            self._option("login", LOGIN_ENDPOINT): ("login", Login(faults, python)),
            self._option("block", BLOCK_ENDPOINT): ("block", block),
        }

    def _endpoint(self, name: str) -> tuple[str, Endpoint]:
        try:
            return self._endpoints[name]
        except KeyError:
            words = f"Endpoint {name} could not be resolved"
            raise Stop(failed(404, words, NO_ENDPOINT, name)) from None

    def _token(self, request: Request, _: Mapping[str, str]) -> Response:
        client, secret = basic(request.headers.get("authorization", ""))
        known = self._world.settings.clients.get(client)
        if not isinstance(known, str) or not hmac.compare_digest(known.encode(), secret.encode()):
            return answer({"error": "invalid_client"}, 401)
        form = request.form()
        if form.get("grant_type") != ["client_credentials"]:
            return answer({"error": "unsupported_grant_type"}, 400)
        life_s = float(self._option("token_life_s", str(TOKEN_LIFE_S)))
        # The real client names its scope twice.
        scopes = dict.fromkeys(" ".join(form.get("scope") or [SCOPE]).split())
        return answer({
            "access_token": self._world.tokens.make(client, life_s),
            "scope": " ".join(scopes),
            "expires_in": int(life_s),
            "token_type": "Bearer",
            "resource_server": "funcx_service",
            "other_tokens": [],
        })  # fmt: skip

    def _version(self, request: Request, _: Mapping[str, str]) -> Response:
        return answer(VERSIONS if request.value("service") == "all" else VERSIONS["api"])

    def _register(self, request: Request, _: Mapping[str, str]) -> Response:
        return answer({"function_uuid": self._book.register(object_of(request))})

    def _submit(self, request: Request, words: Mapping[str, str]) -> Response:
        _, endpoint = self._endpoint(words["endpoint"])
        if len(request.body) > MOST_BYTES:
            raise Stop(failed(413, "The payload is larger than 10 MB"))
        fault = self._world.faults.take("refuse-submit", request)
        if fault:
            raise Stop(failed(403, fault.word or f"No access to endpoint {words['endpoint']}"))
        group, made = self._book.submit(words["endpoint"], object_of(request))
        for task in (task for tasks in made.values() for task in tasks):
            endpoint.start(task)
        return answer({
            "tasks": {function: [task.id for task in tasks] for function, tasks in made.items()},
            "request_id": str(uuid.uuid4()),
            "task_group_id": group,
            "endpoint_id": words["endpoint"],
        })  # fmt: skip

    def _one(self, _: Request, words: Mapping[str, str]) -> Response:
        task = self._book.task(words["task"])
        self._refresh([task.id])
        return answer(task.row())

    def _many(self, request: Request, _: Mapping[str, str]) -> Response:
        names = object_of(request).get("task_ids")
        if not isinstance(names, list):
            raise Stop(failed(400, "Request payload is malformed: task_ids"))
        self._refresh([str(name) for name in names])
        found = self._book.tasks([str(name) for name in names])
        return answer({"response": "batch", "results": {task.id: task.row() for task in found}})

    def _refresh(self, names: Sequence[str]) -> None:
        tasks = [task for task in self._book.tasks(names) if not task.over()]
        for endpoint_id, (_, endpoint) in self._endpoints.items():
            endpoint.refresh([task for task in tasks if task.endpoint == endpoint_id])

    def _group(self, _: Request, words: Mapping[str, str]) -> Response:
        members = self._book.members(words["group"])
        return answer({
            "taskgroup_id": words["group"],
            "tasks": [{"id": name} for name in members],
        })  # fmt: skip

    def _about(self, _: Request, words: Mapping[str, str]) -> Response:
        name, _endpoint = self._endpoint(words["endpoint"])
        return answer({
            "uuid": words["endpoint"],
            "name": f"{self._world.settings.machine}-{name}",
            "display_name": f"{self._world.settings.machine} {name}",
            "multi_user": False,
            "public": False,
            "hostname": self._world.settings.machine,
            "local_user": self._world.settings.user,
        })  # fmt: skip

    def _health(self, request: Request, words: Mapping[str, str]) -> Response:
        self._endpoint(words["endpoint"])
        faults = self._world.faults
        offline = faults.on("offline", request) or faults.on("maintenance", request)
        return answer({"status": "offline" if offline else "online", "details": {}})
