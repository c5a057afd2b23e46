"""Keeps what was learnt of a bed's speech, so that a restart does not begin anew."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge import atomic_file
from edge.fields import FieldError, checked, decode
from edge.learnt import Learner, Learnt

log = logging.getLogger(__name__)

FILE_NAME = "bed.json"
_SAVE_EVERY_S = 600.0


@dataclass(frozen=True, slots=True)
class Kept:
    """What the file holds."""

    microphone: str = checked(maximum=200)
    """As the configuration names it: another one hears otherwise."""
    model: str = checked(maximum=200)
    """Another one may learn other figures."""
    learnt: Learnt = checked()


class BedMemory:
    """Saves a learner's state now and then; to be used in the thread that hears, but for `forget`."""

    def __init__(
        self, folder: Path, microphone: str, model: str, bed: Learner, now: Callable[[], float]
    ) -> None:
        """`bed` is what learns; bed.json in `folder` keeps it.

        `now` gives seconds on a clock that never jumps.
        """
        self._path = folder / FILE_NAME
        self._microphone, self._model, self._bed, self._now = microphone, model, bed, now
        self._saved_s = now()
        self._must_forget = False
        self._kept: Kept | None = None

    def recall(self) -> None:
        """Go on from what the file knows of this microphone and model."""
        kept = self._load()
        if kept is None:
            return
        try:
            self._bed.resume(kept.learnt)
        except ValueError as error:
            log.warning("%s does not fit the model (%s); this bed is learnt anew", self._path, error)
            return
        self._kept = kept

    def tick(self) -> None:
        """To be called several times a second; a disk that refuses is said in the log."""
        if self._must_forget:
            self._must_forget = False
            self._bed.reset()
            self._write(None)
        elif self._now() - self._saved_s >= _SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Write what is known now, where that is new."""
        now = Kept(self._microphone, self._model, self._bed.learnt)
        if now.learnt.windows and now != self._kept:
            self._write(now)
        self._saved_s = self._now()

    def forget(self) -> None:
        """Somebody else lies in the bed: begin anew, at the next tick. For any thread."""
        self._must_forget = True

    def _load(self) -> Kept | None:
        try:
            kept = decode(Kept, json.loads(self._path.read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, RecursionError, FieldError) as error:
            log.warning("%s cannot be read (%s); this bed is learnt anew", self._path, error)
            return None
        is_ours = (kept.microphone, kept.model) == (self._microphone, self._model)
        return kept if is_ours else None

    def _write(self, kept: Kept | None) -> None:
        self._kept = kept
        try:
            atomic_file.save(self._path, kept)
        except OSError as error:
            log.warning(
                "cannot write %s: %s; after a restart this bed is learnt anew",
                self._path,
                error.strerror,
            )
