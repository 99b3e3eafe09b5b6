# SPDX-License-Identifier: Apache-2.0
"""Globus' client credentials: an id and a secret become a token for two days."""

import base64
import json
import time
from pathlib import Path
from urllib.parse import urlencode

from condor_plugins.facility.kept import login_mark
from condor_plugins.facility.tokens import Token, TokenCache
from condor_plugins.facility.values import Facility, NoAccess, NoNews, Rejected
from condor_plugins.facility.web import Web

TOKEN_URL = "https://auth.globus.org/v2/oauth2/token"  # noqa: S105 - an address
SCOPE = "https://auth.globus.org/scopes/facd7ccc-c5f4-42aa-916b-a0e270e2c2a9/all"
SHORT_S = 600.0


def globus_tokens(facility: Facility, web: Web, state_dir: Path) -> TokenCache:
    """Tokens of the facility's client, kept in `state_dir`."""
    return TokenCache(
        lambda: state_dir / f"globus-token-{login_mark(facility)}",
        lambda: _fetched(facility, web),
        longest_s=2 * facility.timeout_s,
    )


def _fetched(facility: Facility, web: Web) -> Token:
    """Raises NoNews; NoAccess where the client or its secret is refused."""
    client, secret = secret_of(facility)
    form = {
        "grant_type": "client_credentials",
        "scope": facility.options.get("Scope", "") or SCOPE,
    }
    basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
    made_s = time.time()
    reply = web.ask(
        "POST",
        facility.token_url or TOKEN_URL,
        body=urlencode(form).encode("ascii"),
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": f"Basic {basic}"},
    )
    try:
        said = reply.check().json()
    except Rejected as err:
        raise NoAccess(f"token: {err}") from err
    value = said.get("access_token") if isinstance(said, dict) else None
    if not isinstance(value, str) or not value:
        raise NoNews("the token service sent no token")
    life = said.get("expires_in")
    life_s = float(life) if isinstance(life, int | float) and life > 0 else SHORT_S
    return Token(value, made_s, made_s + life_s)


def secret_of(facility: Facility) -> tuple[str, str]:
    """Client id and secret: JSON with both, or the secret alone where the facility has the id.

    Read at each fetch, so that a new file is used without a restart. Nothing of it is ever told.
    """
    try:
        text = Path(facility.secret).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as err:
        words = getattr(err, "strerror", None) or "is no text"
        raise NoAccess(f"credential {facility.secret}: {words}") from None
    client, secret = facility.client_id, text
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except ValueError:
            raise NoAccess(f"credential {facility.secret} is no JSON") from None
        client = str(found.get("client_id") or client)
        secret = str(found.get("client_secret") or "")
    if not client or not secret:
        raise NoAccess(f"credential {facility.secret} needs client_id and client_secret")
    return client, secret
