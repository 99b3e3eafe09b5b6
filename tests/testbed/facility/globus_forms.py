# SPDX-License-Identifier: Apache-2.0
"""Forms of Globus: errors, request bodies that are objects, HTTP Basic."""

import base64
import binascii
from typing import Any

from .wire import Request, Response, Stop, answer

# The service's own numbers for what went wrong.
UNAUTHENTICATED, NO_FUNCTION, NO_ENDPOINT, NO_TASK = 1, 3, 4, 6
FORBIDDEN, MALFORMED, INTERNAL, NO_GROUP = 9, 17, 18, 20
CODES = {401: UNAUTHENTICATED, 403: FORBIDDEN, 400: MALFORMED, 413: MALFORMED}


def failed(status: int, reason: str, code: int | None = None, *args: str) -> Response:
    """`code` is the service's number; by default the usual one for this HTTP status."""
    number = CODES.get(status, INTERNAL) if code is None else code
    body = {
        "status": "Failed",
        "code": number,
        "reason": reason,
        "http_status_code": status,
        "error_args": list(args),
    }
    return answer(body, status)


def object_of(request: Request) -> dict[str, Any]:
    """The body, or a 400."""
    try:
        body = request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Stop(failed(400, "Request payload is malformed: the body is no JSON object"))
    return body


def basic(header: str) -> tuple[str, str]:
    """User and password of an Authorization header; empty where it has none."""
    kind, _, coded = header.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password
