"""Durable messages on disk until the hub has them: SQLite, WAL, synchronous FULL.

A message is on disk before it is sent and leaves only on the hub's receipt. Safe to use from several
threads.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.errors import StorageError
from edge.messages import Durable, Episode, Receipt, to_json

FILE_NAME = "outbox.sqlite"
_BUSY_S = 5.0
_LARGEST = 2**63 - 1  # of SQLite's integers
_TABLE = """
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    boot_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    episode TEXT,
    body BLOB NOT NULL,
    UNIQUE (boot_id, seq)
) STRICT
"""
_COLUMNS = "id, boot_id, seq, kind, body"
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored message: `number` counts up over all starts of the daemon."""

    number: int
    boot_id: str
    seq: int
    kind: str
    body: bytes

    @property
    def key(self) -> Key:
        """What the hub knows the message by, together with the device."""
        return self.boot_id, self.seq


class Outbox:
    """The messages that wait for a receipt, those of earlier starts included."""

    def __init__(self, folder: Path, boot_id: str) -> None:
        """Opens or makes `folder`/outbox.sqlite. Raises StorageError."""
        self._path = folder / FILE_NAME
        self._boot_id = boot_id
        self._lock = threading.Lock()
        with self._storage("open"):
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._database.close()
                raise

    def _prepare(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute(_TABLE)
        # Opening a read-only file succeeds; only a write tells.
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute("ROLLBACK")
        (last,) = self._database.execute(
            "SELECT max(seq) FROM outbox WHERE boot_id = ?", (self._boot_id,)
        ).fetchone()
        self._seq = last or 0

    def append(self, build: Callable[[int], Durable]) -> Durable:
        """Give the next seq to `build`, store the message it returns, and return it, now on disk.

        Raises StorageError; the seq is then given again to the next message, so that none is missing.
        """
        with self._lock, self._storage("write"):
            message = build(self._seq + 1)
            episode = message.episode if isinstance(message, Episode) else None
            self._database.execute(
                "INSERT INTO outbox (boot_id, seq, kind, episode, body) VALUES (?, ?, ?, ?, ?)",
                (self._boot_id, message.seq, message.kind, episode, to_json(message)),
            )
            self._seq = message.seq
            return message

    def receive(self, receipt: Receipt) -> int:
        """Drop what the hub has on disk; the number of messages dropped. Raises StorageError."""
        upto = min(receipt.upto_seq, _LARGEST)
        kept = " ".join("AND NOT seq BETWEEN ? AND ?" for _ in receipt.gaps)
        limits = [min(limit, _LARGEST) for gap in receipt.gaps for limit in gap]
        with self._lock, self._storage("write"):
            return self._database.execute(
                f"DELETE FROM outbox WHERE boot_id = ? AND seq <= ? {kept}",  # noqa: S608 - only marks
                (receipt.boot_id, upto, *limits),
            ).rowcount

    def newest_episode(self) -> list[Entry]:
        """The messages of the episode that began last, oldest first."""
        return self._select(
            "WHERE episode = (SELECT episode FROM outbox WHERE kind = 'episode' ORDER BY id DESC LIMIT 1)"
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
            row = self._database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
            return int(row[0]) if row else 0

    def __len__(self) -> int:
        with self._lock, self._storage("read"):
            return int(self._database.execute("SELECT count(*) FROM outbox").fetchone()[0])

    def close(self) -> None:
        """Close the database; everything appended is on disk already."""
        with self._lock:
            self._database.close()

    def _select(self, where: str, values: tuple[object, ...] = (), limit: int = -1) -> list[Entry]:
        with self._lock, self._storage("read"):
            rows = self._database.execute(
                f"SELECT {_COLUMNS} FROM outbox {where} ORDER BY id LIMIT ?",  # noqa: S608 - constants
                (*values, limit),
            )
            return [Entry(*row) for row in rows]

    @contextlib.contextmanager
    def _storage(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"cannot {verb} {self._path}: {error}; check [storage] folder, its disk and its rights"
            ) from error
