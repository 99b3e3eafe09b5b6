# SPDX-License-Identifier: Apache-2.0
"""Facts about this host's files, for `glidein check`."""

import os
import pwd
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from condor_plugins.core.host_facts import FileFact

# blahp's own configuration names its directory of helper scripts; this is where packages put them.
_BLAH_CONFIG = Path("/etc/blah.config")
_BLAH_SCRIPTS = Path("/usr/libexec/blahp")


def file_fact(path: str) -> FileFact:
    """What this account can see of a path."""
    try:
        found = os.stat(path)
    except PermissionError:
        return FileFact("hidden")
    except (OSError, ValueError):  # not there; ValueError: a zero byte in the name
        return FileFact("missing")
    mode = stat.S_IMODE(found.st_mode)
    return FileFact("there", stat.S_ISDIR(found.st_mode), mode, _account(found.st_uid))


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def batch_types(wanted: Iterable[str], knob: Callable[[str], str]) -> frozenset[str]:
    """Those types that have a <type>_submit.sh, or a knob <TYPE>_GAHP."""
    scripts = _scripts()
    return frozenset(
        name
        for name in map(str.lower, wanted)
        if knob(f"{name.upper()}_GAHP") or (scripts / f"{name}_submit.sh").exists()
    )


def _scripts() -> Path:
    """The directory of helper scripts that blahp is told to use."""
    try:
        lines = _BLAH_CONFIG.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return _BLAH_SCRIPTS
    named = [line.partition("=")[2] for line in lines if line.startswith("blah_libexec_directory=")]
    return Path(named[-1].strip("\"' ")) if named else _BLAH_SCRIPTS
