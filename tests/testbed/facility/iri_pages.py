# SPDX-License-Identifier: Apache-2.0
"""IRI's pages about the facility, its resources and the caller's projects."""

import uuid
from collections.abc import Mapping
from typing import Any

from .iri_forms import refuse
from .wire import Request, Response, answer
from .world import World

V1 = "/iri/api/v1"
SPACE = uuid.UUID("5f6f9bb4-5d0e-4a3b-9a53-2f0f3a1f9c11")
CHANGED = "2026-01-01T00:00:00Z"
URNS = {
    "compute": "urn:doe-iri:resource:compute",
    "storage": "urn:doe-iri:resource:storage",
    "node_hours": "urn:doe-iri:allocation:compute:node-hours",
}
STORAGE = "scratch"
GRANTED, USED = 1000.0, 250.0


def id_of(name: str) -> str:
    """The same in each process."""
    return str(uuid.uuid5(SPACE, name))


def prefix_of(request: Request) -> str:
    """Scheme, host and the path of the version."""
    return request.base + "/".join(request.path.split("/")[:4])


def word_of(request: Request, word: str) -> str:
    """A word of v1 is a URN in v2."""
    return word if request.path.startswith(V1) else URNS[word]


class Pages:
    """One facility with one site, a machine of compute nodes and one file system."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.machine = id_of(world.settings.machine)
        self.storage = id_of(STORAGE)
        self.account = world.settings.options.get("iri.account") or "m0001"

    def facility(self, request: Request, _: Mapping[str, str]) -> Response:
        prefix = prefix_of(request)
        return answer({
            **_named(id_of("facility"), "Stand-in Facility", f"{prefix}/facility"),
            "short_name": "STANDIN",
            "organization_name": "Stand-in Organization",
            "support_uri": "https://support.invalid/",
            "site_uris": [f"{prefix}/facility/sites/{id_of('site')}"],
        })  # fmt: skip

    def sites(self, request: Request, _: Mapping[str, str]) -> Response:
        return answer([self._site(request)])

    def site(self, request: Request, words: Mapping[str, str]) -> Response:
        return answer(_chosen(request, [self._site(request)], words["id"], "Site"))

    def _site(self, request: Request) -> dict[str, Any]:
        prefix = prefix_of(request)
        names = (self.machine, self.storage)
        return {
            **_named(id_of("site"), "Stand-in Site", f"{prefix}/facility/sites/{id_of('site')}"),
            "operating_organization": "Stand-in Organization",
            "resource_uris": [f"{prefix}/status/resources/{name}" for name in names],
        }

    def resources(self, request: Request, _: Mapping[str, str]) -> Response:
        return answer(self._page(request, self.all_resources(request)))

    def resource(self, request: Request, words: Mapping[str, str]) -> Response:
        return answer(_chosen(request, self.all_resources(request), words["id"], "Resource"))

    def computers(self, request: Request, _: Mapping[str, str]) -> Response:
        return answer(self.all_resources(request)[:1])

    def stores(self, request: Request, _: Mapping[str, str]) -> Response:
        return answer(self.all_resources(request)[1:])

    def nothing(self, _request: Request, _: Mapping[str, str]) -> Response:
        return answer([])

    def all_resources(self, request: Request, state: str = "up") -> list[dict[str, Any]]:
        """The machine, then the file system."""
        machine = self.world.settings.machine
        return [
            self._resource(request, (self.machine, machine, "compute", "compute"), state),
            self._resource(request, (self.storage, STORAGE, "storage", "filesystem"), state),
        ]

    def _resource(
        self, request: Request, row: tuple[str, str, str, str], state: str
    ) -> dict[str, Any]:
        number, name, kind, endpoint = row
        prefix = prefix_of(request)
        return {
            **_named(number, name, f"{prefix}/status/resources/{number}"),
            "group": self.world.settings.machine,
            "current_status": state,
            "resource_type": word_of(request, kind),
            "supported_endpoints": [endpoint],
            "site_uri": f"{prefix}/facility/sites/{id_of('site')}",
            "capability_uris": [f"{prefix}/account/capabilities/{id_of('cpu')}"],
        }

    def _page(self, request: Request, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        name, kind = request.value("name"), request.value("resource_type")
        return [
            row
            for row in rows
            if (not name or name in row["name"]) and (not kind or kind == row["resource_type"])
        ]

    def machine_only(self, request: Request, words: Mapping[str, str]) -> None:
        """Raises Stop for another resource than the machine."""
        if words["resource"] != self.machine:
            raise refuse(request, 404, "Resource not found")

    def storage_only(self, request: Request, words: Mapping[str, str]) -> None:
        """Raises Stop for another resource than the file system."""
        if words["resource"] != self.storage:
            raise refuse(request, 404, "Resource not found")

    def capabilities(self, request: Request, _: Mapping[str, str]) -> Response:
        units = [word_of(request, "node_hours")]
        return answer([{"id": id_of("cpu"), "name": "CPU Nodes", "units": units}])

    def projects(self, request: Request, _: Mapping[str, str]) -> Response:
        return answer([self._project(request)])

    def project(self, request: Request, words: Mapping[str, str]) -> Response:
        return answer(_chosen(request, [self._project(request)], words["project"], "Project"))

    def allocations(self, request: Request, words: Mapping[str, str]) -> Response:
        _chosen(request, [self._project(request)], words["project"], "Project")
        return answer([self._allocation(request)])

    def allocation(self, request: Request, words: Mapping[str, str]) -> Response:
        _chosen(request, [self._project(request)], words["project"], "Project")
        return answer(_chosen(request, [self._allocation(request)], words["id"], "Allocation"))

    def user_allocations(self, request: Request, words: Mapping[str, str]) -> Response:
        self.allocation(request, words)
        uri = f"{self._uri(request)}/project_allocations/{id_of('allocation')}"
        user = {"id": id_of("user-allocation"), "user_id": self.world.settings.user}
        return answer([{**user, "entries": _entries(request), "project_allocation_uri": uri}])

    def _uri(self, request: Request) -> str:
        return f"{prefix_of(request)}/account/projects/{id_of(self.account)}"

    def _project(self, request: Request) -> dict[str, Any]:
        return {
            "id": id_of(self.account),
            "name": self.account,
            "description": "Pilots",
            "user_ids": [self.world.settings.user],
            "last_modified": CHANGED,
            "self_uri": self._uri(request),
        }

    def _allocation(self, request: Request) -> dict[str, Any]:
        return {
            "id": id_of("allocation"),
            "entries": _entries(request),
            "project_uri": self._uri(request),
            "capability_uri": f"{prefix_of(request)}/account/capabilities/{id_of('cpu')}",
        }


def _entries(request: Request) -> list[dict[str, Any]]:
    unit = word_of(request, "node_hours")
    return [{"allocation": GRANTED, "usage": USED, "unit": unit}]


def _named(number: str, name: str, uri: str) -> dict[str, Any]:
    return {
        "id": number, "self_uri": uri, "name": name, "description": name, "last_modified": CHANGED,
    }  # fmt: skip


def _chosen(request: Request, rows: list[dict[str, Any]], number: str, kind: str) -> dict[str, Any]:
    for row in rows:
        if row["id"] == number:
            return row
    raise refuse(request, 404, f"{kind} not found")
