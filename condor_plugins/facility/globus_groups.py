# SPDX-License-Identifier: Apache-2.0
"""Which pilots were sent in which task group: on disk before the request goes out.

A request whose answer is lost, even because we were killed, can then be looked up.
"""

import json
import time
from pathlib import Path
from typing import NamedTuple

from condor_plugins.facility.kept import write_whole

KEPT_S = 14 * 86400.0


class Place(NamedTuple):
    """A pilot is the `at`-th task of `group`."""

    group: str
    at: int

    def hint(self) -> str:
        return f"group:{self.group}:{self.at}"


def from_hint(hint: str) -> Place | None:
    parts = hint.split(":")
    if len(parts) != 3 or parts[0] != "group" or not parts[2].isdigit():
        return None
    return Place(parts[1], int(parts[2]))


class Groups:
    """One small file per request, named after its group."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def note(self, group: str, names: list[str]) -> None:
        """Raises OSError: without a note nothing should be sent."""
        write_whole(self._directory / f"{group}.json", json.dumps(names).encode("ascii"))
        self._forget(time.time() - KEPT_S)

    def places(self, name: str, hint: str) -> list[Place]:
        """Where this pilot may be. Without a hint, what was noted; sent twice it has two places."""
        told = from_hint(hint)
        if told:
            return [told]
        noted = ((path.stem, _read(path)) for path in sorted(self._files(), key=_age))
        return [Place(group, names.index(name)) for group, names in noted if name in names]

    def _files(self) -> list[Path]:
        return list(self._directory.glob("*.json"))

    def _forget(self, before_s: float) -> None:
        for path in self._files():
            if -_age(path) < before_s:
                path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    """Sorts the youngest first."""
    try:
        return -path.stat().st_mtime
    except OSError:
        return 0.0


def _read(path: Path) -> list[str]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    return [str(one) for one in found] if isinstance(found, list) else []
