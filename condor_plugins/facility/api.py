# SPDX-License-Identifier: Apache-2.0
"""One service under one base address, asked with a bearer token."""

import re
from typing import Unpack

from condor_plugins.facility.tokens import Tokens
from condor_plugins.facility.values import NoAccess, NoNews
from condor_plugins.facility.web import How, NotTaken, Reply, Web, origin_of

# RFC 6750; anything else could end the header line, and http.client would quote it in its error.
BEARER = re.compile(r"[A-Za-z0-9._~+/=-]+")


class ApiHow(How, total=False):
    """`base`: another address of the same service than the usual one."""

    base: str


class Api:
    """`tokens` None: nothing but public questions; no header is sent."""

    def __init__(self, web: Web, base: str, tokens: Tokens | None) -> None:
        self._web, self._base, self._tokens = web, base, tokens
        self._origin = origin_of(base)

    def ask(self, method: str, path: str, **how: Unpack[ApiHow]) -> Reply:
        """The unchecked answer. After 401 or 403 it is asked once more with a fresh token.

        That is safe for every request: a refused credential means it was not taken. The token goes
        to the origin of the base only. Raises NoNews; without a token NotTaken or NoAccess, for
        then nothing was asked.
        """
        url = (how.pop("base", "") or self._base).rstrip("/") + "/" + path.removeprefix("/")
        if not self._tokens or origin_of(url) != self._origin:
            return self._web.ask(method, url, **_plain(how))
        token = _token_of(self._tokens)
        reply = self._web.ask(method, url, **_with(how, token))
        if reply.status not in {401, 403}:
            return reply
        self._tokens.drop(token)
        return self._web.ask(method, url, **_with(how, _token_of(self._tokens)))


def _token_of(tokens: Tokens) -> str:
    try:
        return tokens.token()
    except NoNews as err:
        raise NotTaken(f"no token: {err.reason}", err.retry_after_s, err.maintenance) from err


def _plain(how: ApiHow) -> How:
    rest = how.copy()
    rest.pop("base", None)
    return rest


def _with(how: ApiHow, token: str) -> How:
    if not BEARER.fullmatch(token):
        raise NoAccess("the token holds characters that no token has")
    headers = dict(how.get("headers") or {}) | {"Authorization": f"Bearer {token}"}
    asked = _plain(how)
    asked["headers"] = headers
    return asked
