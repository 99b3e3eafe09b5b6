# SPDX-License-Identifier: Apache-2.0
"""The ledger's unfinished jobs in memory: questions about them need no disk."""

import threading

from condor_plugins.gateway.ledger import Ledger
from condor_plugins.gateway.values import FINAL, Record


def is_open(record: Record) -> bool:
    """Something is still to be done about it, here or at the facility."""
    return record.phase not in FINAL or not record.cleaned


class Memory:
    """A copy that follows what any thread or process writes into the ledger.

    It reads by a connection of its own, on which sqlite tells cheaply whether another one wrote.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._lock = threading.Lock()
        self._connection = ledger.new_connection()
        self._ledger = ledger
        self._version = -1
        self._change = -1
        self._open: dict[str, Record] = {}
        self._names: dict[str, str] = {}

    def records(self) -> list[Record]:
        """Those that are open, in no order."""
        with self._lock:
            self._refresh()
            return list(self._open.values())

    def find(self, handle: str) -> Record | None:
        """An open one by handle, remote id or name; the ledger knows the others.

        It knows all as long as nobody asked for `records`: for one question, one row is enough.
        """
        with self._lock:
            if self._change < 0:
                return None
            self._refresh()
            return self._open.get(self._names.get(handle, ""))

    def _refresh(self) -> None:
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return
        where = "WHERE change > ?"
        if self._change < 0:
            counted = self._connection.execute("SELECT change FROM counter").fetchone()
            self._change = counted[0]
            where = "WHERE cleaned = 0 OR change > ?"
        for change, record in self._ledger.changed(self._connection, where, self._change):
            self._take(record)
            self._change = max(self._change, change)
        self._version = version

    def _take(self, record: Record) -> None:
        old = self._open.pop(record.name, None)
        for alias in _aliases(old) if old else ():
            if self._names.get(alias) == record.name:
                del self._names[alias]
        if is_open(record):
            self._open[record.name] = record
            self._names.update(dict.fromkeys(_aliases(record), record.name))


def _aliases(record: Record) -> set[str]:
    return {record.name, record.handle, record.remote_id} - {""}
