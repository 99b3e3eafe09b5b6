# SPDX-License-Identifier: Apache-2.0
"""One facility's jobs, from HTCondor's wish to the end: exactly once, whatever fails in between.

Everything that matters is in the ledger; an engine can be killed at any moment, and several may
work on one ledger. The parts: accepting, sending, polling, cancelling, finishing, answering.
"""

import random
import time
from collections.abc import Callable, Collection, Sequence

from condor_plugins.facility.values import Backend, Facility, Health, NoNews, Rejected
from condor_plugins.gateway import accepting, answering, cancelling, finishing, polling, sending
from condor_plugins.gateway.desk import FAILED, Desk
from condor_plugins.gateway.ledger import Ledger
from condor_plugins.gateway.memory import Memory
from condor_plugins.gateway.pace import Pace
from condor_plugins.gateway.staging import Store
from condor_plugins.gateway.values import (
    FINAL,
    SUBMITTED,
    Answer,
    FacilityState,
    JobRequest,
    Record,
)

_UPKEEP_S = 3600.0
_AT_ONCE_S, _AFTER_FAILURE_S, _MOST_S = 0.1, 5.0, 60.0


class Engine:
    """Every method may be called by several threads at once."""

    threads = 6
    """How many requests of one kind one call makes at once."""

    def __init__(
        self,
        facility: Facility,
        backend: Backend,
        ledger: Ledger,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,  # noqa: S311 (spreads requests, hides nothing)
    ) -> None:
        pace = Pace(ledger, clock, jitter, facility.poll_s)
        store = Store(backend, facility, ledger, clock)
        memory = Memory(ledger)
        self._desk = Desk(facility, backend, ledger, memory, store, pace, clock, {}, self.threads)
        self._upkeep_s = 0.0

    def accept(self, request: JobRequest) -> Record:
        """The job's record, on disk before anything is sent; the same key, the same record.

        Only a job that HTCondor took back, or that it was told the end of, is begun anew.
        """
        return accepting.accept(self._desk, request)

    def tell(self, name: str) -> str:
        """The handle of this job, which from now on stays as it is."""
        return accepting.tell(self._desk, name)

    def send(self, names: Sequence[str]) -> None:
        """Submit those of these jobs that are not sent yet; after that their records say how."""
        sending.send(self._desk, names)

    def poll(self, force: bool = False) -> bool:
        """Ask for all live jobs, if it is time (`force`: at once); whether there was an answer.

        The facility's own wish to be left alone is obeyed in any case.
        """
        return polling.poll(self._desk, force)

    def wish(self, handle: str) -> Record | None:
        """Only write down that a job is to be taken back; None: it is gone from the ledger."""
        return cancelling.wish(self._desk, handle)

    def take_back(self, names: Collection[str] | None = None) -> None:
        """Ask the facility, in one request, for what is wished and not taken yet.

        `names`: for these records only.
        """
        cancelling.carry_out(self._desk, names)

    def cancel(self, handle: str) -> bool:
        """Take a job back; True once the facility knows, else `work` goes on with it."""
        return cancelling.cancel(self._desk, handle)

    def finish(self, most: int = 20) -> int:
        """Fetch the files of ended jobs and clean up behind them; how many came to their end."""
        return finishing.finish(self._desk, most)

    def answer(self, handle: str) -> Answer:
        """The status for HTCondor, out of memory. Raises WrongJob for what can be no handle."""
        return answering.answer(self._desk, handle)

    def find(self, handle: str) -> Record | None:
        """By handle, remote id or name."""
        return self._desk.memory.find(handle) or self._desk.ledger.find(handle)

    def state(self) -> FacilityState:
        return self._desk.pace.state()

    def live(self) -> list[Record]:
        """The jobs that are not final."""
        return [one for one in self._desk.memory.records() if one.phase not in FINAL]

    def unfinished(self) -> bool:
        """More is to be done than to ask how jobs are: sends, cancels, fetches, cleaning up.

        A job that is not found counts, too: only answers one soon after the other make it lost.
        """
        return any(
            one.phase != SUBMITTED or one.cancel_wanted or one.missing_s
            for one in self._desk.memory.records()
        )

    def health(self) -> Health:
        """Ask the facility how it is, and keep the answer. Raises NoNews, Rejected."""
        found = self._desk.backend.health()
        self._desk.pace.note(found)
        return found

    def work(self) -> float:
        """One round of all that is due; seconds until there will be something again.

        No step stops another one. Sends come last: an upload may take minutes.
        """
        desk = self._desk
        steps: list[Callable[[], object]] = [
            lambda: cancelling.carry_out(desk),
            lambda: polling.poll(desk, force=False),
            lambda: cancelling.carry_out(desk),
            lambda: finishing.finish(desk, most=20),
            self._upkeep,
            lambda: sending.send_waiting(desk),
        ]
        for step in steps:
            if desk.pace.wait_s() <= 0:
                desk.guarded(step)
        return self._due_in_s()

    def _due_in_s(self) -> float:
        desk = self._desk
        wait = desk.pace.wait_s()
        if wait > 0:
            return min(wait, _MOST_S)
        least = _AT_ONCE_S if desk.due(*FAILED) else _AFTER_FAILURE_S
        if cancelling.anything(desk) or finishing.anything(desk):
            return least
        due = [_MOST_S]
        if sending.anything(desk):
            due.append(desk.pace.sends_in_s())
        if polling.anything(desk):
            due.append(desk.pace.poll_in_s())
        return max(min(due), least)

    def _upkeep(self) -> None:
        """Once an hour: forget what is long over; see how long the credential is good."""
        now = self._desk.clock()
        if 0 <= now - self._upkeep_s < _UPKEEP_S:
            return
        self._upkeep_s = now
        self._desk.guarded(lambda: finishing.purge(self._desk))
        try:
            found = self._desk.backend.credential()
        except NoNews as news:
            self._desk.pace.asked_for(news)
            return
        except Rejected:
            return
        self._desk.pace.note_credential(found.expires_s, found.words)
