"""Durable messages on disk until the hub has them: SQLite, WAL, synchronous FULL.

A message is on disk before it is sent and leaves only on the hub's receipt, or, a summary alone, when
the outbox is full. What is received leaves the disk together with the next message that comes, for a card
wears out: after a power cut it may be here, and be sent, once more. Safe to use from several threads.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from edge import outbox_file, sqlite_errors
from edge.entry import COLUMNS, Entry, Key
from edge.errors import DamagedError
from edge.messages import Durable, Episode, Receipt, to_json

log = logging.getLogger(__name__)

FILE_NAME = "outbox.sqlite"
DEFAULT_BYTES = 64 * 10**6
_TRIM_BYTES = 200_000  # that giving up summaries adds to the log at once
_TRIM_ROWS = 100  # summaries given up at once, about an hour and a half
_MAX_RANGES = 16  # that many of the largest numbers fit into a message
_LARGEST = 2**63 - 1  # of SQLite's integers
_ADD_ROWS = 100
_RECEIVED = """
CREATE TEMP TABLE received (id INTEGER PRIMARY KEY, boot_id TEXT, seq INTEGER);
CREATE TEMP VIEW waiting AS SELECT * FROM outbox WHERE id NOT IN (SELECT id FROM received);
"""
"""In memory: what the hub has, and is still on the disk."""


class Outbox:
    """The messages that wait for a receipt, those of earlier starts included."""

    def __init__(
        self,
        folder: Path | None,
        boot_id: str,
        max_bytes: int = DEFAULT_BYTES,
        *,
        name: str = FILE_NAME,
        check: bool = True,
    ) -> None:
        """Opens or makes `folder`/`name`, or one in memory where there is no folder.

        `check`: read it through first. Raises DamagedError, or StorageError where the disk refuses.
        Above `max_bytes` the oldest summaries go; episodes stay, whatever their size.
        """
        self._path = folder / name if folder else Path(":memory:")
        self._boot_id = boot_id
        self._max_bytes = max_bytes
        self._kept_to = 0  # no summary has a number up to this one any more
        self._is_full = False
        self.dropped = 0
        """Summaries given up since the daemon's start, because the outbox was full."""
        self._lock = threading.Lock()
        with self._storage("open"):
            if folder:
                folder.mkdir(parents=True, exist_ok=True)
            self._database = outbox_file.opened(self._path, check=check)
            try:
                self._database.executescript(_RECEIVED)
                (seq,) = self._database.execute(
                    "SELECT max(seq) FROM outbox WHERE boot_id = ?", (self._boot_id,)
                ).fetchone()
            except BaseException:
                self._database.close()
                raise
        self.seq = int(seq or 0)
        """The last number given within this start."""

    def append(self, build: Callable[[int], Durable]) -> Durable:
        """Give the next seq to `build`, store the message it returns, and return it, now on disk.

        Raises StorageError; the seq is then given again to the next message, so that none is missing.
        """
        with self._lock, self._storage("write"):
            message = build(self.seq + 1)
            with self._writing():
                self._insert(
                    Entry(
                        self._last_number() + 1,
                        self._boot_id,
                        message.seq,
                        message.kind,
                        to_json(message),
                        message.episode if isinstance(message, Episode) else None,
                    )
                )
                self._trim()
            self.seq = message.seq
            return message

    def add(self, entries: Iterable[Entry], *, renumber: bool = False) -> int:
        """Take over messages of another outbox, but those already here; how many there are now.

        `renumber`: behind all that are here, otherwise under their own numbers. Raises StorageError.
        """
        with self._lock, self._storage("write"), self._writing():
            for count, entry in enumerate(entries, 1):
                moved = dataclasses.replace(entry, number=self._last_number() + 1) if renumber else entry
                self._insert(moved, "INSERT OR IGNORE")
                if count % _ADD_ROWS == 0:
                    self._trim()
            return int(self._database.execute("SELECT count(*) FROM outbox").fetchone()[0])

    def continue_after(self, number: int, seq: int) -> None:
        """Give no number and no seq up to these any more; always a write. Raises StorageError."""
        with self._lock, self._storage("write"), self._writing():
            self.seq = max(self.seq, seq)
            last = max(number, self._last_number())
            self._database.execute("DELETE FROM sqlite_sequence WHERE name = 'outbox'")
            self._database.execute("INSERT INTO sqlite_sequence VALUES ('outbox', ?)", (last,))

    def remove(self, keys: Iterable[Key]) -> None:
        """Drop these, wherever they are. Raises StorageError."""
        with self._lock, self._storage("write"), self._writing():
            self._database.executemany("DELETE FROM outbox WHERE boot_id = ? AND seq = ?", keys)

    def _insert(self, entry: Entry, verb: str = "INSERT") -> None:
        self._database.execute(
            f"{verb} INTO outbox ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
            entry.row,
        )

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction with which what is received leaves the disk."""
        with self._transaction():
            self._database.execute("DELETE FROM outbox WHERE id IN (SELECT id FROM received)")
            self._database.execute("DELETE FROM received")
            yield

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it or nothing."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # some errors have rolled it back already
                self._database.execute("ROLLBACK")
            raise

    def _trim(self) -> None:
        """Give up the oldest summaries while more than the bound is in use, the log's share included."""
        names = ("page_size", "page_count", "freelist_count")
        page, pages, free = (outbox_file.value(self._database, name) for name in names)
        excess = (pages - free) * page + outbox_file.WAL_LIMIT_BYTES + _TRIM_BYTES - self._max_bytes
        if excess <= 0:
            self._is_full = self._is_full and excess > -2 * _TRIM_ROWS * page
            return
        rows = self._database.execute(
            "SELECT id FROM outbox WHERE id > ? AND kind = 'summary' ORDER BY id LIMIT ?",
            (self._kept_to, _TRIM_ROWS),
        ).fetchall()
        if not self._is_full:
            what = "the oldest summaries are given up" if rows else "only episodes are left and all are kept"
            log.error("%s has reached its bound of %g MB: %s", self._path, self._max_bytes / 1e6, what)
        self._is_full = True
        if not rows:
            self._kept_to = self._last_number()
            return
        first, last = rows[0][0], rows[-1][0]
        self.dropped += self._database.execute(
            "DELETE FROM outbox WHERE id BETWEEN ? AND ? AND kind = 'summary'", (first, last)
        ).rowcount
        self._kept_to = last

    def receive(self, receipt: Receipt) -> int:
        """Drop what the hub has on disk, at once for all who ask, from the disk with the next write.

        The number of messages dropped. Raises StorageError.
        """
        upto = min(receipt.upto_seq, _LARGEST)
        kept = " ".join("AND NOT seq BETWEEN ? AND ?" for _ in receipt.gaps)
        limits = [min(limit, _LARGEST) for gap in receipt.gaps for limit in gap]
        query = f"SELECT id, boot_id, seq FROM waiting WHERE boot_id = ? AND seq <= ? {kept}"  # noqa: S608 - only marks
        with self._lock, self._storage("read"):
            return self._database.execute(
                f"INSERT INTO received {query}", (receipt.boot_id, upto, *limits)
            ).rowcount

    def received(self) -> set[Key]:
        """What the hub has and the disk has not let go of yet. Raises StorageError."""
        with self._lock, self._storage("read"):
            return set(self._database.execute("SELECT boot_id, seq FROM received"))

    def gone(self, receipt: Receipt) -> tuple[tuple[int, int], ...]:
        """Ranges of what the receipt asks for and the outbox no longer has, a few at a time.

        Raises StorageError.
        """
        if not receipt.gaps:
            return ()
        own = receipt.boot_id == self._boot_id
        with self._lock, self._storage("read"):
            rows = self._database.execute(
                "SELECT seq FROM waiting WHERE boot_id = ? AND seq BETWEEN ? AND ? ORDER BY seq",
                (
                    receipt.boot_id,
                    min(_LARGEST, *(first for first, _ in receipt.gaps)),
                    min(_LARGEST, max(last for _, last in receipt.gaps)),
                ),
            )
            held = [row[0] for row in rows]
            given = self.seq if own else _LARGEST  # of an earlier start nothing new can come
        found: list[tuple[int, int]] = []
        for first, last in receipt.gaps:
            start = first
            for seq in held:
                if start <= seq <= last:
                    found += [(start, seq - 1)] if start < seq else []
                    start = seq + 1
            end = min(last, given, receipt.upto_seq)
            found += [(start, end)] if start <= end else []
        return tuple(found[:_MAX_RANGES])

    def newest_episode(self) -> list[Entry]:
        """The messages of the episode that began last, oldest first."""
        return self._select(
            "WHERE episode = (SELECT episode FROM waiting WHERE kind = 'episode' ORDER BY id DESC LIMIT 1)"
        )

    def oldest(self, limit: int, after: int = 0) -> list[Entry]:
        """At most `limit` messages with numbers above `after`, oldest first."""
        return self._select("WHERE id > ?", (after,), limit)

    def present(self, keys: Collection[Key]) -> list[Entry]:
        """Those of the given messages that are still here, oldest first."""
        pairs = ", ".join("(?, ?)" for _ in keys)
        return self._select(
            f"WHERE (boot_id, seq) IN (VALUES {pairs})" if keys else "WHERE 0",
            tuple(value for key in keys for value in key),
        )

    def last_number(self) -> int:
        """The highest number given so far; 0 for an outbox never used."""
        with self._lock, self._storage("read"):
            return self._last_number()

    def _last_number(self) -> int:
        row = self._database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
        return int(row[0]) if row else 0

    def __len__(self) -> int:
        with self._lock, self._storage("read"):
            return int(self._database.execute("SELECT count(*) FROM waiting").fetchone()[0])

    def close(self) -> None:
        """Close the database; what is received leaves it, if the disk allows."""
        with self._lock, contextlib.suppress(sqlite3.Error), self._writing():
            pass
        self.abandon()

    def abandon(self) -> None:
        """Close the database and leave it as it is: it is damaged, or its disk refuses."""
        with self._lock:
            self._database.close()

    def _select(self, where: str, values: tuple[object, ...] = (), limit: int = -1) -> list[Entry]:
        with self._lock, self._storage("read"):
            rows = self._database.execute(
                f"SELECT {COLUMNS} FROM waiting {where} ORDER BY id LIMIT ?",  # noqa: S608 - constants
                (*values, limit),
            )
            return [self._sound(*row) for row in rows]

    def _sound(self, *row: Any) -> Entry:
        *values, crc = row
        entry = Entry(*values)
        if entry.crc != crc:
            raise DamagedError(f"{self._path} is damaged: message {entry.number} is not as it was written")
        return entry

    def _storage(self, verb: str) -> contextlib.AbstractContextManager[None]:
        return sqlite_errors.told(self._path, verb)
