"""The database: opening it, its transactions, and the few queries every process needs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    Executable,
    and_,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy import exc as errors

from edge.errors import StorageError
from hub import databases, schema
from hub.config import Settings
from hub.service import Pulse, Stop
from hub.tables import AlertRow, Counter, Device, Process

log = logging.getLogger(__name__)

_PORTION = 500
PAIRS = 32  # looked for in one statement
RETRY_S = (0.5, 10.0)  # between two looks for a server that is away


Pair = tuple[int, str]
"""A device's row and a name that is unique for that device: of a start, or of an episode."""


class UnfitError(StorageError):
    """The database can be used and does not take these values, now or later."""


class Store:
    """One process's way into the database: a Path is an SQLite file, a URL is PostgreSQL's.

    Brings the schema up to date. Raises StorageError where the database cannot be opened or used.
    """

    def __init__(self, place: Path | URL) -> None:
        self._database = databases.open_database(place)
        try:
            self._upgrade()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes every connection."""
        self._database.writer.dispose()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the writers' lock from its start; committed, on disk, at its end."""
        with self._transaction(self._database.writer) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and blocks nobody."""
        with self._transaction(self._database.reader) as connection:
            yield connection

    def _upgrade(self) -> None:
        with self.read() as connection:
            current = schema.is_current(connection, self._database.name)
        if not current:
            with self.write() as connection:  # whoever comes at the same time waits here
                schema.upgrade(connection, self._database.name)

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except (errors.DBAPIError, errors.TimeoutError) as error:
            why = " ".join(str(getattr(error, "orig", error)).split())  # PostgreSQL's sentences have lines
            kind = UnfitError if isinstance(error, errors.DataError | errors.IntegrityError) else StorageError
            raise kind(f"the database {self._database.name} cannot be used: {why}") from error


def open_store(settings: Settings) -> Store:
    """The store the settings name. Raises ConfigError and StorageError."""
    return Store(databases.find(settings))


def wait_for_store(settings: Settings, stop: Stop) -> Store | None:
    """The store, as soon as its server answers; None where somebody asked to stop meanwhile.

    A server that is away is said once. Raises ConfigError, and StorageError where the server answers and the
    database cannot be used: a wrong password, no such database, another program's tables.
    """
    place = databases.find(settings)
    pause, told, pulse = RETRY_S[0], False, Pulse()
    while not stop.is_set():
        if not databases.is_away(place):
            try:
                return Store(place)
            except StorageError:
                if not databases.is_away(place):  # else it has gone just now
                    raise
        if not told:
            log.warning(
                "the database %s does not answer; trying again until it does", databases.name_of(place)
            )
            told = True
        pulse.beat("waits for the database", ready=False)
        stop.wait(pause)
        pause = min(pause * 2, RETRY_S[1])
    return None


def portions(values: Iterable[int]) -> Iterator[list[int]]:
    """The values in order, as many at a time as any statement of either database may name."""
    known = sorted(values)
    for start in range(0, len(known), _PORTION):
        yield known[start : start + _PORTION]


def pair_portions(pairs: Iterable[Pair]) -> Iterator[dict[str, Any]]:
    """Values for the two lists of `is_pair`, few at a time.

    Both databases search an index for every device with every name: for a thousand of each in one statement
    that is a million searches, and tuples instead of two lists make SQLite read the whole table.
    """
    known = sorted(pairs)
    for start in range(0, len(known), PAIRS):
        some = known[start : start + PAIRS]
        yield {"devices": [device_id for device_id, _ in some], "names": [name for _, name in some]}


def is_pair(device_id: Any, name: Any) -> ColumnElement[bool]:
    """The condition of a statement that `find_pairs` asks for some pairs after the other."""
    devices: Any = bindparam("devices", expanding=True)
    names: Any = bindparam("names", expanding=True)
    return and_(device_id.in_(devices), name.in_(names))


def find_pairs(connection: Connection, query: Executable, pairs: Iterable[Pair]) -> Iterator[Any]:
    """The rows of these pairs; the first two columns of `query` are the pair, its condition is `is_pair`."""
    for some in pair_portions(pairs):
        wanted = set(zip(some["devices"], some["names"], strict=True))
        yield from (row for row in connection.execute(query, some).all() if (row[0], row[1]) in wanted)


def count(connection: Connection, name: str, by: int = 1) -> int:
    """Adds to a counter and returns its new value."""
    added = update(Counter).where(Counter.name == name).values(value=Counter.value + by)
    value = connection.scalar(added.returning(Counter.value))
    if value is None:
        connection.execute(insert(Counter).values(name=name, value=by))
    return by if value is None else value


def put(connection: Connection, name: str, value: int) -> None:
    """Gives a counter that value."""
    count(connection, name, value - counter(connection, name))


def counter(connection: Connection, name: str) -> int:
    """The value of a counter, 0 where it has never counted."""
    return connection.scalar(select(Counter.value).where(Counter.name == name)) or 0


def next_revision(connection: Connection) -> int:
    """The number for everything this transaction changes on the board."""
    return count(connection, "revision")


def revision(connection: Connection) -> int:
    """The number of the newest change on the board."""
    return counter(connection, "revision")


def write_changes(
    connection: Connection, table: type[AlertRow | Device], changes: Mapping[int, Mapping[str, Any]]
) -> None:
    """Writes what has changed of each row, by its id; rows that change in the same columns go together.

    A thousand rows cost hardly more than one, where a statement each would cost a thousand times as much.
    """
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row, values in changes.items():
        by_columns.setdefault(tuple(sorted(values)), []).append({"of_row": row, **values})
    rows_of: Any = table.__table__
    for columns, rows in by_columns.items():
        values = {name: bindparam(name) for name in columns}
        if values:
            connection.execute(
                update(rows_of).where(rows_of.c.id == bindparam("of_row")).values(values), rows
            )


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
