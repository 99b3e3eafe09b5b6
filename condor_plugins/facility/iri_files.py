# SPDX-License-Identifier: Apache-2.0
"""Files through IRI: every operation is a task that is started and then asked for."""

import base64
import binascii
import posixpath
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Unpack
from urllib.parse import quote

from condor_plugins.facility.iri_api import STORAGE, IriApi, body
from condor_plugins.facility.paths import ours
from condor_plugins.facility.reply import FRONT, Reply, one_line
from condor_plugins.facility.values import Facility, NoNews, Rejected
from condor_plugins.facility.web import How

# The API's own limit for one file, either way.
MOST_BYTES = 5 * 1024 * 1024
AT_ONCE = 10
ABSENT = re.compile(r"no such file|not found|not exist|cannot stat", re.I)
PASSING = re.compile(r"time[d ]*-?out|temporar|unavailable|try again|busy", re.I)
TOO_LARGE = re.compile(r"too large|size limit|exceed|maximum", re.I)
OVER = {"completed", "failed", "canceled"}


class TaskFailed(Exception):
    """What the facility says of an operation that did not work."""


class Files:
    """put, get and remove of the backend, below the facility's root only."""

    def __init__(self, api: IriApi, facility: Facility) -> None:
        self._api, self._facility = api, facility
        self._made: set[str] = set()
        # A task has started within a minute or is not worth waiting for.
        self._patience_s = max(60.0, 2 * facility.timeout_s)

    def make(self, directory: str) -> None:
        """This directory and those above it, for us alone; asked for once in a process."""
        if directory in self._made:
            return
        try:
            self._run("POST", "mkdir", {"path": directory, "parent": True})
        except TaskFailed as err:
            if not re.search("exists", str(err), re.I):
                raise _refused(err) from err
        # The mode of a directory that somebody else made is his affair.
        with suppress(TaskFailed):
            self._run("PUT", "chmod", {"path": directory, "mode": "700"})
        self._made.add(directory)

    def put(self, path: str, content: bytes) -> None:
        """The directory is closed to others before the file comes. Raises NoNews, Rejected."""
        if len(content) > MOST_BYTES:
            raise Rejected(f"{path}: more than the {MOST_BYTES} bytes that the facility takes")
        directory = posixpath.dirname(ours(path, self._facility))
        for last in (False, True):
            self.make(directory)
            try:
                return self._upload(path, content)
            except TaskFailed as err:
                # Somebody cleaned up since the directory was made: make it again, once.
                self._made.discard(directory)
                if last or not ABSENT.search(str(err)):
                    raise _refused(err) from err
        return None

    def get(self, path: str, most_bytes: int) -> bytes | None:
        """None if it is not there. Of a file that is too large for the API: its end, as text."""
        try:
            said = self._run("GET", "download", {"path": ours(path, self._facility)})
        except TaskFailed as err:
            if ABSENT.search(str(err)):
                return None
            if not TOO_LARGE.search(str(err)):
                raise _refused(err) from err
            return self._tail(path, min(most_bytes, MOST_BYTES // 2))
        try:
            content = base64.b64decode(said, validate=True)
        except (TypeError, ValueError, binascii.Error) as err:
            raise NoNews(f"{path}: the facility sent no base64") from err
        return content[max(len(content) - most_bytes, 0) :]

    def remove(self, paths: Sequence[str]) -> None:
        """Some at a time, each with all that is in it; what is not there is no error."""
        todo = [ours(path, self._facility) for path in paths]
        self._made.difference_update(todo)
        for start in range(0, len(todo), AT_ONCE):
            self._remove_some(todo[start : start + AT_ONCE])

    def _remove_some(self, paths: Sequence[str]) -> None:
        failed: list[TaskFailed] = []
        tasks = []
        for path in paths:
            try:
                tasks.append(self._start("DELETE", "rm", {"path": path}))
            except TaskFailed as err:
                failed.append(err)
        for task in tasks:
            try:
                self._end(task)
            except TaskFailed as err:
                failed.append(err)
        for one in failed:
            if not ABSENT.search(str(one)):
                raise _refused(one)

    def _tail(self, path: str, most_bytes: int) -> bytes:
        try:
            said = self._run("GET", "tail", {"path": path, "bytes": most_bytes})
        except TaskFailed as err:
            raise _refused(err) from err
        content = said.get("content") if isinstance(said, dict) else None
        if not isinstance(content, str):
            raise NoNews(f"{path}: the facility sent no text")
        return content.encode(errors="replace")

    def _upload(self, path: str, content: bytes) -> None:
        mark = secrets.token_hex(16)
        head = (
            f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        whole = head.encode("ascii") + content + f"\r\n--{mark}--\r\n".encode("ascii")
        kind = f"multipart/form-data; boundary={mark}"
        query = [("path", path)]
        self._end(self._asked("POST", "upload", query=query, body=whole, content_type=kind))

    def _run(self, method: str, verb: str, words: Mapping[str, Any]) -> Any:
        return self._end(self._start(method, verb, words))

    def _start(self, method: str, verb: str, words: Mapping[str, Any]) -> str:
        """v1 has methods and, without a body, a query; in v2 all is POST with a body."""
        if self._api.version() == "2":
            return self._asked("POST", verb, **body(words))
        if method in {"GET", "DELETE"}:
            query = [(name, str(value)) for name, value in words.items()]
            return self._asked(method, verb, query=query)
        return self._asked(method, verb, **body(words))

    def _asked(self, method: str, verb: str, **how: Unpack[How]) -> str:
        """The task's id. Each of our operations may be carried out twice without harm."""
        reply = self._api.at(STORAGE, method, f"filesystem/{verb}/{{}}", **how)
        # A 401 tells of the token; a 403 may be said of this one operation.
        optional = {403} if verb == "chmod" else set()
        told = {400, 413, 422, 501} | optional
        if reply.status in told or (reply.status in FRONT and reply.is_own()):
            raise TaskFailed(reply.words() or f"HTTP {reply.status}")
        said = reply.check().json()
        task = said.get("task_id") if isinstance(said, dict) else None
        if not isinstance(task, str | int) or not str(task):
            raise NoNews(f"{verb}: the facility names no task")
        return str(task)

    def _end(self, task: str) -> Any:
        """The task's output. NoNews if it does not end in time, TaskFailed if it did not work."""
        give_up_s = time.monotonic() + self._patience_s
        pause_s = 0.1
        while True:
            # Our own address, not the task_uri of the answer: the token stays with the facility.
            row = _task(self._api.ask("GET", f"task/{quote(task, safe='')}"))
            if row.get("status") in OVER:
                return _output(row)
            if time.monotonic() > give_up_s:
                raise NoNews(f"file task {one_line(task, 60)} does not end")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 2.0)


def _task(reply: Reply) -> dict[str, Any]:
    row = reply.check().json()
    if not isinstance(row, dict):
        raise NoNews("the facility's answer is no task")
    return row


def _output(row: Mapping[str, Any]) -> Any:
    """NERSC puts an error under another name, and not every failure has the state of one."""
    result = row.get("result")
    said = result if isinstance(result, dict) else {"output": result}
    output, error = said.get("output"), said.get("error")
    if row.get("status") == "completed" and not error:
        return output
    raise TaskFailed(one_line(str(error or output or "no reason given")))


def _refused(err: TaskFailed) -> NoNews | Rejected:
    words = str(err)
    return NoNews(words) if PASSING.search(words) else Rejected(words)
