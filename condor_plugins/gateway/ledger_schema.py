# SPDX-License-Identifier: Apache-2.0
"""The ledger's tables: one column for each field of Record, and when a row last changed."""

import sqlite3

from condor_plugins.gateway.values import Record

_TYPES = {str: "TEXT NOT NULL DEFAULT ''", int: "INTEGER NOT NULL DEFAULT 0"}
_COLUMNS = {
    name: _TYPES.get(kind, "REAL NOT NULL DEFAULT 0")
    for name, kind in Record.__annotations__.items()
} | {"change": "INTEGER NOT NULL DEFAULT 0"}
_INDICES = ("key", "handle", "remote_id", "change")
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS jobs ("
    + ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    + ", PRIMARY KEY (name))",
    *(f"CREATE INDEX IF NOT EXISTS jobs_{name} ON jobs ({name})" for name in _INDICES),
    "CREATE INDEX IF NOT EXISTS jobs_open ON jobs (phase) WHERE cleaned = 0",
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS counter (change INTEGER NOT NULL)",
    "INSERT INTO counter SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM counter)",
)


def prepare(connection: sqlite3.Connection) -> None:
    """Make what is missing; a ledger of an older version gets the columns that it lacks."""
    if _missing(connection) == []:
        return
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _SCHEMA:
            connection.execute(statement)
        for name in _missing(connection):
            connection.execute(f"ALTER TABLE jobs ADD COLUMN {name} {_COLUMNS[name]}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _missing(connection: sqlite3.Connection) -> list[str]:
    there = {row[1] for row in connection.execute("PRAGMA table_info(jobs)")}
    return [name for name in _COLUMNS if name not in there]
