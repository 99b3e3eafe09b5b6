# SPDX-License-Identifier: Apache-2.0
"""A session (`whole` or `short`) with the real SDK, unchanged, as a program of its own.

The SDK has one address for services of one's own, http://localhost:5000, and reads its settings
from the environment when it is imported. The session's findings go to stdout as one JSON object.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

# ruff: noqa: E402 - a warning of the SDK's own modules is not ours
warnings.simplefilter("ignore")
from globus_compute_sdk import Client, ShellFunction
from globus_compute_sdk.errors import TaskExecutionFailed
from globus_sdk import GlobusAPIError

LIMIT_S = 40.0
SOURCE = "def add(a, b=1):\n    return {'sum': a + b}\n"
JSON = ["globus_compute_sdk.serialize.JSONData"]


def square(number: int) -> int:
    """Serialized with dill by the SDK."""
    return number * number


def unhappy() -> None:
    raise ValueError("the pilot is unhappy")


def results(client: Client, tasks: Sequence[str]) -> list[Any]:
    """Of all tasks, in their order."""
    until = time.monotonic() + LIMIT_S
    while True:
        found = client.get_batch_result(list(tasks))
        rows = [found.get(task, {"pending": True}) for task in tasks]
        if not any(row["pending"] for row in rows):
            return [row["result"] for row in rows]
        if time.monotonic() > until:
            raise TimeoutError(f"no results after {LIMIT_S:.0f} s: {rows}")
        time.sleep(0.05)


def error_of(call: Callable[[], object]) -> str:
    """The text of the API error that the call ends in."""
    try:
        call()
    except GlobusAPIError as error:
        return f"{error.http_status} {error.text}"
    return ""


def failure_of(client: Client, task: str) -> str:
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        try:
            client.get_task(task)
        except TaskExecutionFailed as error:
            return str(error)
        time.sleep(0.05)
    raise TimeoutError(f"the task does not fail within {LIMIT_S:.0f} s")


def session(client: Client, login: str, block: str) -> dict[str, Any]:
    dilled = client.register_function(square)
    plain = client.register_source_code(SOURCE, "add")
    batch = client.create_batch()
    for number in range(5):
        batch.add(dilled, (number,))
    many = client.batch_run(login, batch)
    pair = client.create_batch(result_serializers=JSON)
    pair.add(plain, (1,), {"b": 2})
    in_json = client.batch_run(login, pair)
    shell = client.register_function(ShellFunction("echo {word}; exit 7", return_dict=True))
    shelled = client.run(word="hello", endpoint_id=login, function_id=shell)
    failing = client.run(endpoint_id=login, function_id=client.register_function(unhappy))
    in_block = client.run(6, endpoint_id=block, function_id=dilled)
    first = many["tasks"][dilled]
    return {
        "batch": results(client, first),
        "group": many["task_group_id"] != in_json["task_group_id"],
        "members": sorted(client.get_batch_result(first)) == sorted(first),
        "json": results(client, in_json["tasks"][plain]),
        "single": client.get_result(first[4]),
        "shell": results(client, [shelled]),
        "failure": failure_of(client, failing),
        "block": results(client, [in_block]),
        "status": client.get_endpoint_status(login)["status"],
        "name": client.get_endpoint_metadata(block)["name"],
        "unknown task": error_of(lambda: client.get_task("0" * 8)),
        "unknown endpoint": error_of(lambda: client.run(1, endpoint_id=plain, function_id=dilled)),
        "unknown function": error_of(lambda: client.run(1, endpoint_id=login, function_id=login)),
    }


def short_session(client: Client, login: str) -> dict[str, Any]:
    batch = client.create_batch(result_serializers=JSON)
    function = client.register_source_code(SOURCE, "add")
    batch.add(function, (1,))
    return {"json": results(client, client.batch_run(login, batch)["tasks"][function])}


def main(kind: str, login: str, block: str) -> None:
    if kind == "short":
        found = short_session(Client(), login)
    else:
        found = session(Client(), login, block)
        # A second client takes the token that the first one kept.
        found["again"] = Client().get_endpoint_status(block)["status"]
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
