# SPDX-License-Identifier: Apache-2.0
"""Questions to the stand-in of IRI, as a plain HTTP client puts them."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.testbed.facility.iri_pages import STORAGE, id_of
from tests.testbed.facility.pretend import Pretend
from tests.testbed.facility.server import StandIn
from tests.testbed.facility.world import Settings

TOKEN, USER, MACHINE = "12345", "glidein", "perlmutter"
R, F = id_of(MACHINE), id_of(STORAGE)
SPEC: Mapping[str, Any] = {
    "executable": "/bin/bash",
    "arguments": ["-c", "echo hi"],
    "name": "p",
    "directory": "/pscratch/u",
    "stdout_path": "/pscratch/u/o",
    "stderr_path": "/pscratch/u/e",
    "environment": {"A": "1"},
    "resources": {"node_count": 1},
    "attributes": {
        "duration": 600,
        "queue_name": "debug",
        "account": "m1",
        "custom_attributes": {"constraint": "cpu"},
    },
}


class Reply(NamedTuple):
    """Header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Iri:
    """One version of a stand-in; `token` and `agent` are sent with every request."""

    def __init__(
        self, standin: StandIn, version: int = 1, token: str = f"Bearer {TOKEN}", agent: str = "t/1"
    ) -> None:
        self.base, self.version = standin.url(f"iri-v{version}"), version
        self.headers = {"User-Agent": agent, **({"Authorization": token} if token else {})}

    def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """`body`: bytes as they are, all else as JSON."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **self.headers, **(headers or {})}
        url = f"{self.base}/{path}"
        request = urllib.request.Request(url, data, sent, method=method)  # noqa: S310 - http only
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http only
                return _reply(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return _reply(error.code, dict(error.headers), error.read())

    def submit(self, spec: Mapping[str, Any] = SPEC, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", f"compute/job/{R}", spec, named)

    def status(self, job: str, query: str = "") -> Reply:
        return self.ask("GET", f"compute/status/{R}/{job}{query}")

    def bulk(self, filters: object = None, query: str = "") -> Reply:
        return self.ask("POST", f"compute/status/{R}{query}", filters or {})

    def file(self, name: str, method: str, **values: Any) -> Reply:
        """A file operation, in the query for v1 and in a body for v2."""
        if self.version == 1 and name != "mkdir":
            query = "&".join(f"{key}={value}" for key, value in values.items())
            return self.ask(method, f"filesystem/{name}/{F}?{query}")
        return self.ask("POST", f"filesystem/{name}/{F}", values)

    def upload(self, path: str, content: bytes) -> Reply:
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="up.bin"\r\n\r\n'
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        body = head + content + b"\r\n--x--\r\n"
        return self.ask("POST", f"filesystem/upload/{F}?path={path}", body, kind)

    def result(self, submitted: Reply) -> dict[str, Any]:
        """The task of a reply once it has ended."""
        task: dict[str, Any] = {}
        until = time.monotonic() + 10
        while task.get("status") not in {"completed", "failed", "canceled"}:
            assert time.monotonic() < until, f"the task does not end: {task}"
            task = self.ask("GET", f"task/{submitted.json()['task_id']}").json()
        return task


def _reply(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    return Reply(status, {name.lower(): value for name, value in headers.items()}, body)


def stand_in(home: Path, pretend: Pretend, **options: str) -> StandIn:
    """`options`: of IRI, by their names without "iri."."""
    named = {f"iri.{name}": value for name, value in options.items()}
    settings = Settings(machine=MACHINE, user=USER, bearers=frozenset({TOKEN}), options=named)
    return StandIn(pretend, settings, home)
