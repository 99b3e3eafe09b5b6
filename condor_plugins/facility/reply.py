# SPDX-License-Identifier: Apache-2.0
"""An HTTP answer, and what it means: usable, no news, or a refusal."""

import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import time
from typing import Any, NamedTuple

from condor_plugins.facility.values import NoAccess, NoNews, Rejected

MOST_WORDS = 300
LONGEST_WAIT_S = 86400.0
PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
# Where services put their sentence: SFAPI, problem+json, Globus, OAuth 2.
OWN = ("detail", "title", "reason")
# From what stands in front of an API as well as from itself.
FRONT = {404, 405, 407, 421}
SPEAKING = ("detail", "reason", "error_description", "error", "title", "message", "msg")


class NotTaken(NoNews):
    """The request surely was not carried out: it never left, or was turned away unread (429)."""


class TooLarge(NoNews):
    """The answer does not end where any sensible one does; asking again is no use."""


class Reply(NamedTuple):
    """An answer with any status; `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as a value; NoNews where it is cut off or something else."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as err:
            raise NoNews("answer is cut off or no JSON") from err

    def words(self) -> str:
        """What the body says of a failure, in one line."""
        return one_line(self._said())

    def _said(self) -> str:
        try:
            return _sentence(json.loads(self.body))
        except (ValueError, RecursionError):
            return re.sub(r"<[^>]*>", " ", self.body[:4000].decode(errors="replace"))

    def is_own(self) -> bool:
        """Whether the API itself speaks: an object that tells what is wrong."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return False
        return isinstance(found, dict) and any(found.get(name) for name in OWN)

    def is_closed(self) -> bool:
        """A 503 of the service itself; a gateway's may come after the request went through."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        own = kind == "application/problem+json"
        return self.status == 503 and (own or "maintenance" in self._said().lower())

    def retry_after_s(self) -> float:
        """Seconds that the service asks us to wait; 0 if it does not."""
        said = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]{1,9}", said):
            return min(float(said), LONGEST_WAIT_S)
        try:
            wait_s = parsedate_to_datetime(said).timestamp() - time()
        except (ValueError, TypeError, OverflowError):
            return 0.0
        return min(max(wait_s, 0.0), LONGEST_WAIT_S)

    def check(self) -> "Reply":
        """This reply if it is a success; raises NotTaken, NoNews, NoAccess or Rejected if not."""
        if 200 <= self.status < 300:
            return self
        said = f"HTTP {self.status} {self.words()}".rstrip()
        foreign = self.status in FRONT and not self.is_own()
        if foreign or self.status in PASSING or not 400 <= self.status < 500:
            kind = NotTaken if self.status == HTTPStatus.TOO_MANY_REQUESTS else NoNews
            closed = self.status == 503 and "maintenance" in self._said().lower()
            raise kind(said, self.retry_after_s(), closed)
        raise (NoAccess if self.status in {401, 403} else Rejected)(said)


def one_line(text: str, most: int = MOST_WORDS) -> str:
    """Text of a stranger for logs and ads: printable, blanks joined, not longer than `most`."""
    shown = "".join(one if one.isprintable() else " " for one in text[: 20 * most])
    return " ".join(shown.split())[:most]


def _sentence(said: Any) -> str:
    """The first text under a name that services use; several complaints are joined."""
    if isinstance(said, str):
        return said
    if isinstance(said, list):
        return "; ".join(filter(None, map(_sentence, said[:5])))
    if not isinstance(said, dict):
        return ""
    where = said.get("loc")
    place = ".".join(map(str, where)) + ": " if isinstance(where, list) else ""
    found = (_sentence(said.get(name)) for name in SPEAKING)
    return place + next(filter(None, found), "")
