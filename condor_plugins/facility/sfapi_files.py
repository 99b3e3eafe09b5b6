# SPDX-License-Identifier: Apache-2.0
"""Small files at a facility with the Superfacility API, all below one directory of ours."""

import base64
import binascii
import os
import posixpath
import re
import shlex
import threading
from collections.abc import Iterator, Sequence

from condor_plugins.facility.api import Api
from condor_plugins.facility.paths import ours
from condor_plugins.facility.sfapi_tasks import Tasks, error_of, path_of, told
from condor_plugins.facility.values import Facility, NoNews, Rejected
from condor_plugins.facility.web import TooLarge, one_line

MISSING = re.compile(r"no such file|not found|does not exist|cannot access", re.I)
ABSENT = re.compile(r"no such file or directory|file not found|file does not exist", re.I)
LARGE = re.compile(r"too (?:large|big)|size|limit", re.I)
# What only a person can change.
FOR_GOOD = re.compile(r"permission denied|quota|read-only|not permitted|not a directory", re.I)
# One command line holds that much on every system.
MOST_LINE = 32000


class Files:
    """Nothing outside the facility's root is ever read, written or removed."""

    def __init__(self, api: Api, tasks: Tasks, machine: str, facility: Facility) -> None:
        self._api, self._tasks, self._machine = api, tasks, machine
        self._facility = facility
        self._lock = threading.Lock()
        self._made: set[str] = set()

    def put(self, path: str, content: bytes) -> None:
        """Nobody but the account can read it, for the directories are made with mode 0700."""
        directory = posixpath.dirname(ours(path, self._facility))
        self._make(directory)
        words = self._upload(path, content)
        if MISSING.search(words):  # somebody has cleaned up since
            self._made.discard(directory)
            self._make(directory)
            words = self._upload(path, content)
        if words:
            raise _failed(f"{path}: {words}")

    def get(self, path: str, most_bytes: int) -> bytes | None:
        """The end of the file; a file too large for a download is cut over there."""
        asked = path_of("utilities", "download", self._machine, file=ours(path, self._facility))
        try:
            reply = self._api.ask("GET", asked, query=[("binary", "true")])
            if reply.status == 404 and reply.is_own():
                return None
            said = told(reply)
        except TooLarge:
            return self._tail(path, most_bytes)
        words = error_of(said)
        if words and str(said.get("status")).upper() == "ERROR" and ABSENT.search(words):
            return None
        if words:
            return self._without(path, words, most_bytes)
        content = _decoded(said.get("file"), bool(said.get("is_binary")))
        return content[-most_bytes:] if most_bytes else b""

    def remove(self, paths: Sequence[str]) -> None:
        """Whole directories too. Raises Rejected, before anything is removed, for a strange one."""
        for words in _bunches([ours(path, self._facility) for path in paths]):
            done = self._tasks.run(["rm", "-rf", "--", *words])
            if done.code:
                raise _failed(done.words or f"rm ended with {done.code}")
        gone = tuple(f"{path}/" for path in paths)
        with self._lock:
            self._made = {one for one in self._made if not f"{one}/".startswith(gone)}

    def _make(self, directory: str) -> None:
        """With all above it down from the root, each named, for only those get the mode."""
        if directory in self._made:
            return
        with self._lock:
            if directory in self._made:
                return
            steps = [directory]
            while steps[-1] != self._facility.root.rstrip("/"):
                steps.append(posixpath.dirname(steps[-1]))
            done = self._tasks.run(["mkdir", "-p", "-m", "0700", "--", *reversed(steps)])
            if done.code:
                raise _failed(f"{directory}: {done.words or 'mkdir failed'}")
            self._made.update(steps)

    def _upload(self, path: str, content: bytes) -> str:
        """ "" or the words of the failure."""
        mark = os.urandom(16).hex()
        head = (
            f"--{mark}\r\n"
            'Content-Disposition: form-data; name="file"; filename="upload"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
        asked = path_of("utilities", "upload", self._machine, file=path)
        kind = f"multipart/form-data; boundary={mark}"
        return error_of(told(self._api.ask("PUT", asked, body=body, content_type=kind)))

    def _without(self, path: str, words: str, most_bytes: int) -> bytes:
        if LARGE.search(words):
            return self._tail(path, most_bytes)
        raise NoNews(f"{path}: {one_line(words)}")

    def _tail(self, path: str, most_bytes: int) -> bytes:
        line = f"tail -c {int(most_bytes)} -- {shlex.quote(path)} | base64 -w0"
        done = self._tasks.run(["bash", "-c", line])
        if done.code or done.words:
            raise NoNews(f"{path}: {done.words or 'tail failed'}")
        return _decoded(done.output.strip(), True)


def _decoded(said: object, is_binary: bool) -> bytes:
    if not isinstance(said, str):
        raise NoNews("download without a content")
    if not is_binary:
        return said.encode(errors="replace")
    try:
        return base64.b64decode("".join(said.split()), validate=True)
    except (binascii.Error, ValueError) as err:
        raise NoNews("download is no base64") from err


def _bunches(words: Sequence[str]) -> Iterator[list[str]]:
    bunch: list[str] = []
    length = 0
    for word in words:
        if bunch and length + len(word) > MOST_LINE:
            yield bunch
            bunch, length = [], 0
        bunch.append(word)
        length += len(shlex.quote(word)) + 1
    if bunch:
        yield bunch


def _failed(words: str) -> NoNews | Rejected:
    return (Rejected if FOR_GOOD.search(words) else NoNews)(one_line(words))
