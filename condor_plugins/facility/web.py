# SPDX-License-Identifier: Apache-2.0
"""HTTP for the facilities: connections that stay open, one deadline per call, careful repeats."""

import random
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from http.client import HTTPException, HTTPResponse
from typing import NamedTuple, TypedDict, Unpack
from urllib.parse import urlencode, urljoin, urlsplit

from condor_plugins.facility.connection import Connection
from condor_plugins.facility.reply import NotTaken, Reply, TooLarge, one_line
from condor_plugins.facility.values import NoNews

__all__ = ["How", "NotTaken", "Reply", "TooLarge", "Web", "one_line", "origin_of"]

VERSION = "0.1.0"
MOST_BODY_BYTES = 64 * 1024 * 1024
TRIES = 3
AGAIN = (429, 502, 503, 504)
REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 3
# Front ends close idle connections after about a minute; ours are older than that only by mistake.
IDLE_S = 30.0

Origin = tuple[str, str, int]


class How(TypedDict, total=False):
    """The optional parts of a request. `repeat=False`: at most one copy may reach the wire."""

    query: Sequence[tuple[str, str]]
    body: bytes
    content_type: str
    headers: Mapping[str, str] | None
    repeat: bool


class _Request(NamedTuple):
    method: str
    url: str
    query: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] | None = None
    repeat: bool = True

    def target(self) -> str:
        """What stands in the request line."""
        parts = urlsplit(self.url)
        query = "&".join(filter(None, (parts.query, urlencode(self.query))))
        return (parts.path or "/") + ("?" + query if query else "")

    def all_headers(self) -> dict[str, str]:
        said = {"Accept": "application/json", "User-Agent": f"htcondor-glideins/{VERSION}"}
        if self.content_type:
            said["Content-Type"] = self.content_type
        return said | dict(self.headers or {})


def origin_of(url: str) -> Origin:
    """Scheme, host and port; ValueError if this is no address for HTTP."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url} is no http or https address")
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


class Web:
    """Asks from any number of threads; `connections` are kept open for the next call.

    `timeout_s` bounds a whole call: connecting, repeats, and the last byte of a slow body.
    """

    def __init__(self, timeout_s: float, connections: int = 8) -> None:
        self._timeout_s = timeout_s
        self._connections = connections
        self._lock = threading.Lock()
        self._idle: list[tuple[Origin, Connection, float]] = []

    def close(self) -> None:
        """Close what is kept open; the next call opens anew."""
        with self._lock:
            old, self._idle = self._idle, []
        for _, one, _ in old:
            one.close()

    def __del__(self) -> None:
        self.close()

    def ask(self, method: str, url: str, **how: Unpack[How]) -> Reply:
        """The answer, whatever its status. NoNews without one; NotTaken if it surely did not go.

        With `repeat` lost connections and 429, 502, 503, 504 are tried up to three times while the
        time allows, and NotTaken speaks of the last try only. Redirects are followed for GET and
        within one origin; others are returned.
        """
        request = _Request(method, url, **how)
        deadline_s = time.monotonic() + self._timeout_s
        for _ in range(MOST_REDIRECTS):
            reply = self._asked(request, deadline_s)
            if request.method != "GET" or reply.status not in REDIRECTS:
                break
            try:
                onward = urljoin(request.url, reply.headers.get("location", ""))
            except ValueError as err:
                raise NoNews(f"redirected to no address: {_words(err)}") from err
            if not _same_origin(onward, request.url):
                break
            request = request._replace(url=onward, query=())
        return reply

    def _asked(self, request: _Request, deadline_s: float) -> Reply:
        tries = TRIES if request.repeat else 1
        for tried in range(1, tries + 1):
            try:
                reply = self._once(request, deadline_s)
            except NoNews as err:
                last = tried == tries or isinstance(err, TooLarge)
                if last or not _pause(tried, 0.0, deadline_s):
                    raise
            else:
                last = tried == tries or reply.status not in AGAIN
                if last or not _pause(tried, reply.retry_after_s(), deadline_s):
                    return reply
        raise AssertionError("a last try returns or raises")

    def _once(self, request: _Request, deadline_s: float) -> Reply:
        """One exchange. A kept connection may have died unseen: then a new one, free of charge.

        What must not go twice gets a new connection at once.
        """
        origin = origin_of(request.url)
        kept = self._kept(origin) if request.repeat else None
        if kept:
            try:
                return self._exchange(kept, request, deadline_s)
            except NoNews as err:
                if isinstance(err, TooLarge):
                    raise
        return self._exchange(self._connected(origin, deadline_s), request, deadline_s)

    def _connected(self, origin: Origin, deadline_s: float) -> Connection:
        scheme, host, port = origin
        made = Connection(host, port, self._tls if scheme == "https" else None)
        made.clock.deadline_s = deadline_s
        try:
            made.connect()
        except (OSError, UnicodeError) as err:
            raise NotTaken(f"{host}:{port}: {_words(err)}") from err
        return made

    def _exchange(self, on: Connection, request: _Request, deadline_s: float) -> Reply:
        on.clock.deadline_s = deadline_s
        try:
            body = request.body or None
            on.request(request.method, request.target(), body, request.all_headers())
            answer = on.getresponse()
            reply = Reply(
                answer.status,
                {name.lower(): value for name, value in answer.getheaders()},
                _body(answer),
            )
        except (OSError, HTTPException, ValueError) as err:
            on.close()
            raise NoNews(f"{on.host}:{on.port}: {_words(err)}") from err
        except BaseException:
            on.close()
            raise
        self._keep(origin_of(request.url), on)
        return reply

    def _kept(self, origin: Origin) -> Connection | None:
        """The youngest open connection to that origin, if one is still good."""
        with self._lock:
            mine = [row for row in self._idle if row[0] == origin]
            self._idle = [row for row in self._idle if row[0] != origin]
            found = None
            while mine and found is None:
                _, found, since_s = mine.pop()
                if time.monotonic() - since_s > IDLE_S or not found.is_quiet():
                    found.close()
                    found = None
            self._idle += mine
            return found

    def _keep(self, origin: Origin, connection: Connection) -> None:
        if not connection.sock:  # the other side wanted it closed
            return
        with self._lock:
            self._idle.append((origin, connection, time.monotonic()))
            old, self._idle = (
                self._idle[: -self._connections],
                self._idle[-self._connections :],
            )
        for _, one, _ in old:
            one.close()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


def _body(answer: HTTPResponse) -> bytes:
    """All of it; an early end and an excess are errors, however the length was announced."""
    pieces, size = [], 0
    while piece := answer.read(65536):
        pieces.append(piece)
        size += len(piece)
        if size > MOST_BODY_BYTES:
            raise TooLarge("answer is too large")
    if answer.length:
        raise HTTPException("answer is cut off")
    return b"".join(pieces)


def _pause(tried: int, asked_s: float, deadline_s: float) -> bool:
    """Wait before the next try; False, at once, if the wait does not fit before the deadline."""
    wait_s = max(asked_s, 0.2 * 2**tried) * random.uniform(1.0, 1.5)  # noqa: S311 - no secret
    if time.monotonic() + wait_s >= deadline_s:
        return False
    time.sleep(wait_s)
    return True


def _same_origin(one: str, other: str) -> bool:
    try:
        return origin_of(one) == origin_of(other)
    except ValueError:
        return False


def _words(err: Exception) -> str:
    if isinstance(err, TimeoutError):
        return "no answer in time"
    return one_line(str(err)) or type(err).__name__
