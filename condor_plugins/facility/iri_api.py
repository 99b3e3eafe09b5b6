# SPDX-License-Identifier: Apache-2.0
"""Where an IRI service is: its version, its resources by name, and the bearer token in a file."""

import json
import re
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Unpack
from urllib.parse import quote

from condor_plugins.facility.api import Api
from condor_plugins.facility.kept import Kept
from condor_plugins.facility.reply import NotTaken, Reply
from condor_plugins.facility.values import Facility, NoAccess, NoNews, Rejected
from condor_plugins.facility.web import How, Web

# A 404 may mean that resource ids changed, as they did at NERSC; more often it means the job.
LOOK_AGAIN_S = 60.0
COMPUTE, STORAGE = "compute", "storage"


class FileToken:
    """The token as it stands in the file now: whoever renews it just writes the file."""

    def __init__(self, path: str) -> None:
        self._path = path

    def token(self) -> str:
        """NoAccess without a readable file; a person or a cron job has to put it there."""
        try:
            with open(self._path, encoding="ascii") as stream:
                return stream.read(65536).strip()
        except (OSError, ValueError) as err:
            words = getattr(err, "strerror", None) or "is no text"
            raise NoAccess(f"credential {self._path}: {words}") from err

    def drop(self, value: str) -> None:
        """Nothing to forget: it is read again."""


def body(value: Mapping[str, Any]) -> How:
    """The parts of a request that carry this object; ASCII, so that nobody guesses a charset."""
    return {"body": json.dumps(value).encode("ascii"), "content_type": "application/json"}


class IriApi:
    """Asks below <url>/api/v1 or v2, whichever answers or the option Version says."""

    def __init__(self, facility: Facility, state_dir: Path) -> None:
        split = re.fullmatch(r"(.*?)/api/v([0-9])", facility.url.rstrip("/"))
        self._root = split[1] if split else facility.url.rstrip("/")
        said = facility.options.get("Version", "").strip().lower().removeprefix("v")
        self._version = said or (split[2] if split else "")
        self._storage_named = facility.options.get("StorageMachine", "")
        self._names = {
            COMPUTE: facility.machine,
            STORAGE: self._storage_named or facility.machine,
        }
        self.tokens = FileToken(facility.secret)
        self._api = Api(
            Web(facility.timeout_s), self._root, self.tokens if facility.secret else None
        )
        self._kept = Kept(state_dir / "iri.json")
        self._lock = threading.Lock()
        self._ids: dict[str, str] = {}
        self._looked_s = dict.fromkeys(self._names, -LOOK_AGAIN_S)

    def version(self) -> str:
        """ "1" or "2". Raises NoNews while the service does not answer."""
        with self._lock:
            self._version = self._version or self._kept.get(f"version {self._root}")
            if not self._version:
                self._version = self._probed()
                self._kept.put(f"version {self._root}", self._version)
            return self._version

    def _probed(self) -> str:
        """Nothing but a plain answer counts, for what is found is kept."""
        reply = self._api.ask("GET", "api/v2/openapi.json")
        if reply.status == 200:
            return "2"
        if reply.status == 404:
            reply = self._api.ask("GET", "api/v1/facility")
            if reply.status == 200:
                return "1"
        said = f"HTTP {reply.status} {reply.words()}".rstrip()
        raise NoNews(f"neither version 1 nor 2 answers: {said}", reply.retry_after_s())

    def ask(self, method: str, path: str, **how: Unpack[How]) -> Reply:
        """`path` below the version's base. The answer with any status; NoNews, Rejected."""
        return self._api.ask(method, f"api/v{self.version()}/{path}", **how)

    def at(self, kind: str, method: str, path: str, **how: Unpack[How]) -> Reply:
        """The same at a resource, whose id replaces {} in `path`.

        After 404 the id is looked up anew and, if it is another, the request made once more: a
        resource that is not known has carried out nothing.
        """
        used = self.resource(kind)
        reply = self.ask(method, path.replace("{}", quote(used, safe=""), 1), **how)
        if reply.status != 404:
            return reply
        try:
            now = self._looked_again(kind)
        except NoAccess:
            raise
        except (NoNews, Rejected) as err:
            # The 404 then tells nothing of what was asked for, and nothing was carried out.
            raise NotTaken(f"HTTP 404, and {kind} cannot be looked up: {err}") from err
        if now in {"", used}:
            return reply
        return self.ask(method, path.replace("{}", quote(now, safe=""), 1), **how)

    def resource(self, kind: str) -> str:
        """Id of the machine, or of what serves its files. Rejected if no such name is known."""
        known = self._ids.get(kind) or self._kept.get(self._key(kind))
        if known:
            self._ids[kind] = known
        return known or self._found(kind)

    def _key(self, kind: str) -> str:
        return f"{kind} {self._names[kind]} {self._root}"

    def _looked_again(self, kind: str) -> str:
        now_s = time.monotonic()
        if now_s - self._looked_s[kind] < LOOK_AGAIN_S:
            return ""
        self._looked_s[kind] = now_s
        return self._found(kind)

    def _found(self, kind: str) -> str:
        own = "compute" if kind == COMPUTE else "filesystem"
        for group in (own, "status"):
            # In v2 a question about files is a POST, even this one.
            method = "POST" if group == "filesystem" and self.version() == "2" else "GET"
            rows = self._listed(method, f"{group}/resources")
            found = _picked(rows, self._names[kind])
            if not found and group == "filesystem" and len(rows) == 1 and not self._storage_named:
                found = str(rows[0].get("id") or "")
            if found:
                self._ids[kind] = found
                self._kept.put(self._key(kind), found)
                return found
        raise Rejected(f"the facility knows no {kind} resource {self._names[kind]}")

    def _listed(self, method: str, path: str) -> list[dict[str, Any]]:
        """Rows of a list; none where this facility does not serve it."""
        reply = self.ask(method, path)
        if reply.status == 501 or (reply.status in {404, 405} and reply.is_own()):
            return []
        listed = reply.check().json()
        return [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []


def _picked(rows: Iterable[Mapping[str, Any]], name: str) -> str:
    """The id of the row with this name or id; "" without one."""
    for row in rows:
        if name.lower() in {str(row.get("name")).lower(), str(row.get("id")).lower()}:
            return str(row.get("id") or "")
    return ""
