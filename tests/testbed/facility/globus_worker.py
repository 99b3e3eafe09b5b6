# SPDX-License-Identifier: Apache-2.0
"""Runs one task of Globus Compute: `globus_worker.py DIRECTORY`.

`task.json` in the directory has {"id", "payload", "serializers"}; `result.json` appears there when
the task has ended, with either "result" or "exception". A copy of this file lies beside each task,
because a compute node need not see the stand-in: it imports nothing of the package. Plain source
("st", "sd") and JSON ("11") need the standard library only, all else the Globus Compute SDK.
"""

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

MOST_BYTES = 10 * 1024 * 1024
SOURCE = frozenset({"st", "sd"})
JSON = "11"


class SerializationError(Exception):
    """No way was found to write the result as text."""


class MaxResultSizeExceeded(Exception):
    """The result as text is too long; arguments are its size and the limit, in bytes."""


def pack(buffers: Sequence[str]) -> str:
    return "".join(f"{len(one)}\n{one}" for one in buffers)


def unpack(text: str) -> list[str]:
    """The buffers of a packed text. Raises ValueError if it is none."""
    found = []
    while text:
        length, newline, rest = text.partition("\n")
        if not newline or not length.isdigit() or int(length) > len(rest):
            raise ValueError("the payload is no sequence of packed buffers")
        found.append(rest[: int(length)])
        text = rest[int(length) :]
    return found


def run(payload: str, serializers: Sequence[str]) -> str:
    """What the function of the payload returned, as text; raises what it raised."""
    code, arguments, keywords = unpack(payload)
    result = _function(code)(*_value(arguments), **_value(keywords))
    text = _written(result, serializers)
    if len(text) > MOST_BYTES:
        raise MaxResultSizeExceeded(len(text), MOST_BYTES)
    return text


def _function(buffer: str) -> Callable[..., Any]:
    kind, _, body = buffer.partition("\n")
    if kind not in SOURCE:
        return _sdk().deserialize(buffer)  # type: ignore[no-any-return]
    name, _, source = body.partition(":")
    space: dict[str, Any] = {}
    exec(source, space)  # noqa: S102 - to run what was submitted is the service
    return space[name]  # type: ignore[no-any-return]


def _value(buffer: str) -> Any:
    kind, _, body = buffer.partition("\n")
    return json.loads(body) if kind == JSON else _sdk().deserialize(buffer)


def _written(value: Any, serializers: Sequence[str]) -> str:
    errors: list[Exception] = []
    for name in serializers or ("",):
        try:
            return _by(name, value)
        except Exception as error:  # noqa: BLE001 - the next serializer may be able to
            errors.append(error)
    raise SerializationError("All strategies failed.") from ExceptionGroup(
        "Strategy failures:", errors
    )


def _by(name: str, value: Any) -> str:
    if name.rpartition(".")[2] == "JSONData":
        return f"{JSON}\n{json.dumps(value)}"
    return str(_sdk().serialize_from_list(value, [name] if name else []))


def _sdk() -> Any:
    return importlib.import_module("globus_compute_sdk.serialize").ComputeSerializer()


def main(directory: Path) -> None:
    task = json.loads((directory / "task.json").read_text())
    sandbox = directory / "sandbox"
    sandbox.mkdir(exist_ok=True)
    os.chdir(sandbox)
    os.environ.update(GC_TASK_UUID=task["id"], GC_TASK_SANDBOX_DIR=str(sandbox))
    (directory / "started").touch()
    answer: Mapping[str, str]
    try:
        answer = {"result": run(task["payload"], task["serializers"])}
    except BaseException:  # noqa: BLE001 - whatever ends the function is the task's result
        answer = {"exception": traceback.format_exc()}
    written = directory / "result.json.new"
    written.write_text(json.dumps(answer))
    written.replace(directory / "result.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
