# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 on a connection: reads requests, writes answers whole, cut, slowly or not at all."""

import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import ClassVar, NamedTuple
from urllib.parse import parse_qsl, unquote

from .wire import Request, Response

MOST_BYTES = 256 * 1024 * 1024
SLOW_PIECES = 20


class Answer(NamedTuple):
    """`response` None: the connection ends without one. `cut`: it ends inside the body."""

    response: Response | None
    fault: str = ""
    cut: bool = False
    slow_s: float = 0.0


class Handler(BaseHTTPRequestHandler):
    """`answer` is set by a subclass: (request, whether the client is on this host) -> Answer."""

    answer: ClassVar[Callable[[Request, bool], Answer]]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    timeout = 300

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            return
        request = self._request(body)
        local = self.client_address[0] in {"127.0.0.1", "::1"}
        told = type(self).answer(request, local)
        if told.response is None:
            self._hang_up()
        else:
            self._write(told.response, told)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _serve

    def log_message(self, format: str, *args: object) -> None:
        """server.py logs."""

    def _body(self) -> bytes | None:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= MOST_BYTES or "Transfer-Encoding" in self.headers:
            self.send_error(411 if "Transfer-Encoding" in self.headers else 413)
            self.close_connection = True
            return None
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return None
        return body

    def _request(self, body: bytes) -> Request:
        # Not urlsplit: a path that begins with two slashes would become a host name.
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(
            self.command,
            unquote(path),
            parse_qsl(query, keep_blank_values=True),
            headers,
            body,
            f"http://{headers.get('host', '')}",
        )

    def _write(self, response: Response, told: Answer) -> None:
        self.send_response(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Type", response.content_type)
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if told.cut:
            self.wfile.write(response.body[: len(response.body) // 2])
            self.wfile.flush()
            self._hang_up()
        elif told.slow_s:
            self._dribble(response.body, told.slow_s)
        elif self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()

    def _dribble(self, body: bytes, seconds: float) -> None:
        size = max(1, -(-len(body) // SLOW_PIECES))
        for begin in range(0, len(body), size):
            self.wfile.write(body[begin : begin + size])
            self.wfile.flush()
            time.sleep(seconds / SLOW_PIECES)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
