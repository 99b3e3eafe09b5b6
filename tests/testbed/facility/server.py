# SPDX-License-Identifier: Apache-2.0
"""The stand-in as a whole: one process, one or more ports, all services on each of them.

with StandIn(Pretend(), Settings(user=…, clients={…}), home) as standin:
    standin.url("sfapi"), standin.faults({"kind": "drop", "times": 1}), standin.requests()
"""

import contextlib
import itertools
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from http.server import ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import IO, Any, NamedTuple, cast

from .control import Control
from .faults import Fault, Faults
from .files import Files
from .globus import Globus
from .iri import Iri
from .log import Line, Log
from .scheduler import Scheduler
from .serving import Answer, Handler
from .sfapi import Sfapi
from .wire import Api, Request, Response, answer
from .world import Settings, Tokens, World

PATHS = {
    "": "",
    "sfapi": "/api/v1.2",
    "sfapi-token": "/c2id/token",
    "iri": "/iri/api/v1",
    "iri-v1": "/iri/api/v1",
    "iri-v2": "/iri/api/v2",
    "globus": "",
    "globus-token": "/v2/oauth2/token",
}


class Listen(NamedTuple):
    """Port 0 takes a free one. `latency_s` is added to every request; `log`: an open file."""

    host: str = "127.0.0.1"
    ports: Sequence[int] = (0,)
    latency_s: float = 0.0
    log: IO[str] | None = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        self.connections: set[socket.socket] = set()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Without the look-up of the host's full name, which can hang for seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "stand-in", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no event here."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """Connections that wait for a further request end as well, as if the host were gone."""
        self.shutdown()
        self.server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class StandIn:
    """Bound after construction (so root may bind, then become the user); serves once entered."""

    def __init__(
        self,
        scheduler: Scheduler,
        settings: Settings | None = None,
        home: Path | None = None,
        listen: Listen | None = None,
    ) -> None:
        listen = listen or Listen()
        files = Files(home or Path.home())
        self.world = World(settings or Settings(), scheduler, files, Faults(), Tokens())
        self.log = Log(listen.log)
        self._latency_s = listen.latency_s
        self._control = Control(self.world, self.log)
        self._services = services(self.world)
        handler = type("Bound", (Handler,), {"answer": staticmethod(self.answer)})
        self._servers = [_Server((listen.host, port), handler) for port in listen.ports]
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "StandIn":
        for server in self._servers:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.stop()
        for thread in self._threads:
            thread.join()

    def ports(self) -> list[int]:
        return [server.server_address[1] for server in self._servers]

    def url(self, api: str = "") -> str:
        """The base of a service, as a client has to be given it (`PATHS`)."""
        host, port = self._servers[0].server_address[:2]
        return f"http://{cast(str, host)}:{port}{PATHS[api]}"

    def faults(self, *specs: Mapping[str, Any]) -> None:
        """Add faults; faults.py says what they hold."""
        self.world.faults.add(specs)

    def requests(self) -> list[Line]:
        """What was asked so far, oldest first; a request is in it before its answer leaves."""
        return self.log.lines()

    def count(self, method: str, route_end: str) -> int:
        """How many requests a route got, whatever the answers."""
        return sum(
            count
            for (verb, route, _), count in self.log.counts().items()
            if verb == method and route.endswith(route_end)
        )

    def answer(self, request: Request, local: bool) -> Answer:
        """Called by the threads of the connections. `local`: the client is on this host."""
        if request.path.startswith("/_control/"):
            known = self._control.handle(request) if local else answer({"detail": "Not found"}, 404)
            return Answer(known)
        began = time.time()
        if self._latency_s:
            time.sleep(self._latency_s)
        api = self._service(request.path)
        route = api.template(request) if api else request.path
        told = self._told(api, request) if api else Answer(answer({"detail": "Not found"}, 404))
        status = told.response.status if told.response else 0
        ms = round((time.time() - began) * 1000, 1)
        self.log.add(Line(began, request.method, request.path, route, status, ms, told.fault))
        return told

    def _service(self, path: str) -> Api | None:
        found = (
            api for prefix, api in self._services if path == prefix or path.startswith(f"{prefix}/")
        )
        return next(found, None)

    def _told(self, api: Api, request: Request) -> Answer:
        faults = self.world.faults
        delay = faults.take("delay", request)
        if delay:
            time.sleep(delay.seconds)
        early = self._instead(api, request)
        if early:
            return early
        response = carried_out(api, request)
        if faults.take("drop", request):
            return Answer(None, "drop")
        late = faults.take("status-after", request)
        if late:
            return Answer(_refused(api, request, late, 504), "status-after")
        return bent(response, faults, request, "delay" if delay else "")

    def _instead(self, api: Api, request: Request) -> Answer | None:
        """What answers the request before it reaches its handler."""
        faults = self.world.faults
        if faults.take("drop-before", request):
            return Answer(None, "drop-before")
        fault = faults.take("status", request)
        if fault:
            return Answer(_refused(api, request, fault, 503), "status")
        if faults.take("maintenance", request):
            response = api.maintenance(request)
            return Answer(response, "maintenance") if response else None
        fault = faults.take("expire-token", request) if request.bearer() else None
        if fault:
            self.world.tokens.drop(request.bearer())
            return Answer(_refused(api, request, fault, 401), "expire-token")
        return None


def services(world: World) -> list[tuple[str, Api]]:
    """(prefix, service), the longest prefix first."""
    found: list[Api] = [Sfapi(world), Iri(world), Globus(world)]
    pairs = itertools.chain.from_iterable(((word, api) for word in api.prefixes) for api in found)
    return sorted(pairs, key=lambda pair: -len(pair[0]))


def carried_out(api: Api, request: Request) -> Response:
    try:
        return api.handle(request)
    except Exception:  # noqa: BLE001 - a mistake in one handler must not end the connection silently
        traceback.print_exc()
        return api.refusal(request, 500, "Internal Server Error")


def bent(response: Response, faults: Faults, request: Request, fault: str) -> Answer:
    """The answer as the faults of the way back leave it."""
    if faults.take("truncate", request):
        return Answer(response._replace(body=response.body[: len(response.body) // 2]), "truncate")
    if faults.take("cut", request):
        return Answer(response, "cut", cut=True)
    slow = faults.take("slow-body", request)
    if slow:
        return Answer(response, "slow-body", slow_s=slow.seconds)
    return Answer(response, fault)


def _refused(api: Api, request: Request, fault: Fault, code: int) -> Response:
    response = api.refusal(request, fault.code or code, fault.word or "Service Unavailable")
    if not fault.retry_after:
        return response
    return response._replace(headers=[*response.headers, ("Retry-After", fault.retry_after)])
