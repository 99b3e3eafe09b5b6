# SPDX-License-Identifier: Apache-2.0
"""SFAPI's /status, /meta (both without a token) and /account."""

import os
import time
from collections.abc import Mapping
from typing import Any

from .wire import Handler, Request, Response, answer
from .world import World

DAY_S = 86_400


class About:
    """`public`: routes for everybody; `account`: routes that need a token."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._made_s = time.time()
        self.public: dict[str, Handler] = {
            "GET /status": self._all,
            "GET /status/outages": _no_lists,
            "GET /status/outages/planned": _no_lists,
            "GET /status/outages/planned/{name}": _nothing,
            "GET /status/outages/{name}": _nothing,
            "GET /status/notes": _no_lists,
            "GET /status/notes/{name}": _nothing,
            "GET /status/{name}": self._one,
            "GET /meta/changelog": _nothing,
            "GET /meta/config": _nothing,
        }
        self.account: dict[str, Handler] = {
            "GET /account/": self._user,
            "GET /account/projects": self._projects,
            "GET /account/roles": self._roles,
            "GET /account/groups": self._groups,
            "GET /account/clients": self._clients,
        }

    def machines(self) -> list[str]:
        return [self.world.settings.machine, "dtns"]

    def _status(self, name: str) -> dict[str, Any]:
        down = self.world.faults.on("maintenance")
        return {
            "name": name,
            "full_name": name.capitalize(),
            "description": "System is in maintenance" if down else "System is active",
            "system_type": "compute" if name == self.world.settings.machine else "filesystem",
            "notes": [down.word or "Scheduled maintenance"] if down else [],
            "status": "unavailable" if down else "active",
            "updated_at": _zoned(self._made_s),
        }

    def _all(self, _request: Request, _: Mapping[str, str]) -> Response:
        return answer([self._status(name) for name in self.machines()])

    def _one(self, _: Request, words: Mapping[str, str]) -> Response:
        if words["name"] not in self.machines():
            return answer({"detail": "Not found"}, 404)
        return answer(self._status(words["name"]))

    def _user(self, request: Request, _: Mapping[str, str]) -> Response:
        user = self.world.settings.user
        if request.value("username", user) != user:
            return answer({"detail": "Not found"}, 404)
        names = {"firstname": "Glidein", "lastname": "Factory", "middlename": ""}
        return answer({"uid": os.getuid(), "name": user, **names, "email": ""})

    def _projects(self, _request: Request, _: Mapping[str, str]) -> Response:
        given = float(self.world.settings.options.get("sfapi.hours_given", "1000"))
        used = float(self.world.settings.options.get("sfapi.hours_used", "250"))
        name = self.world.settings.options.get("sfapi.project", "m0001")
        hours = {"hours_given": given, "hours_used": used}
        return answer([
            {"id": 1, "repo_name": name, "description": name, "iris_role": "user", **hours}
        ])

    def _roles(self, _request: Request, _: Mapping[str, str]) -> Response:
        name = self.world.settings.options.get("sfapi.project", "m0001")
        return answer([{"id": 1, "repo_name": name, "description": name, "iris_role": "user"}])

    def _groups(self, _request: Request, _: Mapping[str, str]) -> Response:
        return answer({"groups": [{"gid": os.getgid(), "name": self.world.settings.user}]})

    def _clients(self, _request: Request, _: Mapping[str, str]) -> Response:
        life_s = float(self.world.settings.options.get("sfapi.client_life_s", str(2 * DAY_S)))
        end = _zoned(self._made_s + life_s)
        names = sorted(self.world.settings.clients)
        return answer([{"name": n, "clientId": n, "expiresAt": end, "comments": ""} for n in names])


def _nothing(_request: Request, _: Mapping[str, str]) -> Response:
    return answer([])


def _no_lists(_request: Request, _: Mapping[str, str]) -> Response:
    return answer([[]])


def _zoned(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds))
