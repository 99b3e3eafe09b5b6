# SPDX-License-Identifier: Apache-2.0
"""What each BLAH command does to the engine, and the result that it gets.

Runs in the threads of a desk; may take as long as the facility and the disk do.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence

from condor_plugins.core.errors import TryAgain
from condor_plugins.facility.values import IDLE, RUNNING, NoNews, Rejected
from condor_plugins.gateway import gahp
from condor_plugins.gateway.gahp import Request
from condor_plugins.gateway.opening import Opened
from condor_plugins.gateway.promises import Promise, Promises
from condor_plugins.gateway.requests import from_ad
from condor_plugins.gateway.site_attributes import variables_of_ad, with_site_attributes
from condor_plugins.gateway.values import (
    CANCELLED,
    FINAL,
    INTENDED,
    REFUSED,
    SENT,
    Record,
    WrongJob,
)

# A full disk, a ledger that another process holds for long, a configuration that is being
# written: they pass.
PASSING = (OSError, sqlite3.Error, TryAgain)
# The gridmanager holds a job that it could not submit, or that got no answer for 300 s.
LAST_S = 265.0


class Carrying:
    """`opened`: gives the facility, and raises when it cannot be opened."""

    def __init__(self, promises: Promises, opened: Callable[[], Opened]) -> None:
        self._promises = promises
        self._opened = opened
        self.log = logging.getLogger("condor_plugins.gateway")
        self._unwritten: dict[int, str] = {}
        self._unwished: dict[int, float] = {}  # since when
        self._known: dict[str, tuple[str, int]] = {}

    def write(self, asked: Request) -> str | None:
        """Write a submission, or the wish to cancel, down, before anything is sent.

        The name of its record; "" if it has been answered, None if it has to be tried again.
        """
        try:
            if asked.verb == "BLAH_JOB_CANCEL":
                return self._wish(self._opened(), asked)
            return self._accept(self._opened(), asked)
        except PASSING as problem:
            if asked.verb == "BLAH_JOB_CANCEL":
                self._wish_again(asked, problem)
                return None
            if not self._promises.is_open(asked.reqid):
                raise
            self.log.warning("a job cannot be written down: %s", problem)
            self._unwritten[asked.reqid] = f"{type(problem).__name__}: {problem}"
            return None

    def send(self, names: Sequence[str]) -> None:
        """Send jobs that are written down."""
        self._opened().engine.send(names)
        self.settle()

    def take_back(self) -> None:
        """Ask for what is wished; not taken yet: it is in the ledger, so only a matter of time."""
        self._opened().engine.take_back()
        self.settle()

    def fail(self, asked: Request, problem: Exception) -> None:
        """An error that nobody foresaw; what is in the ledger goes on there."""
        if not self._promises.name(asked.reqid):
            words = f"{type(problem).__name__}: {problem}"
            self._promises.keep(asked.reqid, gahp.failed(asked, words))

    def _accept(self, opened: Opened, asked: Request) -> str:
        if not self._promises.is_open(asked.reqid):
            return ""
        self._unwritten.pop(asked.reqid, None)
        try:
            request = from_ad(asked.words[0])
            request = with_site_attributes(
                opened.facility.name, request, lambda: variables_of_ad(asked.words[0])
            )
            record = opened.engine.accept(request)
        except WrongJob as wrong:
            self._promises.keep(asked.reqid, gahp.not_submitted(asked.reqid, str(wrong)))
            return ""
        self._promises.call(asked.reqid, record.name)
        return record.name

    def _wish(self, opened: Opened, asked: Request) -> str:
        _, handle = gahp.handle_of(asked.words[0])
        record = opened.engine.wish(handle)
        self._unwished.pop(asked.reqid, None)
        if record is None or record.phase in FINAL:
            # The facility may have to be told all the same, if it is cancelled and runs there.
            self._promises.keep(asked.reqid, gahp.done(asked.reqid))
            return record.name if record else ""
        self._promises.call(asked.reqid, record.name)
        return record.name

    def _wish_again(self, asked: Request, problem: Exception) -> None:
        """Also when it was answered: HTCondor may not ask again, and the job would go on there."""
        now_s = time.monotonic()
        since_s = self._unwished.setdefault(asked.reqid, now_s)
        if now_s - since_s >= LAST_S and not self._promises.is_open(asked.reqid):
            del self._unwished[asked.reqid]
            raise problem
        self.log.warning("a wish to cancel cannot be written down: %s", problem)

    def settle(self) -> None:
        """Answer the submissions and cancellations whose outcome is in the ledger now."""
        if not (waiting := self._promises.waiting()):
            return
        opened = self._opened()
        for promise in waiting:
            record = opened.engine.find(promise.name)
            if record and (result := _outcome(opened, promise.asked, record)):
                self._promises.keep(promise.asked.reqid, result)

    def status(self, asked: Request) -> None:
        _, handle = gahp.handle_of(asked.words[0])
        answer = self._opened().engine.answer(handle)
        ad = gahp.status_ad(handle, answer)
        result = gahp.status(asked.reqid, ad, answer.status)
        if answer.status in (IDLE, RUNNING):
            self._known[handle] = ad, answer.status
        else:
            self._known.pop(handle, None)
        self._promises.keep(asked.reqid, result)

    def ping(self, asked: Request) -> None:
        """Whether jobs can be submitted: the machine is not down, and the credential is good."""
        why = why_down(self._opened())
        result = gahp.not_done(asked.reqid, why) if why else gahp.done(asked.reqid)
        self._promises.keep(asked.reqid, result)

    def overdue(self, promise: Promise) -> None:
        """Answer with what is known: no facility in the way, and a disk only for what is there."""
        asked = promise.asked
        match asked.verb:
            case "BLAH_JOB_SUBMIT":
                self._submit_overdue(promise)
            case "BLAH_JOB_STATUS":
                _, handle = gahp.handle_of(asked.words[0])
                unknown = gahp.no_status(asked.reqid, "the ledger cannot be read")
                known = self._known.get(handle)
                result = gahp.status(asked.reqid, *known) if known else unknown
                self._promises.keep(asked.reqid, result)
            case "BLAH_JOB_CANCEL":
                self._promises.keep(asked.reqid, self._cancel_overdue(promise))
            case _:
                self._promises.keep(asked.reqid, gahp.failed(asked, "no answer in time"))

    def _submit_overdue(self, promise: Promise) -> None:
        """Only what is written down can be promised."""
        reqid = promise.asked.reqid
        if promise.name:
            job = _blah_id(self._opened(), promise.name)
            self._promises.keep(reqid, gahp.submitted(reqid, job))
        elif reqid in self._unwritten and time.monotonic() - promise.since_s >= LAST_S:
            why = f"the gateway cannot write the job down: {self._unwritten.pop(reqid)}"
            self._promises.keep(reqid, gahp.not_submitted(reqid, why))

    def _cancel_overdue(self, promise: Promise) -> str:
        """Done only if the wish is on disk; else HTCondor has to ask again."""
        asked, record = promise.asked, None
        try:
            record = self._opened().engine.find(promise.name) if promise.name else None
        except PASSING as problem:
            self.log.warning("the ledger cannot be read: %s", problem)
        if record and (record.cancel_wanted or record.phase in FINAL):
            return gahp.done(asked.reqid)
        return gahp.not_done(asked.reqid, "the gateway could not write the wish down in time")


def _outcome(opened: Opened, asked: Request, record: Record) -> str | None:
    """The result of a submission; None while it is open."""
    if asked.verb == "BLAH_JOB_CANCEL":
        return gahp.done(asked.reqid) if record.phase in FINAL else None
    if record.phase == REFUSED:
        return gahp.not_submitted(asked.reqid, record.error)
    if record.phase == CANCELLED:
        return gahp.not_submitted(asked.reqid, "cancelled before it was submitted")
    if record.phase in (INTENDED, SENT):
        return None
    return gahp.submitted(asked.reqid, _blah_id(opened, opened.engine.tell(record.name)))


def _blah_id(opened: Opened, handle: str) -> str:
    return gahp.blah_id(opened.facility.name, time.strftime("%Y%m%d"), handle)


def why_down(opened: Opened) -> str:
    """In the facility's words why no job should be sent there now; "" if it is up."""
    try:
        health = opened.engine.health()
        if health.state == "down":
            return f"{opened.facility.name} is down: {health.words or 'it gives no reason'}"
        opened.backend.login()
    except NoNews as problem:
        return f"{opened.facility.name} gives no answer: {problem.reason}"
    except Rejected as problem:
        return f"{opened.facility.name} refuses: {problem}"
    return ""
