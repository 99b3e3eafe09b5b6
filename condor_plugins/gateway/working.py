# SPDX-License-Identifier: Apache-2.0
"""Work at a facility while no resident gateway runs: a process that goes away when all is done.

Helper scripts start it behind their answer: blahpd waits for none of them for long.
"""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from condor_plugins.gateway.disk import alone

if TYPE_CHECKING:
    import logging

    from condor_plugins.gateway.diagnostics import Diagnostics
    from condor_plugins.gateway.opening import Opened

PROGRAM = [sys.executable, "-I", "-m", "condor_plugins.gateway"]
MOST_S = 3600.0
_AGAIN_S, _SECOND_LOOK_S = 20.0, 1.0
_LOCK, _STAMP = "working.lock", "working.stamp"


def go_on(batch_type: str) -> None:
    """Start such a process; in a session of its own, for blahpd kills what is in its own."""
    import subprocess  # noqa: PLC0415 (10 ms, and rarely)

    subprocess.Popen(
        [*PROGRAM, "work", batch_type],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )


def go_on_now_and_then(batch_type: str, directory: Path, at_once: bool) -> None:
    """Start one, unless one was started a moment ago (`at_once`: in any case)."""
    stamp = directory / _STAMP
    try:
        if not at_once and 0 <= time.time() - stamp.stat().st_mtime < _AGAIN_S:
            return
    except OSError:
        pass
    stamp.touch(mode=0o600)
    go_on(batch_type)


def work(opened: "Opened", most_s: float = MOST_S) -> None:
    """Round after round until nothing is left; only one such process at a time."""
    from condor_plugins.gateway.diagnostics import Diagnostics  # noqa: PLC0415 (not when answering)
    from condor_plugins.gateway.gateway_log import log_to  # noqa: PLC0415

    log = log_to(opened.facility.name, opened.directory / "gateway.log")
    diagnostics, until_s = Diagnostics(), time.monotonic() + most_s
    # The one that is there may have looked for the last time just before this one was wanted.
    for wait_s in (_SECOND_LOOK_S, 0.0):
        with alone(opened.directory / _LOCK) as mine:
            left = mine and _rounds(opened, diagnostics, log, until_s)
        if mine:
            break
        time.sleep(wait_s)
    if left:
        # The lock is free again; a new process has the programs and settings of today.
        go_on(opened.facility.name)


def _rounds(
    opened: "Opened", diagnostics: "Diagnostics", log: "logging.Logger", until_s: float
) -> bool:
    """Whether something is left at the deadline."""
    while time.monotonic() < until_s:
        due_s = _round(opened, diagnostics, log)
        if due_s <= 0:
            return False
        time.sleep(max(min(due_s, _AGAIN_S, until_s - time.monotonic()), 0.1))
    return True


def _round(opened: "Opened", diagnostics: "Diagnostics", log: "logging.Logger") -> float:
    """Seconds until the next one; 0 when nothing is left that status scripts do not do as well."""
    try:
        if not opened.ledger.path.exists():
            return 0.0  # taken away, and with it all that was to be done
        due_s = opened.engine.work()
        diagnostics.tell(opened, log)
        return max(due_s, 0.1) if opened.engine.unfinished() else 0.0
    except Exception:
        log.exception("this round failed; there will be another one")
        return _AGAIN_S
