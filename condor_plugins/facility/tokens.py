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

# After a fetch that failed the service is left in peace for this long, or as long as it asks.
PAUSE_S = 30.0
LONGEST_PAUSE_S = 300.0
# Files of logins that are not used any more.
OLD_S = 14 * 86400.0
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
    """Keeps the token in memory and in a file (mode 0600); `fetch` is called by one at a time.

    `where` tells the file: another one as soon as the login is another. `longest_s`: so long a
    fetch may take. While a new token cannot be fetched the old one is used to its end.
    """

    def __init__(
        self,
        where: Callable[[], Path],
        fetch: Callable[[], Token],
        clock: Callable[[], float] = time.time,
        longest_s: float = 60.0,
    ) -> None:
        self._where, self._fetch, self._clock = where, fetch, clock
        self._longest_s = longest_s
        self._lock = threading.Lock()
        self._path = where()
        self._forget()

    def _forget(self) -> None:
        self._token: Token | None = None
        self._refused = ""
        self._failed = NoNews("no token")
        self._again_s = 0.0

    def token(self) -> str:
        """Raises what `fetch` raises; NoNews if another process fetches and does not end."""
        return self.current().value

    def current(self) -> Token:
        """The same with its times."""
        with self._lock:
            path, now_s = self._where(), self._clock()
            if path != self._path:
                self._path = path
                self._forget()
            if not self._token or not self._token.is_fresh(now_s):
                self._token = self._renewed(now_s)
            return self._token

    def drop(self, value: str) -> None:
        """The next token() fetches, unless another process has done so.

        The pause after a fetch that failed was for a token that still served: it ends, unless the
        service asked for it. Only the token in use ends it, so each can do so once.
        """
        with self._lock:
            self._refused = value
            if self._token and self._token.value == value:
                self._token = None
                if self._failed.retry_after_s <= 0:
                    self._again_s = 0.0

    def _renewed(self, now_s: float) -> Token:
        try:
            return self._renewed_in_turn(now_s)
        except NoNews as err:
            failed = err
        except OSError as err:
            failed = NoNews(f"{self._path}: {err.strerror}")
        for old in (_read(self._path), self._token):
            usable = old and old.value != self._refused
            if old and usable and self._clock() + ON_ITS_WAY_S < old.expires_s:
                return old
        raise failed

    def _renewed_in_turn(self, now_s: float) -> Token:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _lock_of(self._path, self._longest_s):
            stored = _read(self._path)
            if stored and stored.value == self._refused:
                stored = None
            if stored and stored.is_fresh(now_s):
                return stored
            # A clock that was set back does not prolong the pause.
            if now_s < self._again_s <= now_s + self._pause_s():
                raise NoNews(self._failed.reason, self._again_s - now_s, self._failed.maintenance)
            try:
                made = self._fetch()
            except NoNews as err:
                self._failed = err
                self._again_s = self._clock() + self._pause_s()
                raise
            write_whole(self._path, json.dumps(made).encode())
            self._tidy()
            return made

    def _pause_s(self) -> float:
        return min(max(self._failed.retry_after_s, PAUSE_S), LONGEST_PAUSE_S)

    def _tidy(self) -> None:
        """Remove what other logins left here long ago."""
        stem = self._path.name.rpartition("-")[0]
        for other in self._path.parent.glob(f"{stem}-*") if stem else ():
            mine = other.name.startswith(self._path.name)
            if not mine and time.time() - other.stat().st_mtime > OLD_S:
                other.unlink(missing_ok=True)


@contextmanager
def _lock_of(path: Path, longest_s: float) -> Iterator[None]:
    """The lock lies beside the file, for the file itself is replaced."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    handle = os.open(path.with_name(path.name + ".lock"), flags, 0o600)
    try:
        give_up_s = time.monotonic() + longest_s
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
