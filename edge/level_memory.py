"""Keeps what a bed's level was learnt to be, so that a restart does not begin anew."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge import atomic_file
from edge.fields import FieldError, checked, decode
from edge.level import FULL_MEMORY, LevelNormaliser

log = logging.getLogger(__name__)

FILE_NAME = "level.json"
_SAVE_EVERY_S = 600.0


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was heard of the speech at this bed, as far as its level goes: three figures, no sound."""

    microphone: str = checked(maximum=200)
    """As the configuration names it: another one has another gain."""
    model: str = checked(maximum=200)
    """Another one may measure level otherwise."""
    mean: float = checked(minimum=-100, maximum=100)
    """Natural logarithm of the mean frame energy (edge.level.level_of)."""
    windows: int = checked(minimum=0, maximum=FULL_MEMORY)
    """Of speech heard."""


class LevelMemory:
    """Saves a normaliser's state now and then; to be used in the thread that hears, but for `forget`."""

    def __init__(
        self, folder: Path, microphone: str, model: str, level: LevelNormaliser, now: Callable[[], float]
    ) -> None:
        """`level` is what learns; level.json in `folder` keeps it.

        `now` gives seconds on a clock that never jumps.
        """
        self._path = folder / FILE_NAME
        self._microphone, self._model, self._level, self._now = microphone, model, level, now
        self._saved_s = now()
        self._must_forget = False
        self._kept: Learnt | None = None

    def recall(self) -> None:
        """Go on from what the file knows of this microphone and model."""
        self._kept = self._load()
        if self._kept is not None:
            self._level.resume(self._kept.mean, self._kept.windows)

    def tick(self) -> None:
        """To be called several times a second; a disk that refuses is said in the log."""
        if self._must_forget:
            self._must_forget = False
            self._level.resume(0.0, 0)
            self._write(None)
        elif self._now() - self._saved_s >= _SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Write what is known now, where that is new."""
        learnt = Learnt(self._microphone, self._model, *self._level.learnt)
        if learnt.windows and learnt != self._kept:
            self._write(learnt)
        self._saved_s = self._now()

    def forget(self) -> None:
        """Somebody else lies in the bed: begin anew, at the next tick. For any thread."""
        self._must_forget = True

    def _load(self) -> Learnt | None:
        try:
            learnt = decode(Learnt, json.loads(self._path.read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, RecursionError, FieldError) as error:
            log.warning("%s cannot be read (%s); this bed's level is learnt anew", self._path, error)
            return None
        is_ours = (learnt.microphone, learnt.model) == (self._microphone, self._model)
        return learnt if is_ours else None

    def _write(self, learnt: Learnt | None) -> None:
        self._kept = learnt
        try:
            atomic_file.save(self._path, learnt)
        except OSError as error:
            log.warning(
                "cannot write %s: %s; after a restart this bed's level is learnt anew",
                self._path,
                error.strerror,
            )
