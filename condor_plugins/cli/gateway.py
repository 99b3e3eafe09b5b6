# SPDX-License-Identifier: Apache-2.0
"""The gateway to facilities, which works as the pilots' account: what it left, and its test."""

import json
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from condor_plugins.core.errors import GiveUp, Misconfigured
from condor_plugins.core.policy import Settings

STATE_FILE = "facility-state.json"
ENDED_EARLY = "the test itself ended before its end"
_LONGEST_END_S = 60
_LARGEST_STATE = 1_000_000


def state(settings: Settings, name: str) -> Mapping[str, Any] | None:
    """What the gateway of a facility knew last; empty: it never ran. None: we may not look."""
    try:
        path = _directory(settings) / name.lower() / STATE_FILE
        found = json.loads(_read(path))
    except PermissionError:
        return None
    except (OSError, ValueError, RecursionError, Misconfigured):
        return {}
    return found if isinstance(found, dict) else {}


def _read(path: Path) -> bytes:
    """A plain file and not too much of it: root reads what the account may put there."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError(f"{path} is no file")
        content = stream.read(_LARGEST_STATE + 1)
    if len(content) > _LARGEST_STATE:
        raise ValueError(f"{path} is larger than a state is")
    return content


def _directory(settings: Settings) -> Path:
    if settings.gateway_dir:
        return Path(settings.gateway_dir)
    return Path(_account(settings).pw_dir) / ".glidein-gateway"


def _account(settings: Settings) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(settings.account)
    except KeyError as err:
        raise Misconfigured(
            f"GLIDEIN_ACCOUNT: this host has no account {settings.account}"
        ) from err


def lines_of_test(
    settings: Settings, program_dir: str, name: str, timeout_s: float
) -> Iterator[str]:
    """What `glidein-gateway test` says, line by line as it comes; its stderr is ours.

    It runs as the pilots' account, whose secrets it needs. Raises Misconfigured for other users,
    GiveUp when it did not end as a test does: with 0, or 1 for a step that failed.
    """
    account = _account(settings)
    if os.geteuid() not in {0, account.pw_uid}:
        raise Misconfigured(f"run this as root or {settings.account}, who may read the secret")
    argv = [*_program(program_dir), "test", name.lower()]
    names = {"HOME": account.pw_dir, "USER": account.pw_name, "LOGNAME": account.pw_name}
    names["GLIDEIN_TEST_TIMEOUT"] = f"{timeout_s:g}"
    # Not by runuser: that would kill it two seconds after it is told to end.
    who: dict[str, Any] = {}
    if os.geteuid() != account.pw_uid:
        groups = os.getgrouplist(account.pw_name, account.pw_gid)
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}
    try:
        process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, text=True, env={**os.environ, **names}, cwd="/", **who
        )
    except OSError as err:
        text = f"{settings.account} cannot run {argv[0]}: {err.strerror} (GLIDEIN_BIN)"
        raise Misconfigured(text) from err
    code: int | None = None
    with process:
        try:
            yield from process.stdout or ()
            with suppress(subprocess.TimeoutExpired):  # it says no more, and lives on
                code = process.wait(_LONGEST_END_S)
        finally:
            # It was interrupted, or nobody listens any more: it removes what it made, then ends.
            if process.poll() is None:
                process.terminate()
                process.wait(_LONGEST_END_S)
    if code not in {0, 1}:
        raise GiveUp(f"{ENDED_EARLY} (exit code {code})")


def _program(program_dir: str) -> list[str]:
    """The installed program; in a checkout the one beside this Python."""
    for directory in (Path(program_dir), Path(sys.executable).parent):
        if (directory / "glidein-gateway").exists():
            return [str(directory / "glidein-gateway")]
    return [sys.executable, "-m", "condor_plugins.gateway"]
