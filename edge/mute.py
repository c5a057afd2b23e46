"""Muted or not: by an order for some minutes or until told otherwise, or by a switch; survives a restart.

Only minutes in which the daemon runs count, so that a mute neither ends early nor lasts for ever where the
wall clock is wrong: a Raspberry Pi has no clock that runs on without power. A file that cannot be
understood means muted.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge import atomic_file
from edge.errors import StorageError
from edge.fields import FieldError, checked, decode

log = logging.getLogger(__name__)

FILE_NAME = "mute.json"
_SAVE_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Order:
    """A mute somebody has asked for."""

    reason: str = checked(minimum=1, maximum=80)
    minutes_left: float | None = checked(minimum=0, maximum=1440, default=None)
    """Of running time; None: until told otherwise."""

    @property
    def words(self) -> str:
        """For people."""
        if self.minutes_left is None:
            return f"muted: {self.reason}"
        return f"muted for {max(1, round(self.minutes_left))} min: {self.reason}"


_DAMAGED = Order("what was asked for before the restart cannot be read")


class Mute:
    """Whether nobody may listen; any thread may ask and tell."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        """Takes up what was in force before the restart, from mute.json in `folder`.

        `now` gives seconds on a clock that never jumps.
        """
        self._path, self._now = folder / FILE_NAME, now
        self._lock = threading.Lock()
        self._is_switched = False
        self._order = load(self._path)
        self._ordered_s = self._saved_s = now()
        self._is_kept = True
        self._tell: Callable[[bool], None] = lambda _: None

    def follow(self, tell: Callable[[bool], None]) -> None:
        """Call `tell` now and at each change from now on, with true while nobody may listen.

        It is called under a lock, so that two changes cannot overtake each other, and must return at once.
        """
        with self._lock:
            self._tell = tell
            self._change()

    @property
    def is_on(self) -> bool:
        """Whether nobody may listen."""
        with self._lock:
            return self._is_on

    @property
    def words(self) -> str | None:
        """Why nobody may listen, for people; None where one may. The same until something changes."""
        with self._lock:
            if self._is_switched:
                return "muted by its switch"
            if self._order is None:
                return None
            return self._order.words + ("" if self._is_kept else " (until a restart: the disk refuses it)")

    def order(self, reason: str, minutes: int) -> None:
        """Mute, for `minutes` or with 0 until told otherwise.

        Raises StorageError; in force all the same.
        """
        self._put(Order(reason, float(minutes) if minutes else None))

    def lift(self) -> None:
        """Take the order back; the switch stays in force. Raises StorageError; lifted all the same."""
        self._put(None)

    def switch(self, *, is_on: bool) -> None:
        """The switch stands so."""
        with self._lock:
            if is_on != self._is_switched:
                self._is_switched = is_on
                self._change()

    def tick(self) -> None:
        """Let a timed order end, and keep how much is left of it; to be called several times a second.

        Raises StorageError, at most once a minute.
        """
        with self._lock:
            left = self._minutes_left()
            if self._order is None or left is None:
                return
            if left <= 0:
                log.info("no longer muted: the time asked for is over")
                self._order = None
                self._change()
                self._save(None)
            elif self._now() - self._saved_s >= _SAVE_EVERY_S:
                self._save(dataclasses.replace(self._order, minutes_left=left))

    @property
    def _is_on(self) -> bool:
        return self._is_switched or self._order is not None

    def _minutes_left(self) -> float | None:
        if self._order is None or self._order.minutes_left is None:
            return None
        return self._order.minutes_left - (self._now() - self._ordered_s) / 60

    def _put(self, order: Order | None) -> None:
        with self._lock:
            self._order, self._ordered_s = order, self._now()
            self._change()
            self._save(order)

    def _change(self) -> None:
        self._tell(self._is_on)

    def _save(self, order: Order | None) -> None:
        self._saved_s = self._now()
        try:
            atomic_file.save(self._path, order)
        except OSError as error:
            self._is_kept = False
            raise StorageError(
                f"cannot write {self._path}: {error.strerror}; a restart would forget the change:"
                " check [storage] folder, its disk and its rights"
            ) from error
        self._is_kept = True


def load(path: Path) -> Order | None:
    """The order in the file; None where there is no file. One that is damaged means muted."""
    try:
        return decode(Order, json.loads(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError, FieldError) as error:
        log.warning(
            "%s cannot be read (%s); muted until told otherwise, or until it is removed and the daemon"
            " started anew",
            path,
            error,
        )
        return _DAMAGED
