# SPDX-License-Identifier: Apache-2.0
"""The status of a job that lives and was asked about lately, out of the ledger and nothing else.

This is what status scripts are started for most; it imports a third of what an Engine needs.
Whatever is not as expected here is left to helper.py.
"""

import json
import os
import sqlite3
import stat
import time
from collections.abc import Sequence

_FRESH_S = 60.0  # settings.FRESH_S
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")
_ROW = (
    "SELECT phase, told, missing_s, remote FROM jobs WHERE handle = ?1 OR remote_id = ?1 "
    "OR name = ?1 LIMIT 2"
)
_STATUS = 2  # of a RemoteJob's fields
_LIVE = (1, 2)


def status(batch_type: str, words: Sequence[str]) -> str:
    """The line for stdout; "" when more is needed than to look."""
    asked = [word for word in words if not word.startswith("-")]
    handle = asked[0].rpartition("/")[2] if len(asked) == 1 else ""
    if not handle or not set(handle) <= _PLAIN or not set(batch_type) <= _PLAIN - {".", ":"}:
        return ""
    try:
        directory, poll_s = _settings(batch_type.lower())
        number = _look(os.path.join(directory, "ledger.sqlite"), handle, poll_s)
    except (OSError, sqlite3.Error, ValueError, TypeError, KeyError, IndexError):
        return ""
    return f'0[BatchJobId="{handle}";JobStatus={number}]\n' if number in _LIVE else ""


def _settings(name: str) -> tuple[str, float]:
    """State directory and poll interval, from a copy that settings.load would take."""
    first = os.environ.get("_CONDOR_GLIDEIN_GATEWAY_DIR") or os.path.expanduser(
        "~/.glidein-gateway"
    )
    path = os.path.join(first, name, "facility.json")
    with open(path, encoding="utf-8") as stream:
        age_s = time.time() - os.fstat(stream.fileno()).st_mtime
        found = json.load(stream)
    directory = str(found.get("directory") or os.path.dirname(path))
    for one in {os.path.dirname(path), directory}:
        facts = os.lstat(one)
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o77:
            raise PermissionError(one)
    if found.get("pinned") is not True and not 0 <= age_s < _FRESH_S:
        raise ValueError("the copy is too old")
    return directory, float(found["facility"]["poll_s"])


def _look(path: str, handle: str, poll_s: float) -> int:
    """JobStatus; 0 when a poll is due, or the job is not simply waiting or running."""
    ledger = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1.0)
    try:
        polled = ledger.execute("SELECT value FROM facts WHERE name = 'polled'").fetchone()
        rows = ledger.execute(_ROW, (handle,)).fetchall()
    finally:
        ledger.close()
    if not polled or not 0 <= time.time() - float(polled[0]) < poll_s or len(rows) != 1:
        return 0
    phase, told, missing_s, remote = rows[0]
    if phase != "submitted" or not told or missing_s or not remote:
        return 0
    return int(json.loads(remote)[_STATUS])
