# SPDX-License-Identifier: Apache-2.0
"""The IRI Facility API, v1 (document 1.0.0) and v2 (2.0.0), with the differences of facilities.

Options: iri.flavour (nersc, alcf, olcf), iri.bulk and iri.idempotency (on, off), iri.account (the
project's name), iri.queue_option (partition, qos), iri.task_polls (iri_files.py). Faults of its
own: refuse-submit, queue-error (503), unknown-job, unknown-state, bad-row, task-stuck, task-fails.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from .iri_files import FileTasks
from .iri_flavour import FLAVOURS
from .iri_forms import guarded, problem
from .iri_jobs import Jobs
from .iri_operations import OPERATIONS
from .iri_pages import Pages
from .wire import Handler, Request, Response, Routes, answer
from .world import World

V1, V2 = "/iri/api/v1", "/iri/api/v2"
FILES, STATUS, SINGLE = "/filesystem", "/compute/status/{resource}", ("historical", "include_spec")
BULK = ("offset", "limit", "filters", *SINGLE)
# How v1 asks for what v2 asks for by POST.
METHODS = {"mkdir": "POST", "chmod": "PUT", "rm": "DELETE"}
PAGES = ("name", "description", "modified_since", "offset", "limit", "group", "resource_type")
Check = Callable[[Request, Mapping[str, str]], None]


class Iri:
    """Both versions, for the one mapped user."""

    prefixes: Sequence[str] = ("/iri",)

    def __init__(self, world: World) -> None:
        self.world = world
        self.flavour = FLAVOURS[world.settings.options.get("iri.flavour") or "nersc"]
        self.pages = Pages(world)
        self.jobs = Jobs(world, self.flavour)
        self.files = FileTasks(world, self.flavour)
        self._routes = [
            Routes("/iri", {"GET /openapi.json": self._document("1.0.0", V1)}),
            Routes(V1, {**self._common(V1), **self._compute(1), **self._files(1)}),
            Routes(V2, {**self._common(V2), **self._compute(2), **self._files(2)}),
        ]

    def template(self, request: Request) -> str:
        found = (routes.template(request) for routes in self._routes)
        return next((one for one in found if one != request.path), request.path)

    def handle(self, request: Request) -> Response:
        if self._no_agent(request):
            return Response(403, b"error code: 1010", "text/plain")
        for routes in self._routes:
            response = routes.handle(request)
            if response:
                return response
        if any(routes.methods(request.path) for routes in self._routes):
            return problem(request, 405, "Method Not Allowed")
        return problem(request, 404, "Not Found")

    def refusal(self, request: Request, status: int, words: str) -> Response:
        return problem(request, status, words)

    def maintenance(self, request: Request) -> Response | None:
        """Pages about the facility go on, and say that its resources are down."""
        _, _, path = request.path.removeprefix(V1).removeprefix(V2).partition("/")
        if path.startswith("facility") or path.endswith("openapi.json"):
            return None
        rows = self.pages.all_resources(request, "down")
        if path == "status/resources":
            return answer(rows)
        for row in rows:
            if path == f"status/resources/{row['id']}":
                return answer(row)
        return problem(request, 503, "The facility is under maintenance")

    def _no_agent(self, request: Request) -> bool:
        agent = request.headers.get("user-agent", "")
        return self.flavour.agent_needed and (not agent or agent.startswith("Python-urllib"))

    def _good(self, token: str) -> bool:
        return token in self.world.settings.bearers

    def _private(
        self, handler: Handler, queries: Collection[str] | None = (), check: Check | None = None
    ) -> Handler:
        def checked(request: Request, words: Mapping[str, str]) -> Response:
            if check:
                check(request, words)
            return handler(request, words)

        return guarded(checked, self._good, queries)

    def _document(self, version: str, prefix: str) -> Handler:
        def document(_request: Request, _: Mapping[str, str]) -> Response:
            info = {"title": "IRI Facility API stand-in", "version": version}
            paths: dict[str, Any] = {f"{prefix}/compute/job/{{resource_id}}": {"post": {}}}
            return answer({"openapi": "3.1.0", "info": info, "paths": paths})

        return document

    def _common(self, prefix: str) -> dict[str, Handler]:
        pages = self.pages
        version = "1.0.0" if prefix == V1 else "2.0.0"
        return {
            "GET /openapi.json": self._document(version, prefix),
            "GET /facility": guarded(pages.facility, None, PAGES),
            "GET /facility/sites": guarded(pages.sites, None, PAGES),
            "GET /facility/sites/{id}": guarded(pages.site, None, PAGES),
            "GET /status/resources": guarded(pages.resources, None, PAGES),
            "GET /status/resources/{id}": guarded(pages.resource, None, PAGES),
            "GET /status/incidents": guarded(pages.nothing, None, None),
            "GET /status/events": guarded(pages.nothing, None, None),
            "GET /compute/resources": guarded(pages.computers, None),
            **self._account(),
            **self._tasks(),
        }

    def _account(self) -> dict[str, Handler]:
        if "account" in self.flavour.absent:
            return {}
        pages, allocations = self.pages, "/account/projects/{project}/project_allocations"
        capabilities = guarded(pages.capabilities, None, PAGES)
        if "capabilities" in self.flavour.absent:
            capabilities = self._not_implemented
        return {
            "GET /account/capabilities": capabilities,
            "GET /account/projects": self._private(pages.projects, PAGES),
            "GET /account/projects/{project}": self._private(pages.project),
            f"GET {allocations}": self._private(pages.allocations),
            f"GET {allocations}/{{id}}": self._private(pages.allocation),
            f"GET {allocations}/{{id}}/user_allocations": self._private(pages.user_allocations),
        }

    def _not_implemented(self, request: Request, _: Mapping[str, str]) -> Response:
        return problem(request, 501, "This functionality is not implemented.")

    def _tasks(self) -> dict[str, Handler]:
        if "task" in self.flavour.absent:
            return {}
        return {
            "GET /task": self._private(self.files.all, None),
            "GET /task/{task}": self._private(self.files.one, None),
            "DELETE /task/{task}": self._private(self.files.cancel, None),
        }

    def _compute(self, version: int) -> dict[str, Handler]:
        jobs, check = self.jobs, self.pages.machine_only
        submit = jobs.submit_v1 if version == 1 else jobs.submit_v2
        table = {
            "POST /compute/job/{resource}": self._private(submit, (), check),
            "PUT /compute/job/{resource}/{job}": self._private(jobs.update, (), check),
            f"GET {STATUS}/{{job}}": self._private(jobs.one, SINGLE, check),
            "DELETE /compute/cancel/{resource}/{job}": self._private(jobs.cancel, (), check),
        }
        bulk = {f"POST {STATUS}": self._private(jobs.many, BULK, check)}
        return {**table, **bulk} if jobs.bulk else table

    def _files(self, version: int) -> dict[str, Handler]:
        if "filesystem" in self.flavour.absent:
            return {}
        check = self.pages.storage_only
        table = {
            f"{'GET' if version == 1 else 'POST'} {FILES}/resources": guarded(
                self.pages.stores, None
            ),
            f"POST {FILES}/upload/{{resource}}": self._private(self.files.upload, None, check),
        }
        for name in OPERATIONS:
            method = METHODS.get(name, "GET") if version == 1 else "POST"
            in_body = version == 2 or name in {"mkdir", "chmod"}
            handler = self.files.operation(name, in_body)
            table[f"{method} {FILES}/{name}/{{resource}}"] = self._private(handler, None, check)
        return table
