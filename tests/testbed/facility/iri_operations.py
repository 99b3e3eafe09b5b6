# SPDX-License-Identifier: Apache-2.0
"""IRI's file operations: their parameters, and what each does for the mapped user."""

import base64
import hashlib
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .files import Entry, Files
from .iri_forms import NEEDED, invalid, refuse
from .wire import Request

MOST_BYTES = 5 * 1024 * 1024
KINDS = {"d": "directory", "l": "symlink", "-": "file"}
TRUE, FALSE = (
    frozenset({"true", "1", "yes", "on", "t", "y"}),
    frozenset({"false", "0", "no", "off"}),
)
Values = Mapping[str, Any]


class Operation(NamedTuple):
    """`rules`: parameter -> its default; `str`: a text that is needed, `int`: a number or None."""

    run: Callable[[Files, Values], Any]
    rules: Values
    status: int = 200


def shown(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "type": KINDS.get(entry.perms[:1], "other"),
        "link_target": entry.target or None,
        "user": entry.user,
        "group": entry.group,
        "permissions": entry.perms,
        "last_modified": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.changed_s)),
        "size": str(entry.size),
    }


def _mkdir(files: Files, values: Values) -> Any:
    files.make(values["path"], parents=values["parent"])
    return shown(files.entry(values["path"]))


def _chmod(files: Files, values: Values) -> Any:
    files.path(values["path"]).chmod(int(values["mode"], 8))
    return shown(files.entry(values["path"]))


def _ls(files: Files, values: Values) -> Any:
    found = [one for one in files.list(values["path"]) if one.name not in {".", ".."}]
    return [shown(one) for one in found if values["showHidden"] or not one.name.startswith(".")]


def _stat(files: Files, values: Values) -> Any:
    found = os.stat(files.path(values["path"]), follow_symlinks=values["dereference"])
    words = ("mode", "ino", "dev", "nlink", "uid", "gid", "size", "atime", "ctime", "mtime")
    return {word: int(getattr(found, f"st_{word}")) for word in words}


def _checksum(files: Files, values: Values) -> Any:
    digest = hashlib.sha256(files.read(values["path"])).hexdigest()
    return {"algorithm": "SHA-256", "checksum": digest}


def _rm(files: Files, values: Values) -> Any:
    """As `rm -rf`: what is not there is no error."""
    path = files.path(values["path"])
    if path.is_symlink() or path.exists():
        files.remove(values["path"])
    return f"Removed {path}"


def _download(files: Files, values: Values) -> Any:
    content = files.read(values["path"])
    if len(content) > MOST_BYTES:
        raise OSError("File to download is too large.")
    return base64.b64encode(content).decode()


def _head(files: Files, values: Values) -> Any:
    most = -values["skip"] if values["skipTrailing"] else values["skip"]
    return _content(_pieces(files, values)[:most], values)


def _tail(files: Files, values: Values) -> Any:
    least = values["skip"] if values["skipHeading"] else -values["skip"]
    return _content(_pieces(files, values)[least:], values)


def _pieces(files: Files, values: Values) -> bytes | list[bytes]:
    """The file's bytes, or its lines."""
    content = files.read(values["path"])
    return content.splitlines(keepends=True) if values["bytes"] is None else content


def _content(pieces: bytes | list[bytes], values: Values) -> Any:
    whole = pieces if isinstance(pieces, bytes) else b"".join(pieces)
    text = whole.decode("utf-8", "replace")
    unit = "lines" if values["bytes"] is None else "bytes"
    return {
        "content": text, "content_type": unit, "start_position": 0, "end_position": len(text),
    }  # fmt: skip


PART: Values = {"path": str, "bytes": int, "lines": int}
OPERATIONS: Mapping[str, Operation] = {
    "mkdir": Operation(_mkdir, {"path": str, "parent": False}, 201),
    "chmod": Operation(_chmod, {"path": str, "mode": str}),
    "ls": Operation(_ls, {"path": str, "showHidden": False, "recursive": False}),
    "stat": Operation(_stat, {"path": str, "dereference": False}),
    "checksum": Operation(_checksum, {"path": str}),
    "head": Operation(_head, {**PART, "skipTrailing": False}),
    "tail": Operation(_tail, {**PART, "skipHeading": False}),
    "download": Operation(_download, {"path": str}),
    "rm": Operation(_rm, {"path": str}),
}


def values_of(request: Request, operation: Operation, source: Values) -> dict[str, Any]:
    """The operation's parameters. Raises Stop with all that is wrong."""
    wrong: list[tuple[str, str]] = []
    values: dict[str, Any] = {}
    for name, rule in operation.rules.items():
        value = source.get(name)
        try:
            values[name] = _value(rule, value)
        except ValueError as error:
            wrong.append((name, f"{error}"))
    if wrong:
        raise invalid(request, wrong)
    if "lines" in operation.rules:
        if (values["bytes"] is None) == (values["lines"] is None):
            words = "Exactly one of `bytes` or `lines` must be specified."
            raise refuse(request, 400, words)
        values["skip"] = values["lines"] if values["bytes"] is None else values["bytes"]
    return values


def _value(rule: Any, value: Any) -> Any:
    """Raises ValueError with the words of the reference server."""
    if rule is str:
        if value is None:
            raise ValueError(NEEDED)
        if not isinstance(value, str):
            raise ValueError("Input should be a valid string")
        return value
    if rule is int:
        return None if value is None else _count(value)
    word = str(rule if value is None else value).lower()
    if word not in TRUE | FALSE:
        raise ValueError("Input should be a valid boolean, unable to interpret input")
    return word in TRUE


def _count(value: Any) -> int:
    try:
        found = int(value)
    except (TypeError, ValueError):
        words = "Input should be a valid integer, unable to parse string as an integer"
        raise ValueError(words) from None
    if found < 1:
        raise ValueError("Input should be greater than or equal to 1")
    return found
