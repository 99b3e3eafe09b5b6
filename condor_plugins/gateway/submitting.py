# SPDX-License-Identifier: Apache-2.0
"""A submission by a helper script: on disk as soon as the disk takes it, and then not waited for.

A facility or a disk that has a bad minute must not hold the job: only what is wrong with the job
itself, or what lasts longer than the facility's patience, is an error.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence

from condor_plugins.core.errors import TryAgain
from condor_plugins.gateway.gateway_log import log_to
from condor_plugins.gateway.opening import Opened, open_facility
from condor_plugins.gateway.requests import from_words
from condor_plugins.gateway.site_attributes import variables_of_file, with_site_attributes
from condor_plugins.gateway.values import CANCELLED, INTENDED, REFUSED, SENT, WrongJob

_LOOK_S = 0.5
_AGAIN_S = 5.0
_TRY_S = 1.0
_PATIENCE_S = 120.0  # until the facility's own is known


def accepted(batch_type: str, words: Sequence[str], since_s: float) -> tuple[Opened, str]:
    """The facility, and the job's name, on disk; what passes is tried again, with patience.

    Raises WrongJob, Misconfigured, or what the disk raises.
    """
    plain, patience_s = from_words(words), _PATIENCE_S
    while True:
        try:
            opened = open_facility(batch_type)
            patience_s = opened.facility.patience_s
            request = with_site_attributes(
                opened.facility.name, plain, lambda: variables_of_file(_file_c(words))
            )
            return opened, opened.engine.accept(request).name
        except (OSError, sqlite3.Error, TryAgain):
            if time.monotonic() + _TRY_S >= since_s + patience_s:
                raise
            time.sleep(_TRY_S)


def sent(opened: Opened, name: str, until_s: float) -> str:
    """Its handle, if the facility has taken it by then; "" while that is open.

    Raises WrongJob when it is refused.
    """
    meanwhile(opened, until_s - time.monotonic(), lambda: _send(opened, name))
    try:
        record = opened.engine.find(name)
        if record is None or record.phase == REFUSED:
            raise WrongJob(record.error if record else f"{name} is gone from the ledger")
        if record.phase == CANCELLED:
            raise WrongJob("cancelled before it was submitted")
        if record.phase not in (INTENDED, SENT):
            return opened.engine.tell(name)
    except (OSError, sqlite3.Error):
        _log(opened).exception("%s is written down", name)
    return ""


def _send(opened: Opened, name: str) -> None:
    """Until it is known whether the facility takes it."""
    send_s = 0.0
    while True:
        if time.monotonic() >= send_s:
            opened.engine.send([name])
            send_s = time.monotonic() + _AGAIN_S
        record = opened.engine.find(name)
        if record is None or record.phase not in (INTENDED, SENT):
            return
        if record.phase == SENT:
            opened.engine.poll()
        time.sleep(_LOOK_S)


def meanwhile(opened: Opened, seconds: float, work: Callable[[], None]) -> None:
    """Do it for so long at most: an upload, or a facility that hangs, is not waited for.

    What goes wrong is in the log; the process behind the answer goes on.
    """

    log = _log(opened)  # where the engine's own go as well

    def run() -> None:
        try:
            work()
        except Exception:
            log.exception("another process goes on with it")

    if seconds > 0:
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(seconds)


def _log(opened: Opened) -> logging.Logger:
    return log_to(opened.facility.name, opened.directory / "gateway.log")


def _file_c(words: Sequence[str]) -> str:
    """The file of option -C, "" without one; what follows "--" is the job's."""
    before = words[: words.index("--")] if "--" in words else words
    return before[before.index("-C") + 1] if "-C" in before[:-1] else ""
