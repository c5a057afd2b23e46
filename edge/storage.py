"""The outbox whatever its disk does: a damaged one is repaired, memory stands in for a disk that refuses.

At the first refusal all messages move to memory, where everything goes on as before: they are sent, their
receipts are taken, new ones join. Every half a minute the disk is tried; when it takes them, all move back.
What is in memory is lost with the power, which `refused` tells and health with it.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TypeVar

from edge import salvage
from edge.entry import Entry, Key
from edge.errors import DamagedError, StorageError
from edge.messages import Durable, Receipt, Summary
from edge.outbox import DEFAULT_BYTES, FILE_NAME, Outbox

log = logging.getLogger(__name__)

MEMORY_BYTES = 8 * 10**6
"""At most so much stands in memory, episodes apart: two weeks of summaries, and little beside the model."""
RETRY_S = 30.0
REPAIR_EVERY_S = 600.0
"""A card that damages the outbox more often than that is taken for one that refuses."""
_LEAST_FREE_BYTES = 2 * 10**6
_ROW_BYTES = 200  # what a message takes beside its body, indexes included
T = TypeVar("T")


class Storage:
    """The messages that wait for a receipt; safe to use from several threads.

    Like edge.outbox.Outbox, but none of its methods fails because of a disk.
    """

    def __init__(
        self,
        folder: Path,
        boot_id: str,
        max_bytes: int = DEFAULT_BYTES,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """The outbox in `folder`, of at most `max_bytes`; `now` gives seconds that never jump."""
        self._folder, self._path = folder, folder / FILE_NAME
        self._boot_id, self._max_bytes, self._now = boot_id, max_bytes, now
        self._lock = threading.RLock()
        self._copied: set[Key] = set()  # what is on the disk too, while messages are in memory
        self._repair_s = self._retry_s = now()
        self._damage: DamagedError | None = None  # of a database on the disk that must not be used as it is
        self._is_checked = self._is_closed = False
        self._dropped = 0
        self.refused = False
        """Whether messages are in memory only, because the disk takes none."""
        self.moves = 0
        """Counts up when messages have come in or been numbered anew, so that all must be looked through."""
        try:
            self._box = self._open()
        except StorageError as error:
            self._box = self._in_memory(error, 0, 0, ())

    def append(self, build: Callable[[int], Durable]) -> Durable:
        """Give the next seq to `build`, store the message it returns, and return it."""
        return self._do(lambda box: box.append(build))

    def receive(self, receipt: Receipt) -> int:
        """Drop what the hub has on disk; the number of messages dropped."""
        return self._do(lambda box: box.receive(receipt))

    def gone(self, receipt: Receipt) -> tuple[tuple[int, int], ...]:
        """Ranges of what the receipt asks for and nobody has any more; none while that cannot be known."""
        return self._do(lambda box: () if self.refused else box.gone(receipt))

    def newest_episode(self) -> list[Entry]:
        """The messages of the episode that began last, oldest first."""
        return self._do(lambda box: box.newest_episode())

    def oldest(self, limit: int, after: int = 0) -> list[Entry]:
        """At most `limit` messages with numbers above `after`, oldest first."""
        return self._do(lambda box: box.oldest(limit, after))

    def present(self, keys: Collection[Key]) -> list[Entry]:
        """Those of the given messages that are still here, oldest first."""
        return self._do(lambda box: box.present(keys))

    def last_number(self) -> int:
        """The highest number given so far."""
        return self._do(lambda box: box.last_number())

    def __len__(self) -> int:
        return self._do(len)

    @property
    def dropped(self) -> int:
        """Summaries given up since the daemon's start, because disk or memory was full."""
        return self._dropped + self._box.dropped

    def close(self) -> None:
        """Write what is in memory if the disk takes it now, and close."""
        with self._lock:
            if self.refused:
                self._retry()
                lost = [entry for entry in self._box.oldest(-1) if entry.key not in self._copied]
                if self.refused and lost:
                    log.error("%d messages are lost: the disk has not taken them to the end", len(lost))
            self._is_closed = True
            self._box.close()

    def _do(self, act: Callable[[Outbox], T]) -> T:
        with self._lock:
            if self._is_closed:
                raise StorageError(f"{self._path} is closed")
            if self.refused and self._now() >= self._retry_s:
                self._retry()
            try:
                return act(self._box)
            except StorageError as error:
                if self.refused:
                    raise
                self._leave(error)
            return act(self._box)

    def _open(self) -> Outbox:
        """The outbox on the disk, a damaged one repaired. Raises StorageError."""
        if self._damage is not None:
            return self._repaired(self._damage)
        try:
            salvage.finish(self._path)
        except OSError as error:
            raise StorageError(f"cannot rename in {self._folder}: {error}; check its disk") from error
        try:
            # Once is enough: it takes a while where much waits.
            box = Outbox(self._folder, self._boot_id, self._max_bytes, check=not self._is_checked)
        except DamagedError as error:
            box = self._repaired(error)
        self._is_checked = True
        return box

    def _repaired(self, error: DamagedError) -> Outbox:
        """A new outbox with what can be read of the damaged one. Raises StorageError, also if too soon."""
        self._damage = error
        if self._now() < self._repair_s:
            raise error
        aside, saved = salvage.replace(self._path, self._refill)
        self._damage, self._repair_s = None, self._now() + REPAIR_EVERY_S
        log.error("%s; it is kept as %s, and %d messages have been saved from it", error, aside.name, saved)
        return Outbox(self._folder, self._boot_id, self._max_bytes, check=False)

    def _refill(self, path: Path, entries: Iterable[Entry]) -> int:
        box = Outbox(self._folder, self._boot_id, self._max_bytes, name=path.name)
        try:
            return box.add(entries)
        finally:
            box.close()

    def _leave(self, error: StorageError) -> None:
        """Go on without the database that has failed."""
        number, seq, received = 0, self._box.seq, set[Key]()
        with contextlib.suppress(StorageError):  # then numbers begin anew, for which `moves` is there
            received = self._box.received()
            number = self._box.last_number()
        self._dropped += self._box.dropped
        self._box.abandon()
        self.moves += 1
        if isinstance(error, DamagedError):
            try:
                self._box = self._repaired(error)
                self._box.continue_after(number, seq)
                self._box.remove(received)
            except StorageError as refusal:
                error = refusal
            else:
                return
        self._box = self._in_memory(error, number, seq, received)

    def _in_memory(self, error: StorageError, number: int, seq: int, received: Collection[Key]) -> Outbox:
        """All messages but those received, as far as they can be read and have room, in memory."""
        waiting = (entry for entry in salvage.entries(self._path) if entry.key not in received)
        entries, left = _newest(waiting)
        box = Outbox(None, self._boot_id, MEMORY_BYTES)
        box.add(entries)
        box.continue_after(number, seq)
        self._copied = {entry.key for entry in entries} | set(received)
        self.refused = True
        self._retry_s = self._now() + RETRY_S
        log.error(
            "%s; until it takes them messages are in memory and lost with the power: %d of them%s",
            error,
            len(entries),
            f", {left} older summaries stay unsent on the disk" if left else "",
        )
        return box

    def _retry(self) -> None:
        """Back to the disk, if it takes messages again."""
        self._retry_s = self._now() + RETRY_S
        memory = self._box
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self._folder).free < _LEAST_FREE_BYTES:
                return  # it might take one message and refuse the next
            disk = self._open()
        except (StorageError, OSError):
            return
        try:
            kept = memory.oldest(-1)
            here = {entry.key for entry in kept}
            disk.remove(self._copied - here)
            # All of them: it may be another disk, or one that has lost some.
            disk.add(kept, renumber=True)
            disk.continue_after(memory.last_number(), memory.seq)
        except StorageError:
            disk.close()
            return
        self._dropped += memory.dropped
        memory.close()
        self._box, self.refused, self._copied = disk, False, set()
        self.moves += 1
        log.warning("the disk takes messages again: all %d that wait are in %s", len(disk), self._path)


AnyOutbox = Outbox | Storage


def _newest(entries: Iterable[Entry]) -> tuple[list[Entry], int]:
    """All episodes and the newest summaries memory has room for, by number; how many are left."""
    episodes: list[Entry] = []
    summaries: deque[Entry] = deque()
    room, left = MEMORY_BYTES // 2, 0
    for entry in entries:
        (summaries if entry.kind == Summary.kind else episodes).append(entry)
        room -= len(entry.body) + _ROW_BYTES
        while room < 0 and summaries:
            room += len(summaries.popleft().body) + _ROW_BYTES
            left += 1
    return sorted([*episodes, *summaries], key=lambda entry: entry.number), left
