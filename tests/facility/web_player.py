# SPDX-License-Identifier: Apache-2.0
"""A tiny HTTP server for the tests of this directory: it answers what a test tells it to."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Heard(NamedTuple):
    """One request as it came in; `path` as it was written, without the query."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class Said(NamedTuple):
    """One answer. `cut`: the body ends after so many bytes. `silent`: no answer at all."""

    body: bytes = b"{}"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    cut: int = -1
    silent: bool = False
    slow_s: float = 0.0


def said(value: Any, status: int = 200, **headers: str) -> Said:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Said(json.dumps(value).encode(), status, named)


Play = Callable[[Heard], Said]


class _Server(ThreadingHTTPServer):
    # Many threads connect at once; who finds no room comes again after a whole second.
    request_queue_size = 128


class Player:
    """Counts what it heard; `play` may be replaced at any time."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.heard: list[Heard] = []
        self.connections = 0
        self.ending = threading.Event()
        handler = type("Bound", (_Handler,), {"player": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def asked(self, method: str, path: str) -> list[Heard]:
        return [one for one in self.heard if one.method == method and path in one.path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    player: Player

    def setup(self) -> None:
        self.player.connections += 1
        super().setup()

    def _any(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length", "0"))
        one = Heard(
            self.command,
            # urlsplit takes what follows two slashes for a host; a path is meant here.
            self.path.partition("?")[0],
            dict(parse_qsl(parts.query)),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length),
        )
        self.player.heard.append(one)
        self._answer(self.player.play(one))

    do_GET = do_POST = do_PUT = do_DELETE = _any

    def _answer(self, answer: Said) -> None:
        self.close_connection = answer.silent or answer.cut >= 0
        if answer.silent:
            return
        self.send_response(answer.status)
        for name, value in (*answer.headers, ("Content-Length", str(len(answer.body)))):
            self.send_header(name, value)
        self.end_headers()
        body = answer.body[: answer.cut] if answer.cut >= 0 else answer.body
        if not answer.slow_s:
            self.wfile.write(body)
            return
        for start in range(len(body)):
            if self.player.ending.wait(answer.slow_s):
                return
            self.wfile.write(body[start : start + 1])

    def log_message(self, format: str, *_: Any) -> None:
        """Nothing on the terminal."""


@contextmanager
def playing(play: Play) -> Iterator[Player]:
    player = Player(play)
    thread = threading.Thread(target=player.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield player
    finally:
        player.ending.set()
        player.server.shutdown()
        player.server.server_close()
        thread.join()


def script(*answers: Said) -> Play:
    """These answers in turn; the last one for good."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]
