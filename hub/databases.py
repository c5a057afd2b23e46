"""SQLite and PostgreSQL: what each must be told so that both keep the same promises.

A transaction that writes holds the writers' one lock from its start to its end, so writers take turns:
what one reads does not change under it, and row ids and revisions become visible in the order of their
numbers. A transaction that reads sees one state of the database and blocks nobody. What was committed
has reached the disk.
"""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError

from edge.errors import ConfigError, StorageError
from hub.config import Settings

WAIT_S = 10.0  # for the writers' lock
_LOOK_S = 0.002  # between two looks whether the lock is free
_PING_S = 2
WRITERS_LOCK = 0x62656473  # PostgreSQL's advisory locks are numbers, for each database its own
# Without these a server that vanishes is waited for until the kernel gives up, a quarter of an hour.
_NETWORK = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",  # ms
}


@dataclass(frozen=True, slots=True)
class Database:
    """A place that can be written to and read from; `name` is for sentences and holds no password."""

    name: str
    writer: Engine
    reader: Engine


def find(settings: Settings) -> Path | URL:
    """Where the hub keeps everything. Raises ConfigError where the url or its password file is no good."""
    if settings.database.url is None:
        return settings.sqlite_file
    try:
        url = make_url(settings.database.url).set(drivername="postgresql+psycopg")
    except (SQLAlchemyError, ValueError) as error:
        raise ConfigError(
            "database.url cannot be read; write postgresql://USER@HOST:PORT/DATABASE"
        ) from error
    password = settings.database.password()
    return url if password is None else url.set(password=password)


def open_database(place: Path | URL) -> Database:
    """The database there. Raises StorageError where that cannot be; PostgreSQL is not yet asked."""
    return _sqlite(place) if isinstance(place, Path) else _postgresql(place)


def is_away(place: Path | URL) -> bool:
    """Whether the server does not answer, or only that it is still starting. An SQLite file is never away.

    A server that answers that a password is wrong, or a database missing, is there.
    """
    if isinstance(place, Path):
        return False
    try:
        from psycopg import Error, conninfo, pq  # noqa: PLC0415  (not installed where SQLite is enough)
    except ModuleNotFoundError:
        return False
    asked: dict[str, Any] = {"host": place.host, "port": place.port, "user": place.username}
    asked |= {"dbname": place.database, **place.query, "connect_timeout": _PING_S}
    try:
        text = conninfo.make_conninfo("", **asked)
    except Error:
        return False
    return pq.PGconn.ping(text.encode()) in (pq.Ping.REJECT, pq.Ping.NO_RESPONSE)


def name_of(place: Path | URL) -> str:
    """The place for sentences, without its password."""
    if isinstance(place, Path):
        return str(place)
    # set() keeps what is None
    return str(URL.create("postgresql", place.username, None, place.host, place.port, place.database))


def _sqlite(path: Path) -> Database:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make the data folder {path.parent}: {error.strerror}") from error
    if not path.exists():
        _make(path)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": WAIT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(name_of(path), engine.execution_options(writing=True), engine)


def _make(path: Path) -> None:
    """An empty file: made by root, in a command by hand, it must still be the service's own."""
    try:
        path.touch(0o600)
        own_as_folder(path)
    except OSError as error:
        raise StorageError(f"cannot make the database {path}: {error.strerror}") from error


def own_as_folder(file: Path) -> None:
    """Gives a file root has made to whom its folder belongs. Raises OSError."""
    if os.geteuid() == 0:
        folder = file.parent.stat()
        os.chown(file, folder.st_uid, folder.st_gid)


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would come too late for IMMEDIATE
    _use_wal(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _use_wal(connection: sqlite3.Connection) -> None:
    """SQLite's own patience does not hold here: where several turn a new file to WAL, all but one fail."""
    _execute_when_free(connection, "PRAGMA journal_mode=WAL")


def _begin_sqlite(connection: Connection) -> None:
    if not connection.get_execution_options().get("writing", False):
        connection.exec_driver_sql("BEGIN")
        return
    # SQLite itself looks ever more rarely, up to 0.1 s apart: whoever has waited long would wait longest.
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA busy_timeout=0")
    try:
        _execute_when_free(driver, "BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # fails as every statement does
    finally:
        driver.execute(f"PRAGMA busy_timeout={int(WAIT_S * 1000)}")


def _execute_when_free(connection: sqlite3.Connection, statement: str) -> None:
    """Raises sqlite3.OperationalError where somebody else holds the lock for all of `WAIT_S`."""
    until = time.monotonic() + WAIT_S
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() >= until:
                raise
            time.sleep(_LOOK_S)
        else:
            return


def _postgresql(url: URL) -> Database:
    try:
        engine = create_engine(url.set(query={**_NETWORK, **url.query}), pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise StorageError(
            f"database.url needs {error.name}, which is not installed: pip install 'bedside-ser[postgresql]'"
        ) from error
    event.listen(engine, "connect", _prepare_postgresql)
    event.listen(engine, "begin", _begin_postgresql)
    # The lock is waited for in a statement of its own, so the next one sees what the last writer wrote;
    # in a stricter isolation the wait itself would fix what is seen, too early.
    writer = engine.execution_options(writing=True, isolation_level="READ COMMITTED")
    reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Database(name_of(url), writer, reader)


def _prepare_postgresql(connection: Any, _record: object) -> None:
    connection.execute("SET synchronous_commit = on")
    connection.execute(f"SET lock_timeout = '{int(WAIT_S * 1000)}ms'")
    # A machine that vanishes in the middle of a transaction must not hold the lock for hours.
    connection.execute("SET idle_in_transaction_session_timeout = '30s'")
    connection.commit()


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get("writing", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")
