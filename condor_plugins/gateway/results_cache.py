# SPDX-License-Identifier: Apache-2.0
"""The file from which a stock blahpd answers a status without starting a script.

It reads /var/tmp/<type>_cache_<user>/blahp_results_cache if that is younger than 60 s: an id of at
most 63 characters without "@", any word, a status (job_status.c). It does not look whose the
directory is, so anybody could make it before us and lie: then we say so and leave it alone.
"""

import os
import pwd
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from condor_plugins.facility.values import IDLE, RUNNING
from condor_plugins.gateway.desk import remote_of
from condor_plugins.gateway.values import SUBMITTED, Record

BASE = Path("/var/tmp")  # noqa: S108 (blahpd's choice; see `_ours`)
_FILE = "blahp_results_cache"
_WORDS = {IDLE: "idle", RUNNING: "running"}


def write(batch_type: str, records: Iterable[Record], base: Path | None = None) -> Path:
    """Those of `records` that live, right after the facility told of them. Raises OSError.

    One that was not in the answer is left out: blahpd then asks the script. So is one that has
    ended, whose end only the script can tell.
    """
    directory = _ours((base or BASE) / f"{batch_type}_cache_{pwd.getpwuid(os.geteuid()).pw_name}")
    rows = "".join(f"{row}\n" for row in map(_row, records) if row)
    temporary = directory / f".{_FILE}.{os.getpid()}"
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(rows)
        temporary.replace(directory / _FILE)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return directory / _FILE


def _ours(directory: Path) -> Path:
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    facts = directory.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
        raise PermissionError(f"{directory} is not a directory of this account alone")
    return directory


def _row(record: Record) -> str:
    if record.phase != SUBMITTED or record.missing_s:
        return ""
    job = remote_of(record)
    status = job.status if job else 0
    handle = record.handle
    fits = 0 < len(handle) <= 63 and handle.isascii() and not set(handle) & set(" /@\t\r\n")
    return f"{handle} {_WORDS[status]} {status}" if status in _WORDS and fits else ""
