# SPDX-License-Identifier: Apache-2.0
"""Runs at a Globus Compute endpoint on a login node, sent there as text: files below our root.

Python 3.6 and its standard library are enough. Nothing here raises. Every operation may come
twice: the service may deliver a task again.
"""

import base64
import getpass
import os
import shutil
import tempfile
import time
from typing import Any

PROBLEMS = (OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError)
# In base64 it has to fit into a result of 10 MiB.
MOST_BYTES = 7000000
STOP_S = 30 * 86400.0


def files(asked: "dict[str, Any]") -> "dict[str, Any]":
    """asked: op (whoami, put, get, remove, stop), root, and what the operation needs.

    The answer: ok, and error or what the operation tells.
    """
    try:
        operation = {"whoami": whoami, "put": put, "get": get, "remove": remove, "stop": stop}
        return dict({"ok": True}, **operation[asked["op"]](asked))
    except PROBLEMS as err:
        return {"ok": False, "error": f"{type(err).__name__}: {err}"[:1000]}


def whoami(_asked: "dict[str, Any]") -> "dict[str, Any]":
    return {"user": getpass.getuser(), "node": os.uname()[1]}


def put(asked: "dict[str, Any]") -> "dict[str, Any]":
    """Mode 0600; there whole or not at all."""
    path = below(asked["path"], asked["root"])
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".put.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(base64.b64decode(asked["content"]))
        os.rename(temporary, path)
    except PROBLEMS:
        os.unlink(temporary)
        raise
    return {}


def get(asked: "dict[str, Any]") -> "dict[str, Any]":
    """The end of the file in base64; content is None if it is not there."""
    try:
        with open(below(asked["path"], asked["root"]), "rb") as stream:
            most = min(int(asked["most_bytes"]), MOST_BYTES)
            stream.seek(max(os.fstat(stream.fileno()).st_size - most, 0))
            return {"content": base64.b64encode(stream.read(most)).decode()}
    except (FileNotFoundError, NotADirectoryError):
        return {"content": None}


def remove(asked: "dict[str, Any]") -> "dict[str, Any]":
    for path in [below(path, asked["root"]) for path in asked["paths"]]:
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
    return {}


def stop(asked: "dict[str, Any]") -> "dict[str, Any]":
    """For pilots that are tasks: each looks for the file of its name, and takes it away."""
    folder = os.path.join(asked["root"], "stop")
    old_s = time.time() - STOP_S
    for entry in os.scandir(folder) if os.path.isdir(folder) else ():
        # Of a pilot that had ended before it was told.
        if entry.stat().st_mtime < old_s:
            os.unlink(entry.path)
    for name in asked["names"]:
        put({"root": asked["root"], "path": os.path.join(folder, name), "content": ""})
    return {}


def below(path: str, root: str) -> str:
    """The path, if it is one of ours and written plainly."""
    if os.path.normpath(path) != path or not path.startswith(os.path.join(root, "")):
        raise ValueError(f"{path!r} does not lie below {root}")
    return path
