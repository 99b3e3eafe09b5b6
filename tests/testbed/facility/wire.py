# SPDX-License-Identifier: Apache-2.0
"""Requests and responses of the stand-in as values, and the table that finds a request's handler.

An API is a class as `Api` describes; server.py finds it by the beginning of the path. Handlers get
the request and what the braces of the route took: `{word}` takes one segment of the path, `{word*}`
the rest of it with all its slashes.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qs

JSON = "application/json"


class Request(NamedTuple):
    """`path`: percent-decoded, slashes as they came, no query. `headers`: names in lower case.

    `base`: scheme, host and port as the client wrote them ("http://perlmutter:8080").
    """

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = {}
    body: bytes = b""
    base: str = ""

    def value(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), default)

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.query if key == name]

    def target(self) -> str:
        """The path, and after a question mark the query, both decoded."""
        query = "&".join(f"{name}={value}" for name, value in self.query)
        return f"{self.path}?{query}" if query else self.path

    def form(self) -> dict[str, list[str]]:
        """The fields of an application/x-www-form-urlencoded body."""
        return parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    def json(self) -> Any:
        """Raises ValueError if the body is no JSON."""
        return json.loads(self.body)

    def bearer(self) -> str:
        """The token of an Authorization header with the word Bearer, else ""."""
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if kind.lower() == "bearer" else ""

    def part(self, name: str) -> bytes | None:
        """One part of a multipart/form-data body."""
        return _part(self.headers.get("content-type", ""), self.body, name)


class Response(NamedTuple):
    """`route`: the template that matched, for the log; `Routes.handle` fills it in."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: Sequence[tuple[str, str]] = ()
    route: str = ""


class Stop(Exception):
    """Ends a handler with a response other than its own."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"{response.status}")
        self.response = response


def answer(value: Any, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Response:
    return Response(status, json.dumps(value).encode(), JSON, headers)


Handler = Callable[[Request, Mapping[str, str]], Response]


class Api(Protocol):
    """One service. Called by several threads at once."""

    prefixes: Sequence[str]

    def template(self, request: Request) -> str:
        """The route of a request for the log, also of one that is not carried out."""

    def handle(self, request: Request) -> Response:
        """Never raises but Stop."""

    def refusal(self, request: Request, status: int, words: str) -> Response:
        """An error in this service's own form; faults and the server itself answer with it."""

    def maintenance(self, request: Request) -> Response | None:
        """What this service answers while it is maintained; None: the request is carried out."""


class Routes:
    """`table`: "METHOD /path/{word}/{rest*}" -> handler, the first that matches; below `prefix`."""

    def __init__(self, prefix: str, table: Mapping[str, Handler]) -> None:
        self._rows = [(*_compiled(prefix, key), handler) for key, handler in table.items()]

    def handle(self, request: Request) -> Response | None:
        """None where no route has this path; Stop is given its route as well."""
        for method, template, pattern, handler in self._rows:
            found = pattern.fullmatch(request.path) if method == request.method else None
            if found:
                return _handled(handler, request, found.groupdict(), template)
        return None

    def template(self, request: Request) -> str:
        """The template alone; the path itself where no route has it."""
        return next(
            (
                template
                for method, template, pattern, _ in self._rows
                if method == request.method and pattern.fullmatch(request.path)
            ),
            request.path,
        )

    def methods(self, path: str) -> list[str]:
        """The methods that this path has: for 405."""
        return [method for method, _, pattern, _ in self._rows if pattern.fullmatch(path)]


def _handled(
    handler: Handler, request: Request, words: Mapping[str, str], template: str
) -> Response:
    try:
        return handler(request, words)._replace(route=template)
    except Stop as stop:
        return stop.response._replace(route=template)


def _compiled(prefix: str, key: str) -> tuple[str, str, re.Pattern[str]]:
    method, _, path = key.partition(" ")
    pattern = re.sub(
        r"\\\{(\w+)(\\\*)?\\\}",
        lambda found: f"(?P<{found[1]}>{'.*' if found[2] else '[^/]+'})",
        re.escape(prefix + path),
    )
    return method, prefix + path, re.compile(pattern, re.DOTALL)


def _part(content_type: str, body: bytes, name: str) -> bytes | None:
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if not found or not content_type.startswith("multipart/form-data"):
        return None
    for piece in (b"\r\n" + body).split(b"\r\n--" + found[1].encode())[1:]:
        head, _, content = piece.partition(b"\r\n\r\n")
        if re.search(rb'(?i)[;\s]name="?%b"?(?:[;\r]|$)' % re.escape(name.encode()), head):
            return content
    return None
