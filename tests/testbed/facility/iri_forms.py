# SPDX-License-Identifier: Apache-2.0
"""Forms of IRI: problems (RFC 9457), the guard before each handler, parameters of a request.

The order in which a request is refused is that of the reference server: token (401), unknown query
parameters (422), then the values (400).
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from .wire import Handler, Request, Response, Stop, answer

PROBLEM = "application/problem+json"
KINDS = {
    401: ("unauthorized", "Unauthorized"),
    403: ("forbidden", "Forbidden"),
    404: ("not-found", "Not Found"),
    405: ("method-not-allowed", "Method Not Allowed"),
    409: ("conflict", "Conflict"),
    500: ("internal-error", "Internal Server Error"),
}
EXTRA = {401: ("WWW-Authenticate", "Bearer"), 405: ("Allow", "GET, HEAD")}
EXTRA_KEY = "Extra inputs are not permitted"
NEEDED = "Field required"
Wrong = Sequence[tuple[str, str]]
"""Names of parameters with what is wrong with each."""


def problem(request: Request, status: int, detail: str, wrong: Wrong = ()) -> Response:
    kind, title = KINDS.get(status, ("generic-error", "Error"))
    if wrong:
        kind, title = "invalid-parameter", "Invalid parameter"
    body: dict[str, Any] = {
        "type": f"{request.base}/problems/{kind}",
        "status": status,
        "title": title,
        "detail": detail,
        "instance": f"{request.base}{quote(request.path)}{_query(request)}",
    }
    if wrong:
        body["invalid_params"] = [{"name": name, "reason": reason} for name, reason in wrong]
    headers = [EXTRA[status]] if status in EXTRA else []
    return answer(body, status, headers)._replace(content_type=PROBLEM)


def _query(request: Request) -> str:
    return f"?{urlencode(request.query)}" if request.query else ""


def refuse(request: Request, status: int, detail: str) -> Stop:
    return Stop(problem(request, status, detail))


def invalid(request: Request, wrong: Wrong) -> Stop:
    """400 with everything that is wrong."""
    return Stop(problem(request, 400, ", ".join(reason for _, reason in wrong), wrong))


def body_of(request: Request, needed: bool = True) -> dict[str, Any]:
    """The body as an object; empty if there is none and none is needed. Raises Stop."""
    if not request.body and not needed:
        return {}
    try:
        body = request.json() if request.body else None
    except ValueError as error:
        position = error.pos if isinstance(error, json.JSONDecodeError) else 0
        raise invalid(request, [(str(position), "JSON decode error")]) from None
    if body is None and needed:
        raise invalid(request, [("body", NEEDED)])
    if body is not None and not isinstance(body, dict):
        raise invalid(request, [("body", "Input should be a valid dictionary")])
    return body or {}


def guarded(
    handler: Handler,
    good: Callable[[str], bool] | None,
    queries: Collection[str] | None = (),
) -> Handler:
    """`good`: whether a token is; None: none is needed. `queries` None: any parameter may come."""

    def guard(request: Request, words: Mapping[str, str]) -> Response:
        if good and not good(request.bearer()):
            raise refuse(request, 401, "Bearer token is missing or invalid.")
        for name in dict.fromkeys(name for name, _ in request.query):
            if queries is not None and name not in queries:
                raise refuse(request, 422, f"Unexpected query parameter: {name}")
            if queries is not None and len(request.values(name)) > 1:
                raise refuse(request, 422, f"Duplicate query parameter: {name}")
        return handler(request, words)

    return guard


class Number(NamedTuple):
    """A whole number in the query."""

    name: str
    default: int
    least: int = 0
    most: int = 0


def number(request: Request, rule: Number) -> int:
    text = request.value(rule.name, str(rule.default))
    try:
        found = int(text)
    except ValueError:
        words = "Input should be a valid integer, unable to parse string as an integer"
        raise invalid(request, [(rule.name, words)]) from None
    if found < rule.least:
        words = f"Input should be greater than or equal to {rule.least}"
        raise invalid(request, [(rule.name, words)])
    if rule.most and found > rule.most:
        raise invalid(request, [(rule.name, f"Input should be less than or equal to {rule.most}")])
    return found


def truth(request: Request, name: str, default: bool) -> bool:
    """Only the words true and false."""
    text = request.value(name, "true" if default else "false").strip().lower()
    if text not in {"true", "false"}:
        words = "Value error, Invalid boolean value. Expected 'true' or 'false'."
        raise invalid(request, [(name, words)])
    return text == "true"
