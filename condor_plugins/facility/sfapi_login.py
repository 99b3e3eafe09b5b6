# SPDX-License-Identifier: Apache-2.0
"""Login at the Superfacility API: a statement signed with the client's private key.

The key file is read at each login, because a person replaces it every two days. Its forms:
PEM, with the client id as a line of its own in front; JSON {"client_id", "secret": <JWK>}; a
JWK alone. Without an id in the file the facility's client id counts.
"""

import base64
import json
import os
import re
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from condor_plugins.facility.sfapi_key import pem_of_jwk, signature
from condor_plugins.facility.tokens import Token
from condor_plugins.facility.values import Facility, NoAccess, NoNews, Rejected
from condor_plugins.facility.web import NotTaken, Web

TOKEN_URL = "https://oidc.nersc.gov/c2id/token"  # noqa: S105 - an address
FORM = "application/x-www-form-urlencoded"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE_S = 300
USUAL_LIFE_S = 600.0
MOST_KEY_BYTES = 65536
CLIENT = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Client(NamedTuple):
    """Who logs in, and with what; `pem` is the secret."""

    id: str
    pem: bytes

    def __repr__(self) -> str:
        return f"Client({self.id})"


def client_of(facility: Facility) -> Client:
    """The client as its file tells it now. Raises NoAccess, without a word of the content."""
    text = _content(facility.secret)
    if text.lstrip().startswith("{"):
        found = _from_json(text, facility.client_id)
    else:
        found = _from_pem(text, facility.client_id)
    if not CLIENT.fullmatch(found.id):
        raise NoAccess(f"{facility.secret} names no client, and ClientId is not set")
    return found


def fetched(web: Web, facility: Facility) -> Token:
    """A new token. Raises NoNews or NoAccess."""
    client = client_of(facility)
    url = facility.token_url or TOKEN_URL
    try:
        return _asked(web, url, client)
    except NotTaken:
        raise
    except NoNews:
        # With a new statement, for the first may have been used up.
        return _asked(web, url, client)


def assertion(client: Client, url: str, now_s: float) -> str:
    """The signed statement (RFC 7523) that this is the client, for the service at `url` only."""
    head = {"typ": "JWT", "alg": "RS256"}
    claims = {
        "iss": client.id,
        "sub": client.id,
        "aud": url,
        "iat": int(now_s),
        "exp": int(now_s) + ASSERTION_LIFE_S,
        "jti": os.urandom(16).hex(),
    }
    signed = b".".join(_base64url(json.dumps(part).encode()) for part in (head, claims))
    return (signed + b"." + _base64url(signature(client.pem, signed))).decode()


def _asked(web: Web, url: str, client: Client) -> Token:
    made_s = time.time()
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION,
        "client_assertion": assertion(client, url, made_s),
    }
    reply = web.ask("POST", url, body=urlencode(form).encode(), content_type=FORM, repeat=False)
    try:
        said = reply.check().json()
    except Rejected as err:
        raise NoAccess(f"token: {err}") from err
    value = said.get("access_token") if isinstance(said, dict) else None
    if not isinstance(value, str) or not value:
        raise NoNews("the token service's answer holds no token")
    return Token(value, made_s, made_s + _life_s(said.get("expires_in")))


def _life_s(said: Any) -> float:
    try:
        life_s = float(said)
    except (TypeError, ValueError):
        return USUAL_LIFE_S
    return life_s if 0 < life_s < 1e7 else USUAL_LIFE_S


def _content(name: str) -> str:
    if not name:
        raise NoAccess("no credential is configured")
    path = Path(name)
    try:
        with path.open("rb") as stream:
            if os.fstat(stream.fileno()).st_mode & 0o007:
                raise NoAccess(f"{name} can be read or written by everybody")
            return stream.read(MOST_KEY_BYTES).decode("ascii")
    except OSError as err:
        raise NoAccess(f"{name}: {err.strerror}") from err
    except UnicodeDecodeError:
        raise NoAccess(f"{name} is no key") from None


def _from_pem(text: str, client_id: str) -> Client:
    before, begin, rest = text.partition("-----BEGIN ")
    if not begin:
        raise NoAccess("the credential's file is neither PEM nor JSON")
    words = before.split()
    return Client(words[0] if words else client_id, (begin + rest).encode())


def _from_json(text: str, client_id: str) -> Client:
    try:
        said = json.loads(text)
    except ValueError:
        raise NoAccess("the credential's file is broken JSON") from None
    secret = said.get("secret", said)
    if isinstance(secret, str):
        if secret.lstrip().startswith("-----BEGIN"):
            return Client(str(said.get("client_id") or client_id), secret.encode())
        try:
            secret = json.loads(secret)
        except ValueError:
            raise NoAccess("the credential's secret is no JWK") from None
    if not isinstance(secret, dict):
        raise NoAccess("the credential's secret is no JWK")
    return Client(str(said.get("client_id") or client_id), pem_of_jwk(secret))


def _base64url(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
