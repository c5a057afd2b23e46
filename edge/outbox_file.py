"""The file of an outbox: made or opened, looked through, and set up to write little, for a card wears out."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from edge.entry import PAGE_BYTES, TABLE
from edge.errors import DamagedError

_WAL_BYTES = 100_000  # then the log is folded into the file and begun anew
_WAL_SPARE_BYTES = 10_000  # by which a message may make it longer
WAL_LIMIT_BYTES = 4 * _WAL_BYTES
"""Of the log on disk, after it was longer for once."""
_BUSY_S = 5.0
_MOST_NUMBER = 2**53


def opened(path: Path, *, check: bool) -> sqlite3.Connection:
    """The database at `path`, in WAL mode, every commit on disk; `check`: it is read through first.

    Raises DamagedError where it is not as we make them, and what sqlite3 does where the disk refuses.
    """
    database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        database.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
        database.execute("PRAGMA temp_store = MEMORY")
        _make_table(database, path)
        if check:
            _read_through(database, path)
        _check_numbers(database, path)
        _lengthen_log(database)
    except BaseException:
        database.close()
        raise
    return database


def value(database: sqlite3.Connection, pragma: str) -> int:
    """What SQLite says of itself, such as its page_size."""
    return int(database.execute(f"PRAGMA {pragma}").fetchone()[0])


def _make_table(database: sqlite3.Connection, path: Path) -> None:
    database.execute("BEGIN IMMEDIATE")  # opening a read-only file succeeds; only a write tells
    table = database.execute("SELECT sql FROM sqlite_master WHERE name = 'outbox'").fetchone()
    if table is None:
        database.execute(TABLE)
    elif table[0] != TABLE:
        raise DamagedError(f"{path} holds no table of ours")
    database.execute("COMMIT")


def _read_through(database: sqlite3.Connection, path: Path) -> None:
    (answer,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        raise DamagedError(f"{path} is damaged: {' '.join(str(answer).split())}")


def _check_numbers(database: sqlite3.Connection, path: Path) -> None:
    last = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
    if last and not (isinstance(last[0], int) and 0 <= last[0] <= _MOST_NUMBER):
        raise DamagedError(f"{path} is damaged: {last[0]!r} as its last number")


def _lengthen_log(database: sqlite3.Connection) -> None:
    """Make the log about as long as it may become, in commits that change nothing.

    One that grows has the file system write its own tables with every message: measured on ext4, 56 kB of a
    card a message instead of 31.
    """
    page = value(database, "page_size")
    database.execute("PRAGMA synchronous = NORMAL")  # nothing is lost by a power cut in these
    for number in reversed(range(1 + (_WAL_BYTES + _WAL_SPARE_BYTES) // page)):
        database.execute(f"PRAGMA user_version = {number}")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA wal_checkpoint")  # the next message is written at its beginning
    database.execute(f"PRAGMA wal_autocheckpoint = {_WAL_BYTES // page}")
