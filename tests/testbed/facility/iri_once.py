# SPDX-License-Identifier: Apache-2.0
"""Idempotency keys: the same request a second time gets the first one's answer."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .iri_forms import refuse
from .wire import Request, Response, answer

LIFE_S = 86_400
LOCK_S = 60
REPLY = "Idempotency-Key-Reply"


class _Record(NamedTuple):
    """`value` None: the first request is still being carried out."""

    body: str
    value: Mapping[str, Any] | None
    until_s: float


class Once:
    """Records live as long as the process, a day at most. A request that failed leaves none."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._records: dict[str, _Record] = {}
        self._lock = threading.Lock()
        self._clock = clock

    def run(
        self, request: Request, body: Mapping[str, Any], work: Callable[[], Mapping[str, Any]]
    ) -> Response:
        key = f"{request.method} {request.path} {request.headers['idempotency-key']}"
        text = json.dumps(body, sort_keys=True)
        known = self._claim(key, text)
        if known is not None:
            return self._known(request, known, text)
        try:
            value = work()
        except BaseException:
            self._put(key, None)
            raise
        self._put(key, _Record(text, value, self._clock() + LIFE_S))
        return answer(value, headers=[(REPLY, "miss")])

    def _claim(self, key: str, text: str) -> _Record | None:
        """What is known of the key; None: it is ours now."""
        with self._lock:
            known = self._records.get(key)
            if known is not None and known.until_s > self._clock():
                return known
            self._records[key] = _Record(text, None, self._clock() + LOCK_S)
            return None

    def _known(self, request: Request, known: _Record, text: str) -> Response:
        if known.body != text:
            raise refuse(request, 422, "Idempotency-Key reused with a different request body.")
        if known.value is None:
            words = "A request with this Idempotency-Key is already in progress."
            raise refuse(request, 409, words)
        return answer(known.value, headers=[(REPLY, "hit")])

    def _put(self, key: str, record: _Record | None) -> None:
        with self._lock:
            if record is None:
                self._records.pop(key, None)
            else:
                self._records[key] = record
