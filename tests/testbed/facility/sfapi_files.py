# SPDX-License-Identifier: Apache-2.0
"""SFAPI's /utilities/: small files and commands of the mapped user.

What fails at the file is HTTP 200 with status ERROR and the words that the tool would print.
"""

import base64
import errno
import os
import shlex
from collections.abc import Mapping
from typing import Any

from .faults import Faults
from .files import Entry, Files
from .wire import Request, Response, answer


def listing(files: Files, _: Request, words: Mapping[str, str]) -> Response:
    path = words["path"]
    try:
        entries = [_row(entry) for entry in files.list(path)]
    except OSError as error:
        failed = f"ls: cannot access '{path}': {error.strerror}"
        return answer({"status": "ERROR", "entries": [], "error": failed})
    told = {"status": "OK", "entries": entries, "file": None, "is_binary": False, "error": None}
    return answer(told)


def upload(files: Files, faults: Faults, request: Request, words: Mapping[str, str]) -> Response:
    content = request.part("file")
    if content is None:
        return missing("file")
    half = faults.take("half-upload", request)
    try:
        files.write(words["path"], content[: len(content) // 2] if half else content)
        if half:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        return answer({"status": "ERROR", "output": None, "error": f"{error}"})
    return answer({"status": "OK", "output": f"Uploaded {len(content)} bytes", "error": None})


def download(files: Files, request: Request, words: Mapping[str, str]) -> Response:
    binary = request.value("binary").lower() == "true"
    try:
        content = files.read(words["path"])
        text = base64.b64encode(content).decode() if binary else content.decode()
    except (OSError, UnicodeDecodeError) as error:
        told = {"status": "ERROR", "file": None, "is_binary": False, "error": f"{error}"}
    else:
        told = {"status": "OK", "file": text, "is_binary": binary, "error": None}
    return answer(told)


def command(files: Files, line: str) -> dict[str, Any]:
    """What a command's task results in. The line is not given to a shell."""
    try:
        done = files.run(shlex.split(line))
    except (OSError, ValueError) as error:
        return {"status": "error", "output": "", "error": f"{error}", "exit_code": 1}
    return {
        "status": "error" if done.code else "ok",
        "output": done.out,
        "error": done.err,
        "exit_code": done.code,
    }


def missing(name: str) -> Response:
    """422 as the service's framework words it."""
    wrong = {"loc": ["body", name], "msg": "field required", "type": "value_error.missing"}
    return answer({"detail": [wrong]}, 422)


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "perms": entry.perms,
        "hardlinks": entry.hardlinks,
        "user": entry.user,
        "group": entry.group,
        "size": entry.size,
        "date": entry.date(),
        "name": f"{entry.name} -> {entry.target}" if entry.target else entry.name,
    }
