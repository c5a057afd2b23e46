"""The database: opening it, its transactions, and the few queries every process needs.

SQLite in WAL mode with synchronous=FULL: what a transaction committed has reached the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError

from edge.errors import StorageError
from hub.tables import Base, Counter, Process

BUSY_TIMEOUT_S = 10.0
_APPEND_ONLY = (
    "CREATE TRIGGER IF NOT EXISTS actions_never_{name} BEFORE {verb} ON actions "
    "BEGIN SELECT RAISE(ABORT, 'actions are append-only'); END"
)


class Store:
    """One process's way into the database. Raises StorageError where it cannot be opened or used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make the data folder {path.parent}: {error.strerror}") from error
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_S})
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", _begin)
        with self.write() as connection:
            Base.metadata.create_all(connection)
            for name, verb in (("changed", "UPDATE"), ("removed", "DELETE")):
                connection.exec_driver_sql(_APPEND_ONLY.format(name=name, verb=verb))

    def close(self) -> None:
        """Closes every connection."""
        self._engine.dispose()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the writer's lock from its start; committed, on disk, at its end."""
        with self._transaction(writing=True) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and blocks nobody."""
        with self._transaction(writing=False) as connection:
            yield connection

    @contextmanager
    def _transaction(self, *, writing: bool) -> Iterator[Connection]:
        try:
            with (
                self._engine.connect().execution_options(writing=writing) as connection,
                connection.begin(),
            ):
                yield connection
        except DBAPIError as error:
            raise StorageError(f"the database {self.path} cannot be used: {error.orig}") from error


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would come too late for IMMEDIATE
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def count(connection: Connection, name: str, by: int = 1) -> int:
    """Adds to a counter and returns its new value."""
    statement = (
        insert(Counter)
        .values(name=name, value=by)
        .on_conflict_do_update(index_elements=[Counter.name], set_={"value": Counter.value + by})
        .returning(Counter.value)
    )
    return connection.execute(statement).scalar_one()


def counter(connection: Connection, name: str) -> int:
    """The value of a counter, 0 where it has never counted."""
    return connection.scalar(select(Counter.value).where(Counter.name == name)) or 0


def next_revision(connection: Connection) -> int:
    """The number for everything this transaction changes on the board."""
    return count(connection, "revision")


def revision(connection: Connection) -> int:
    """The number of the newest change on the board."""
    return counter(connection, "revision")


def beat(connection: Connection, name: str, now: float, *, working: bool) -> None:
    """A process's sign of life at `now`, and whether it can do its work."""
    row = connection.execute(select(Process.working, Process.since).where(Process.name == name)).one_or_none()
    values: dict[str, Any] = {"at": now, "working": working}
    if row is None:
        connection.execute(insert(Process).values(name=name, since=now, **values))
        return
    if row.working != working:
        values["since"] = now
    connection.execute(update(Process).where(Process.name == name).values(**values))


def begin_work(connection: Connection, name: str, now: float) -> None:
    """Marks a process as working from `now` on, whatever it was before."""
    beat(connection, name, now, working=True)
    connection.execute(update(Process).where(Process.name == name).values(since=now))
