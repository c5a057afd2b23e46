"""One stored message, and the table it is stored in."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

Key = tuple[str, int]
TABLE = """
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    boot_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    episode TEXT,
    body BLOB NOT NULL,
    crc INTEGER NOT NULL,
    UNIQUE (boot_id, seq)
) STRICT
""".strip()
PAGE_BYTES = 1024
"""Of a new outbox's pages: a message changes three, and a card wears out by what is written."""
COLUMNS = "id, boot_id, seq, kind, body, episode, crc"


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored message: `number` counts up over all starts of the daemon."""

    number: int
    boot_id: str
    seq: int
    kind: str
    body: bytes
    episode: str | None = None

    @property
    def key(self) -> Key:
        """What the hub knows the message by, together with the device."""
        return self.boot_id, self.seq

    @property
    def crc(self) -> int:
        """CRC-32 of all of it: SQLite has no checksum of its own, and cards change bits."""
        head = f"{self.number} {self.boot_id} {self.seq} {self.kind} {self.episode} "
        return zlib.crc32(self.body, zlib.crc32(head.encode()))

    @property
    def row(self) -> tuple[int, str, int, str, bytes, str | None, int]:
        """The values of `COLUMNS`."""
        return self.number, self.boot_id, self.seq, self.kind, self.body, self.episode, self.crc
