# SPDX-License-Identifier: Apache-2.0
"""Questions to the stand-in of Globus Compute by the standard library: source, JSON, no SDK."""

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.testbed.facility.globus import LOGIN_ENDPOINT
from tests.testbed.facility.globus_worker import pack
from tests.testbed.facility.server import StandIn

CLIENT_ID, SECRET = "00000000-0000-4000-8000-00000000c1d0", "standin-secret"
JSON = ["globus_compute_sdk.serialize.JSONData"]
LIMIT_S = 10.0


class Reply(NamedTuple):
    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def payload(*arguments: Any, **keywords: Any) -> str:
    return pack([f"11\n{json.dumps(arguments)}", f"11\n{json.dumps(keywords)}"])


class Globus:
    """Logged in once; `login` gives a second token."""

    def __init__(self, standin: StandIn) -> None:
        self.base = standin.url("globus")
        self.token = self.login().json()["access_token"]

    def login(self, secret: str = SECRET, form: str = "grant_type=client_credentials") -> Reply:
        coded = base64.b64encode(f"{CLIENT_ID}:{secret}".encode()).decode()
        kind = "application/x-www-form-urlencoded"
        headers = {"Authorization": f"Basic {coded}", "Content-Type": kind}
        return self._sent("POST", "/v2/oauth2/token", form.encode(), headers)

    def ask(self, method: str, path: str, body: object = None) -> Reply:
        data = None if body is None else json.dumps(body).encode()
        return self._sent(method, path, data, {"Authorization": f"Bearer {self.token}"})

    def function(self, source: str, name: str = "f") -> str:
        body = {"function_name": name, "function_code": source, "serialized": False}
        return str(self.ask("POST", "/v3/functions", body).json()["function_uuid"])

    def submit(
        self, function: str, payloads: Sequence[str], endpoint: str = LOGIN_ENDPOINT, **more: Any
    ) -> Reply:
        body = {"tasks": {function: list(payloads)}, "result_serializers": JSON, **more}
        return self.ask("POST", f"/v3/endpoints/{endpoint}/submit", body)

    def run(self, source: str, *arguments: Any, **more: Any) -> str:
        """The id of one task."""
        function = self.function(source)
        reply = self.submit(function, [payload(*arguments)], **more)
        return str(reply.json()["tasks"][function][0])

    def status(self, task: str) -> dict[str, Any]:
        return dict(self.ask("GET", f"/v2/tasks/{task}").json())

    def ended(self, task: str) -> dict[str, Any]:
        return self.until(task, "success", "failed")

    def until(self, task: str, *words: str) -> dict[str, Any]:
        """The task once it has one of these statuses."""
        end = time.monotonic() + LIMIT_S
        while True:
            row = self.status(task)
            if row["status"] in words:
                return row
            assert time.monotonic() < end, f"the task is {row['status']}, not {words}"

    def _sent(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        url = self.base + path
        request = urllib.request.Request(url, body, dict(headers), method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http only
                return Reply(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.read())
