# SPDX-License-Identifier: Apache-2.0
"""An access token that many threads and processes share: one fetches, the others read its file."""

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from condor_plugins.facility.kept import write_whole
from condor_plugins.facility.values import NoNews

# A fetch is one request with a deadline of its own; longer than this nobody holds the lock.
LONGEST_FETCH_S = 60.0
FRESH_PART = 0.8
# What is still sent must arrive before the token ends.
ON_ITS_WAY_S = 10.0


class Token(NamedTuple):
    """A bearer token; times in UNIX seconds."""

    value: str
    made_s: float
    expires_s: float

    def is_fresh(self, now_s: float) -> bool:
        """Whether less than 80 % of its life is over; one from the future is none of ours."""
        end_s = self.made_s + FRESH_PART * (self.expires_s - self.made_s)
        return self.made_s - 60.0 <= now_s < end_s


class Tokens(Protocol):
    """Where Api gets its bearer token."""

    def token(self) -> str:
        """A token that should work now. Raises NoNews or Rejected."""

    def drop(self, value: str) -> None:
        """The service refused this one."""


class TokenCache:
    """Keeps the token in memory and in `path` (mode 0600); `fetch` is called by one at a time.

    While a new one cannot be fetched the old one is used to its end.
    """

    def __init__(
        self, path: Path, fetch: Callable[[], Token], clock: Callable[[], float] = time.time
    ) -> None:
        self._path, self._fetch, self._clock = path, fetch, clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._refused = ""

    def token(self) -> str:
        """Raises what `fetch` raises; NoNews if another process fetches and does not end."""
        return self.current().value

    def current(self) -> Token:
        """The same with its times."""
        with self._lock:
            now_s = self._clock()
            if not self._token or not self._token.is_fresh(now_s):
                self._token = self._renewed(now_s)
            return self._token

    def drop(self, value: str) -> None:
        """The next token() fetches, unless another process has done so."""
        with self._lock:
            self._refused = value
            if self._token and self._token.value == value:
                self._token = None

    def _renewed(self, now_s: float) -> Token:
        try:
            return self._renewed_in_turn(now_s)
        except OSError as err:
            raise NoNews(f"{self._path}: {err.strerror}") from err

    def _renewed_in_turn(self, now_s: float) -> Token:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _lock_of(self._path):
            stored = _read(self._path)
            if stored and stored.value == self._refused:
                stored = None
            if stored and stored.is_fresh(now_s):
                return stored
            try:
                made = self._fetch()
            except NoNews:
                old = stored or self._token
                if old and self._clock() + ON_ITS_WAY_S < old.expires_s:
                    return old
                raise
            write_whole(self._path, json.dumps(made).encode())
            return made


@contextmanager
def _lock_of(path: Path) -> Iterator[None]:
    """The lock lies beside the file, for the file itself is replaced."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    handle = os.open(path.with_name(path.name + ".lock"), flags, 0o600)
    try:
        give_up_s = time.monotonic() + LONGEST_FETCH_S
        while not _locked(handle):
            if time.monotonic() > give_up_s:
                raise NoNews("another process is fetching the token and does not end")
            time.sleep(0.05)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path) -> Token | None:
    """None without a file, and for one that others can read or may have written."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(handle)
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            return None
        try:
            value, made_s, expires_s = json.load(stream)
            return Token(str(value), float(made_s), float(expires_s))
        except (ValueError, TypeError):
            return None
