# SPDX-License-Identifier: Apache-2.0
"""The token endpoint of SFAPI: client credentials by a signed assertion (RFC 7523)."""

import time
from collections.abc import Mapping
from typing import Any

from .keys import PublicKey, parts
from .wire import Request, Response, answer
from .world import World

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLOCKS_APART_S = 60


class Login:
    def __init__(self, world: World) -> None:
        self.world = world

    def token(self, request: Request, _: Mapping[str, str]) -> Response:
        form = {name: values[0] for name, values in request.form().items()}
        if form.get("grant_type") != "client_credentials":
            return refusal(400, "unsupported_grant_type", "grant_type must be client_credentials")
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            return refusal(401, "invalid_client", "client_assertion_type")
        try:
            client = self._client(form.get("client_assertion", ""), request.base + request.path)
        except ValueError as error:
            return refusal(401, "invalid_client", f"Bad JWT: {error}")
        life_s = self.world.settings.token_life_s
        return answer({
            "access_token": self.world.tokens.make(client, life_s),
            "scope": "openid",
            "token_type": "Bearer",
            "expires_in": int(life_s),
        })

    def _client(self, assertion: str, address: str) -> str:
        header, claims, signed, signature = parts(assertion)
        client = str(claims.get("iss", ""))
        key = self.world.settings.clients.get(client)
        if not isinstance(key, PublicKey):
            raise ValueError("unknown client")
        if header.get("alg") != "RS256" or not key.verifies(signed, signature):
            raise ValueError("signature")
        _check(claims, address, time.time())
        return client


def _check(claims: Mapping[str, Any], address: str, now: float) -> None:
    """Raises ValueError with the name of the claim that is wrong."""
    audience = claims.get("aud")
    wrong = {
        "sub": claims.get("sub") != claims.get("iss"),
        "aud": address not in (audience if isinstance(audience, list) else [audience]),
        "exp": not now < _seconds(claims.get("exp")),
        "iat": _seconds(claims.get("iat", now)) > now + CLOCKS_APART_S,
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            raise ValueError(name)


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def refusal(status: int, error: str, words: str) -> Response:
    return answer({"error": error, "error_description": words}, status)
