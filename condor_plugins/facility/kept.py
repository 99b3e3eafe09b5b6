# SPDX-License-Identifier: Apache-2.0
"""What a service told once and need not be asked by the next process: a small JSON file."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

from condor_plugins.facility.values import Facility


def login_mark(facility: Facility) -> str:
    """Changes with all that a token, an account or a client's own things depend on.

    The time of the secret's file is part of it: a new secret may belong to another account.
    """
    try:
        changed = str(os.stat(facility.secret).st_mtime_ns)
    except OSError:
        changed = "never"
    scope = facility.options.get("Scope", "")
    told = (facility.url, facility.token_url, facility.client_id, scope, facility.secret, changed)
    return hashlib.sha256(json.dumps(told).encode("ascii")).hexdigest()[:20]


class Kept:
    """Texts by key in one file of ours. Losing it costs a question, so nothing here fails.

    Two processes that write at once lose one entry, which is asked for again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, key: str) -> str:
        """The text kept under this key; "" without one."""
        found = self._all().get(key, "")
        return found if isinstance(found, str) else ""

    def put(self, key: str, text: str) -> None:
        """Keep it; an empty text forgets."""
        everything = self._all() | {key: text}
        try:
            self._write({name: one for name, one in everything.items() if one})
        except OSError:
            return

    def _all(self) -> dict[str, object]:
        try:
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, everything: dict[str, object]) -> None:
        write_whole(self._path, json.dumps(everything).encode("ascii"))


def write_whole(path: Path, content: bytes) -> None:
    """On disk, mode 0600, whole or not at all. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
