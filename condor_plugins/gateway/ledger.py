# SPDX-License-Identifier: Apache-2.0
"""The ledger of one facility on disk: every job, and a few facts, in one sqlite file.

What is to be done stands here before it is done: that, and claims that only one process can win,
make a job run once. Many threads and processes may use the file at the same time.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakSet

from condor_plugins.gateway.ledger_schema import prepare
from condor_plugins.gateway.values import Record

_BUSY_S = 30.0
_FIELDS = ", ".join(Record._fields)
_INSERT = f"INSERT INTO jobs ({_FIELDS}, change) VALUES ({', '.join('?' * len(Record._fields))}, ?)"  # noqa: S608
_SELECT = f"SELECT {_FIELDS} FROM jobs "  # noqa: S608
Phases = Sequence[str]


class Transaction:
    """Changes that reach the disk together or not at all; nobody else writes meanwhile."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._change = 0

    def rows(self, where: str, *values: object) -> list[Record]:
        """The jobs that an SQL condition of this project's own selects."""
        return _rows(self._connection, where, values)

    def get(self, name: str) -> Record | None:
        found = self.rows("WHERE name = ?", name)
        return found[0] if found else None

    def insert(self, record: Record) -> None:
        self._connection.execute(_INSERT, (*record, self._next()))

    def update(self, name: str, phases: Phases, **values: str | int | float) -> bool:
        """Set these fields if the job is in one of these phases; whether it was."""
        wrong = values.keys() - set(Record._fields)
        if wrong:
            raise TypeError(f"a Record has no {sorted(wrong)}")
        names = ", ".join(f"{field} = ?" for field in values)
        marks = ", ".join("?" * len(phases))
        sql = f"UPDATE jobs SET {names}, change = ? WHERE name = ? AND phase IN ({marks})"  # noqa: S608
        done = self._connection.execute(sql, (*values.values(), self._next(), name, *phases))
        return done.rowcount == 1

    def delete(self, where: str, *values: object) -> None:
        self._connection.execute(f"DELETE FROM jobs WHERE {where}", values)  # noqa: S608

    def fact(self, name: str) -> str:
        return _fact(self._connection, name)

    def set_fact(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def drop_facts(self, prefix: str) -> None:
        sql = "DELETE FROM facts WHERE substr(name, 1, ?) = ?"
        self._connection.execute(sql, (len(prefix), prefix))

    def _next(self) -> int:
        if not self._change:
            self._connection.execute("UPDATE counter SET change = change + 1")
            self._change = self._connection.execute("SELECT change FROM counter").fetchone()[0]
        return self._change


class _Connection(sqlite3.Connection):
    """One that does not live longer because it is in a WeakSet."""


class Ledger:
    """`path`: the file; it and its directory are made if need be, for this account alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._of_thread = threading.local()
        self._writing = threading.Lock()
        self._all: WeakSet[_Connection] = WeakSet()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        prepare(self.connect())

    def connect(self) -> sqlite3.Connection:
        """This thread's own connection."""
        found: sqlite3.Connection | None = getattr(self._of_thread, "connection", None)
        if found is None:
            found = self.new_connection()
            self._of_thread.connection = found
        return found

    def new_connection(self) -> sqlite3.Connection:
        """One for the caller alone."""
        made = sqlite3.connect(
            self.path,
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
            factory=_Connection,
        )
        made.execute("PRAGMA synchronous = FULL")
        self._all.add(made)
        return made

    def close(self) -> None:
        """Close every thread's connection; nobody may be using them."""
        for connection in list(self._all):
            connection.close()
        self._all.clear()
        self._of_thread = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Threads wait in line here: in sqlite they would sleep and try again."""
        connection = self.connect()
        with self._writing:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def get(self, name: str) -> Record | None:
        found = _rows(self.connect(), "WHERE name = ?", (name,))
        return found[0] if found else None

    def find(self, handle: str) -> Record | None:
        """The youngest job that HTCondor can mean: by handle, by remote id or by name."""
        where = "WHERE handle = ?1 OR remote_id = ?1 OR name = ?1 ORDER BY made_s DESC LIMIT 1"
        found = _rows(self.connect(), where, (handle,))
        return found[0] if found else None

    def of_key(self, key: str) -> list[Record]:
        """Every attempt of one job of HTCondor's, the first one first."""
        return _rows(self.connect(), "WHERE key = ? ORDER BY rowid", (key,))

    def rows(self, where: str, *values: object) -> list[Record]:
        return _rows(self.connect(), where, values)

    def changed(
        self, connection: sqlite3.Connection, where: str, *values: object
    ) -> list[tuple[int, Record]]:
        """Rows with the number of their last change; it grows with each transaction."""
        sql = f"SELECT change, {_FIELDS} FROM jobs {where}"  # noqa: S608
        found = connection.execute(sql, values)
        return [(change, Record._make(row)) for change, *row in found]

    def update(self, name: str, phases: Phases, **values: str | int | float) -> bool:
        """One change on its own; whether the job was in one of these phases."""
        with self.transaction() as rows:
            return rows.update(name, phases, **values)

    def fact(self, name: str) -> str:
        """A remembered text; "" where there is none."""
        return _fact(self.connect(), name)

    def set_fact(self, name: str, value: str) -> None:
        with self.transaction() as rows:
            rows.set_fact(name, value)


def _rows(connection: sqlite3.Connection, where: str, values: Sequence[object]) -> list[Record]:
    return [Record._make(row) for row in connection.execute(_SELECT + where, values)]


def _fact(connection: sqlite3.Connection, name: str) -> str:
    found = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return str(found[0]) if found else ""
