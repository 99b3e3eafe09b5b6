# SPDX-License-Identifier: Apache-2.0
"""Work at a facility while no resident gateway runs: a process that goes away when all is done.

Helper scripts start it behind their answer: blahpd waits for none of them for long.
"""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from condor_plugins.gateway.disk import alone
from condor_plugins.gateway.values import SUBMITTED

if TYPE_CHECKING:
    import logging

    from condor_plugins.gateway.opening import Opened

PROGRAM = [sys.executable, "-I", "-m", "condor_plugins.gateway"]
MOST_S = 3600.0
_AGAIN_S = 20.0
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
    with alone(opened.directory / _LOCK) as mine:
        while mine and time.monotonic() < until_s:
            due_s = _round(opened, log)
            diagnostics.tell(opened, log)
            if not _unfinished(opened):
                return
            time.sleep(max(min(due_s, _AGAIN_S), 0.1))


def _round(opened: "Opened", log: "logging.Logger") -> float:
    try:
        return opened.engine.work()
    except Exception:
        log.exception("this round failed; there will be another one")
        return _AGAIN_S


def _unfinished(opened: "Opened") -> bool:
    """More is to be done than to ask how jobs are, which each status script does as well."""
    return any(one.cancel_wanted or one.phase != SUBMITTED for one in opened.engine.live())
