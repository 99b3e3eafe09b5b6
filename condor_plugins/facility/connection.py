# SPDX-License-Identifier: Apache-2.0
"""One HTTP connection on which a whole exchange has a deadline, however slowly bytes drip in."""

import io
import select
import socket
import ssl
import time
from http.client import HTTPConnection
from typing import Any, cast

PIECE = 65536


class Clock:
    """The end of the exchange in time.monotonic seconds; every read and write asks it first."""

    def __init__(self) -> None:
        self.deadline_s = 0.0

    def left_s(self) -> float:
        left_s = self.deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s


class _Reading(io.RawIOBase):
    """The reading end of a socket; the time-out shrinks from read to read."""

    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        self._sock, self._clock = sock, clock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int | None:
        self._sock.settimeout(self._clock.left_s())
        return self._raw.readinto(into)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Timed:
    """As much of a socket as http.client uses."""

    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        self.sock, self._clock = sock, clock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self.sock, self._clock), PIECE)

    def sendall(self, content: bytes) -> None:
        view = memoryview(content)
        for start in range(0, len(view), PIECE):
            self.sock.settimeout(self._clock.left_s())
            self.sock.sendall(view[start : start + PIECE])

    def close(self) -> None:
        self.sock.close()


class Connection(HTTPConnection):
    """To one host; `context` is given for https. Set clock.deadline_s before each use."""

    auto_open = 0

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        super().__init__(host, port)
        # The Host header leaves the usual port out.
        self.default_port = 443 if context else 80
        self.clock = Clock()
        self._context = context

    def connect(self) -> None:
        """Raises OSError; nothing has been asked then."""
        sock = self._dial()
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context:
                sock.settimeout(self.clock.left_s())
                sock = self._context.wrap_socket(sock, server_hostname=self.host)
        except BaseException:
            sock.close()
            raise
        self.sock = cast(Any, _Timed(sock, self.clock))

    def _dial(self) -> socket.socket:
        """The first address that answers; each gets a part of the time that is left."""
        failed: OSError = OSError("no address")
        addresses = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in addresses:
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(self.clock.left_s() * 0.4)
                sock.connect(address)
            except OSError as err:
                sock.close()
                failed = err
            else:
                return sock
        raise failed

    def is_quiet(self) -> bool:
        """False once the other side has closed it or speaks without being asked."""
        if not self.sock:
            return False
        watch = select.poll()
        watch.register(cast(_Timed, self.sock).sock, select.POLLIN)
        return not watch.poll(0)
