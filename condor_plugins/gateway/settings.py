# SPDX-License-Identifier: Apache-2.0
"""Which facility a batch type is, and where the gateway keeps what it knows of it.

The knobs are HTCondor's, whose configuration takes 50 ms to read: a copy of what they said lies
in the state directory, as JSON, and is good for a minute. A copy with "pinned": true is not
compared with the knobs at all: for tests, and for hosts without HTCondor's configuration.
"""

import errno
import json
import os
import re
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from condor_plugins.core.errors import Misconfigured, TryAgain
from condor_plugins.facility.values import Facility

KNOB = "GLIDEIN_GATEWAY_DIR"
FRESH_S = 60.0
_COPY = "facility.json"
_LASTING = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")


def load(name: str, refresh: bool = False) -> tuple[Facility, Path]:
    """The facility of batch type `name`, and its state directory, which exists and is ours alone.

    `refresh`: ask HTCondor's configuration even if the copy is fresh. While that cannot be read,
    or has lost the facility, the last copy counts: its pilots have to be seen to their end.
    Raises Misconfigured, TryAgain.
    """
    name = name.lower()
    if not _NAME.match(name):
        raise Misconfigured(f"{name[:70]!r} is no name of a facility")
    first = Path(os.environ.get(f"_CONDOR_{KNOB}") or Path.home() / ".glidein-gateway")
    copy = _copy(first / name / _COPY)
    if copy and (copy["pinned"] or (copy["age_s"] < FRESH_S and not refresh)):
        return copy["facility"], ours(Path(copy["directory"]))
    try:
        facility, base = _from_htcondor(name)
    except (Misconfigured, TryAgain):
        if copy:
            return copy["facility"], ours(Path(copy["directory"]))
        raise
    directory = ours((Path(base) if base else first) / name)
    _write(ours(first / name) / _COPY, facility, directory)
    return facility, directory


def ours(directory: Path) -> Path:
    """Make a directory that only this account may enter, or see that it is one.

    Raises Misconfigured when it is somebody else's: others could give us orders through it;
    TryAgain for what passes, as a full disk.
    """
    try:
        for one in (*reversed(directory.parents), directory):
            if not one.exists():
                one.mkdir(mode=0o700, exist_ok=True)
        facts = directory.lstat()
    except OSError as err:
        words = f"{KNOB}: {directory}: {err.strerror}"
        raise (Misconfigured if err.errno in _LASTING else TryAgain)(words) from err
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
        raise Misconfigured(f"{KNOB}: {directory} should be a directory of this account, mode 0700")
    return directory


def _copy(path: Path) -> dict[str, Any] | None:
    """None: not there, or nothing that we wrote."""
    try:
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
        age_s = time.time() - facts.st_mtime
        return {
            "facility": _facility(found["facility"]),
            "directory": str(found.get("directory") or path.parent),
            "pinned": found.get("pinned") is True,
            # A clock that was set back makes no copy fresh for ever.
            "age_s": age_s if age_s >= -1 else FRESH_S,
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _facility(values: Mapping[str, Any]) -> Facility:
    """Fields of a later version are left out; a missing one is a TypeError."""
    return Facility(**{name: value for name, value in values.items() if name in Facility._fields})


def _write(path: Path, facility: Facility, directory: Path) -> None:
    """The same text again is written, too: its time counts."""
    text = json.dumps({"facility": facility._asdict(), "directory": str(directory)})
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.chmod(0o600)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)


def _from_htcondor(name: str) -> tuple[Facility, str]:
    """From the knobs; slow. Also the text of GLIDEIN_GATEWAY_DIR."""
    from condor_plugins.gateway.knobs import facility_of  # noqa: PLC0415 (htcondor2 takes 50 ms)

    return facility_of(name)
