# SPDX-License-Identifier: Apache-2.0
"""A stand-in of the facilities in this process, with one key that can log in to SFAPI."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.testbed.facility.keys import public_key
from tests.testbed.facility.pretend import Pretend
from tests.testbed.facility.server import Listen, StandIn
from tests.testbed.facility.world import Settings

CLIENT_ID = "abcdefghijklm"  # 13 characters, as the real client wants it
USER = "glidein"


class Key(NamedTuple):
    private_pem: str
    public_pem: str


def make_key() -> Key:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Key(private.decode(), public.decode())


def stand_in(
    home: Path, key: Key, pretend: Pretend, listen: Listen | None = None, **settings: Any
) -> StandIn:
    clients = {CLIENT_ID: public_key(key.public_pem)}
    return StandIn(
        pretend, Settings(**{"user": USER, "clients": clients, **settings}), home, listen
    )


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    standin: StandIn, method: str, path: str, body: bytes | None = None, token: str = ""
) -> Reply:
    """One request below SFAPI's base, or to `path` itself if it is a whole URL."""
    url = path if path.startswith("http:") else standin.url("sfapi") + path
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - http only
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http only
            return Reply(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, dict(error.headers), error.read())
