# SPDX-License-Identifier: Apache-2.0
"""Where a gateway is measured: a stand-in in its own process, and a home whose facility it is."""

import json
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from condor_plugins.facility.values import Facility
from condor_plugins.gateway.script import name_of

ROOT = Path(__file__).resolve().parents[2]
NAME, MACHINE, USER = "nersc", "perlmutter", "glidein"
CLIENT = "abcdefghijklm"  # 13 characters, as the client of NERSC wants it
GLOBUS_CLIENT = "00000000-0000-4000-8000-00000000c1d0"
LOGIN_ENDPOINT = "11111111-1111-4111-8111-111111111111"
BLOCK_ENDPOINT = "22222222-2222-4222-8222-222222222222"
APIS = ("sfapi", "iri", "globus")
ENDS_S = 20.0


class Request(NamedTuple):
    """So many requests of one kind, by the stand-in's log."""

    method: str
    route: str
    status: int
    times: int


class RemoteJob(NamedTuple):
    """A job as the stand-in has it; `id` is what the API calls it."""

    id: str
    name: str
    job: str
    state: str


class Place:
    """`changes`: of the facility's settings. Use as a context: it ends the stand-in."""

    def __init__(self, base: Path, api: str, latency_ms: float = 0.0, **changes: Any) -> None:
        self.base, self.api = base, api
        self.private_pem, public_pem = _keys()
        self._secret, self._bearer = secrets.token_hex(16), secrets.token_hex(16)
        self._home = base / "facility"
        self._home.mkdir()
        order = {
            "home": str(self._home),
            "user": USER,
            "client": CLIENT,
            "key": public_pem,
            "secrets": {GLOBUS_CLIENT: self._secret},
            "bearer": self._bearer,
            "token_life_s": 600.0,
            "latency_s": latency_ms / 1000,
        }
        self._standin = subprocess.Popen(
            [sys.executable, "-m", "_bench.gateway_facility", json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT / "tools",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._orders = cast(IO[str], self._standin.stdin)
        self._answers = cast(IO[str], self._standin.stdout)
        self.url = f"http://127.0.0.1:{self._answer()}"
        self.directory = base / "state" / NAME
        self.directory.mkdir(mode=0o700, parents=True)
        self.directory.parent.chmod(0o700)
        copy = {"facility": self._facility(changes)._asdict(), "pinned": True}
        (self.directory / "facility.json").write_text(json.dumps(copy), encoding="utf-8")
        self.environment = {
            **os.environ,
            "HOME": str(base),
            "PYTHONPATH": str(ROOT),
            "_CONDOR_GLIDEIN_GATEWAY_DIR": str(self.directory.parent),
            "CONDOR_CONFIG": os.devnull,  # no schedd of this host is to be looked for
        }
        self._program()

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_: object) -> None:
        self.freeze(False)
        self._orders.close()
        try:
            self._standin.wait(ENDS_S)
        finally:
            self._standin.kill()
            self._standin.wait()
            self._answers.close()

    def _facility(self, changes: Mapping[str, Any]) -> Facility:
        secret = self.base / "secret"
        url, token_url, options = self.url, "", {}
        if self.api == "sfapi":
            secret.write_text(f"{CLIENT}\n{self.private_pem}", encoding="ascii")
            url, token_url = f"{url}/api/v1.2", f"{url}/c2id/token"
        elif self.api == "iri":
            secret.write_text(f"{self._bearer}\n", encoding="ascii")
            url, options = f"{url}/iri", {"StorageMachine": "scratch"}
        else:
            words = {"client_id": GLOBUS_CLIENT, "client_secret": self._secret}
            secret.write_text(json.dumps(words), encoding="ascii")
            token_url = f"{url}/v2/oauth2/token"
            options = {"Endpoint": BLOCK_ENDPOINT, "ControlEndpoint": LOGIN_ENDPOINT}
        secret.chmod(0o600)
        made = Facility(NAME, self.api, url, MACHINE, str(self._home / "pilots"), str(secret))
        return made._replace(token_url=token_url, options=options, **changes)

    def _program(self) -> None:
        """What every pilot brings along: a program, the same for all, and a token of its own."""
        program, token = self.base / "pilot", self.base / "token"
        program.write_text("#!/bin/sh\n" + "# what a pilot does\n" * 400, encoding="ascii")
        program.chmod(0o755)
        token.write_text("secret\n", encoding="ascii")
        token.chmod(0o600)

    def key(self, number: int) -> str:
        """The JobDirectory of one job."""
        return f"home_bl_pool_schedd_{number}.0_1795000000"

    def name(self, number: int) -> str:
        """What that job is called at the facility."""
        return name_of(self.key(number), 1)

    def ad(self, number: int) -> str:
        """A submit ad as the gridmanager writes it."""
        base = self.base
        return (
            f'[ gridtype = "{NAME}"; Cmd = "{base}/pilot"; Iwd = "{base}"; '
            f'Arguments = "--one \'two words\'"; Environment = "A=1 B=2"; '
            f'TransferInput = "{base}/token"; Out = "{base}/{number}.out"; '
            f'Err = "{base}/{number}.err"; BatchProject = "m1"; BatchRuntime = 3600; '
            f'BatchConstraint = "cpu"; Queue = "regular"; RequestMemory = 1000; NodeNumber = 1; '
            f'JobDirectory = "{self.key(number)}" ]'
        )

    def order(self, do: str, **words: Any) -> Any:
        """Have the stand-in do something."""
        self._orders.write(json.dumps({"do": do, **words}) + "\n")
        self._orders.flush()
        return self._answer()

    def _answer(self) -> Any:
        return json.loads(self._answers.readline())

    def freeze(self, frozen: bool) -> None:
        """A host that hangs: connections are taken, and nothing comes back."""
        self._standin.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def requests(self) -> list[Request]:
        return [Request(*row) for row in self.order("requests")]

    def jobs(self) -> list[RemoteJob]:
        return [RemoteJob(**row) for row in self.order("jobs")]

    def remote_ids(self) -> dict[str, str]:
        """By the job's name, as the gateway's ledger has it."""
        with sqlite3.connect(self.directory / "ledger.sqlite") as ledger:
            rows = dict(ledger.execute("SELECT name, remote_id FROM jobs"))
        ledger.close()
        return rows


def _keys() -> tuple[str, str]:
    """A private and a public key as PEM."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 (takes long)
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()
