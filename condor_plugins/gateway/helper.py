# SPDX-License-Identifier: Apache-2.0
"""The verbs of <type>_<verb>.sh, for a stock blahpd: one process for each question.

stdout is blahpd's, exit 0 and an error at once are too. It ends a script that says nothing on
stdout and stderr for 30 s, so what may take long writes to stderr meanwhile. What takes longer
than HTCondor waits goes on in a process behind the answer (working.py).
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from condor_plugins.core.errors import Misconfigured, TryAgain
from condor_plugins.gateway import gahp
from condor_plugins.gateway.values import WrongJob

if TYPE_CHECKING:
    import logging

    from condor_plugins.gateway.opening import Opened

MOST_ERROR = 250
"""blahpd keeps 255 characters of what a status script says on stderr."""
_SIGN_OF_LIFE_S = 8.0
_ASK_S = 10.0


class Failed(Exception):
    """What blahpd is to be told, with exit code 1."""


def submit(batch_type: str, words: Sequence[str]) -> None:
    """`words`: what <type>_submit.sh was called with. Writes the job's id to stdout."""
    from condor_plugins.gateway.submitting import accepted, sent  # noqa: PLC0415
    from condor_plugins.gateway.working import go_on  # noqa: PLC0415 (for this verb only)

    since_s = time.monotonic()
    with _signs_of_life():
        opened, name = accepted(batch_type, words, since_s)
        # From here on it is the gateway's job, whatever happens.
        handle = sent(opened, name, since_s + opened.facility.patience_s)
    if not handle:
        _behind(batch_type, lambda: go_on(batch_type))
    job = gahp.blah_id(batch_type, time.strftime("%Y%m%d"), handle or name)
    _say(f"BLAHP_JOBID_PREFIX{job}")


def status(batch_type: str, words: Sequence[str]) -> None:
    """One line for each blah id in `words` (the option -w is of no meaning here)."""
    from condor_plugins.gateway.working import go_on_now_and_then  # noqa: PLC0415

    opened = _open(batch_type)
    with _signs_of_life():
        if polled := opened.engine.poll():
            _cache(opened)
    for word in words:
        if not word.startswith("-"):
            _, handle = gahp.handle_of(word)
            _say(f"0{gahp.status_ad(handle, opened.engine.answer(handle))}")
    # Jobs that were seen to have ended have files to be fetched before it is told.
    _behind(batch_type, lambda: go_on_now_and_then(batch_type, opened.directory, at_once=polled))


def _cache(opened: "Opened") -> None:
    """From this file blahpd answers the next questions by itself."""
    from condor_plugins.gateway.results_cache import write  # noqa: PLC0415 (once a poll)

    try:
        write(opened.facility.name, opened.engine.live())
    except OSError as problem:
        sys.stderr.write(f"no results cache: {problem}\n")


def cancel(batch_type: str, words: Sequence[str]) -> None:
    """The wishes are on disk first; a process sees to it that the facility takes them."""
    from condor_plugins.gateway.submitting import meanwhile  # noqa: PLC0415
    from condor_plugins.gateway.working import go_on  # noqa: PLC0415 (for this verb only)

    opened = _open(batch_type)
    names = []
    with _signs_of_life():
        try:
            for word in words:
                record = opened.engine.wish(gahp.handle_of(word)[1])
                names += [record.name] if record else []
        finally:
            _behind(batch_type, lambda: go_on(batch_type))
        # Each helper for its own jobs only: thirty at once would ask for each other's.
        meanwhile(opened, _ASK_S, lambda: opened.engine.take_back(names))
    for number in range(len(words)):
        _say(f"{f'.{number}' if len(words) > 1 else ''} 0 No\\ error")


def ping(batch_type: str, words: Sequence[str]) -> None:
    """0 or 1, and why."""
    from condor_plugins.gateway.carrying import why_down  # noqa: PLC0415 (for this verb only)

    with _signs_of_life():
        why = why_down(_open(batch_type))
    _say(f"1 {gahp.sentence(why, MOST_ERROR)}" if why else "0 No error")


def hold(batch_type: str, words: Sequence[str]) -> None:
    """HTCondor's gridmanager never asks for it: condor_hold cancels the job there."""
    raise Failed("a job at a facility cannot be held")


def resume(batch_type: str, words: Sequence[str]) -> None:
    raise Failed("a job at a facility is never held there")


VERBS = {
    "submit": submit,
    "status": status,
    "cancel": cancel,
    "hold": hold,
    "resume": resume,
    "ping": ping,
}


def main(verb: str, batch_type: str, words: Sequence[str]) -> int:
    """The exit code; 1 with one sentence on stderr for whatever goes wrong."""
    try:
        VERBS[verb](batch_type.lower(), words)
    except (Failed, WrongJob) as problem:
        why = str(problem)
    except Exception as problem:
        why = f"{type(problem).__name__}: {problem}"
        log = _log(batch_type)
        log.exception("%s", verb)
    else:
        return 0
    sys.stderr.write(gahp.sentence(why, MOST_ERROR) + "\n")
    return 1


def _behind(batch_type: str, start: Callable[[], None]) -> None:
    """Start the process behind the answer; the next status does it as well."""
    try:
        start()
    except OSError as problem:
        with suppress(OSError):  # the log's disk may be the one that is full
            log = _log(batch_type)
            log.warning("no process goes on behind the answer: %s", problem)


def _open(batch_type: str) -> "Opened":
    from condor_plugins.gateway.opening import open_facility  # noqa: PLC0415 (not for "hold")

    return open_facility(batch_type)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _log(batch_type: str) -> "logging.Logger":
    """For an error that nobody foresaw: its sentence on stderr is too little."""
    import logging  # noqa: PLC0415 (not for an answer)

    from condor_plugins.gateway.gateway_log import log_to  # noqa: PLC0415
    from condor_plugins.gateway.settings import load  # noqa: PLC0415

    try:
        facility, directory = load(batch_type)
    except (Misconfigured, TryAgain, OSError):
        nowhere = logging.getLogger("condor_plugins.gateway.nowhere")
        nowhere.propagate = False
        nowhere.addHandler(logging.NullHandler())
        return nowhere
    return log_to(facility.name, directory / "gateway.log")


@contextmanager
def _signs_of_life() -> Iterator[None]:
    """Meanwhile a line on stderr now and then."""
    over = threading.Event()

    def speak() -> None:
        while not over.wait(_SIGN_OF_LIFE_S):
            sys.stderr.write("at work\n")
            sys.stderr.flush()

    speaking = threading.Thread(target=speak, daemon=True)
    speaking.start()
    try:
        yield
    finally:
        over.set()
        speaking.join()
