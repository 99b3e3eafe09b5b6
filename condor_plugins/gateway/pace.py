# SPDX-License-Identifier: Apache-2.0
"""When the facility may be asked again, and what is known of it as a whole."""

import json
from typing import NamedTuple, Protocol

from condor_plugins.facility.values import Health, NoNews, NotSent
from condor_plugins.gateway.ledger import Ledger, Transaction
from condor_plugins.gateway.values import FacilityState

_STATE, _POLLED, _SENDS = "state", "polled", "sends"
_FIRST_WAIT_S, _MOST_WAIT_S, _MOST_ASKED_S = 5.0, 300.0, 3600.0


class Clock(Protocol):
    def __call__(self) -> float: ...


class _Sends(NamedTuple):
    """The wait that only sends obey: its end (UNIX seconds), and how often sends failed."""

    until_s: float = 0.0
    failures: int = 0


class Pace(NamedTuple):
    """The facts of one facility that all its processes share; kept in the ledger."""

    ledger: Ledger
    clock: Clock
    jitter: Clock
    poll_s: float

    def state(self) -> FacilityState:
        return _read(self.ledger.fact(_STATE))

    def wait_s(self) -> float:
        """Seconds until the facility may be asked; 0 is now."""
        wait = self.state().wait_until_s - self.clock()
        # Longer than was ever agreed on: the clock was set back.
        return wait if 0 < wait <= 2 * _MOST_ASKED_S else 0.0

    def sends_in_s(self) -> float:
        """Seconds until jobs may be sent; longer than `wait_s` where only sends fail."""
        wait = self._sends(self.ledger.fact(_SENDS)).until_s - self.clock()
        return max(self.wait_s(), wait, 0.0)

    def asked_for(self, news: NoNews) -> None:
        """Wait only if the facility itself says so; other questions may well have an answer."""
        if _is_asked_for(news):
            self.no_news(news)

    def no_news(self, news: NoNews | NotSent) -> None:
        """No answer: wait as long as the facility asks for, else longer from time to time,

        but no longer than between polls: so soon the end of an outage is to be seen.
        """
        with self.ledger.transaction() as rows:
            self.later(rows, news)

    def later(self, rows: Transaction, news: NoNews | NotSent) -> None:
        """The same, within a transaction."""
        now, old = self.clock(), _read(rows.fact(_STATE))
        # What fails while everybody waits anyway was sent before: no further failure.
        failures = old.failures + (old.wait_until_s <= now)
        wait = self._grown_s(failures)
        if news.retry_after_s > 0:
            # Not before it, and not everybody at the same second after it.
            wait = min(news.retry_after_s, _MOST_ASKED_S) * (1 + 0.2 * self.jitter())
        down = isinstance(news, NoNews) and news.maintenance
        new = old._replace(
            state="down" if down else old.state,
            words=news.reason if down else old.words,
            error=news.reason,
            error_s=now,
            asked_s=now,
            wait_until_s=max(old.wait_until_s, now + wait),
            failures=failures,
        )
        rows.set_fact(_STATE, json.dumps(new))

    def sends_later(self, rows: Transaction, news: NoNews | NotSent) -> None:
        """What could not be sent: sends alone wait, unless the facility wants to be left alone."""
        if _is_asked_for(news):
            self.later(rows, news)
            return
        now, old = self.clock(), self._sends(rows.fact(_SENDS))
        failures = old.failures + (old.until_s <= now)
        until_s = max(old.until_s, now + self._grown_s(failures))
        rows.set_fact(_SENDS, json.dumps(_Sends(until_s, failures)))
        state = _read(rows.fact(_STATE))._replace(error=news.reason, error_s=now, asked_s=now)
        rows.set_fact(_STATE, json.dumps(state))

    def sent(self, rows: Transaction) -> None:
        """The facility took a job or refused it."""
        self.answered(rows)
        if self._sends(rows.fact(_SENDS)).until_s <= self.clock():
            rows.set_fact(_SENDS, "")

    def _grown_s(self, failures: int) -> float:
        doubled: float = _FIRST_WAIT_S * 2 ** min(failures - 1, 10)
        grown = min(_MOST_WAIT_S, self.poll_s, doubled)
        return grown * (0.5 + 0.5 * self.jitter())

    def _sends(self, text: str) -> _Sends:
        """One that ends later than was ever agreed on is none: the clock was set back."""
        found = _Sends(*json.loads(text)) if text else _Sends()
        return found if found.until_s - self.clock() <= _MOST_WAIT_S else _Sends()

    def answered(self, rows: Transaction) -> None:
        """The facility gave a usable answer: the next failure begins with a short wait again."""
        now, old = self.clock(), _read(rows.fact(_STATE))
        over = old.wait_until_s <= now
        new = old._replace(
            state="up" if old.state in {"", "down"} else old.state,
            words="" if old.state == "down" else old.words,
            error="" if over else old.error,
            answered_s=now,
            asked_s=now,
            wait_until_s=0.0 if over else old.wait_until_s,
            failures=0 if over else old.failures,
        )
        rows.set_fact(_STATE, json.dumps(new))

    def note(self, health: Health) -> None:
        """What it says of itself."""
        self._change(state=health.state, words=health.words, answered_s=self.clock())

    def note_credential(self, expires_s: float, words: str) -> None:
        self._change(credential_expires_s=expires_s, credential_words=words)

    def poll_in_s(self) -> float:
        """Seconds until the next poll is due, for all processes together."""
        since = self.clock() - float(self.ledger.fact(_POLLED) or 0)
        return max(self.wait_s(), self.poll_s - since if 0 <= since < self.poll_s else 0.0)

    def claim_poll(self, force: bool) -> bool:
        """Whether this caller is the one to poll now."""
        if (self.wait_s() if force else self.poll_in_s()) > 0:
            return False
        with self.ledger.transaction() as rows:
            since = self.clock() - float(rows.fact(_POLLED) or 0)
            if not force and 0 <= since < self.poll_s:
                return False
            rows.set_fact(_POLLED, repr(self.clock()))
        return True

    def _change(self, **values: str | float) -> None:
        with self.ledger.transaction() as rows:
            old = _read(rows.fact(_STATE))
            rows.set_fact(_STATE, json.dumps(FacilityState(**{**old._asdict(), **values})))


def _is_asked_for(news: NoNews | NotSent) -> bool:
    return news.retry_after_s > 0 or (isinstance(news, NoNews) and news.maintenance)


def _read(text: str) -> FacilityState:
    """Fields that a newer version added have their defaults."""
    return FacilityState(*json.loads(text)) if text else FacilityState()
