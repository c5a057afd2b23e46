"""Sound files in place of the microphone: in order, at real-time pace or as fast as possible."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.capture import Chunk
from edge.liveness import Condition
from edge.sound_files import SoundFile
from edge.speech_gate import SAMPLE_RATE

log = logging.getLogger(__name__)

_CHUNK = 800  # samples, 50 ms
_PAUSE_S = 1.0
_LONGEST_SLEEP_S = 0.2  # so that a request to stop is seen soon


class Playback:
    """Recordings one after the other, a second of near silence between two."""

    def __init__(
        self,
        paths: Sequence[Path],
        stopped: Callable[[], bool],
        *,
        fast: bool = False,
        repeat: bool = False,
    ) -> None:
        """Raises AudioFileError for the first file that cannot be opened."""
        for path in paths:
            with SoundFile(path):
                pass
        self.name = ", ".join(path.name for path in paths)
        self.muted = False
        self._paths, self._stopped, self._fast, self._repeat = tuple(paths), stopped, fast, repeat

    def chunks(self) -> Iterator[Chunk]:
        """The recordings, cut into chunks. Raises AudioFileError for a file that turns out damaged."""
        position, start_s = 0, time.monotonic()
        for block in self._blocks():
            for offset in range(0, block.size, _CHUNK):
                samples = block[offset : offset + _CHUNK]
                if not self._fast:
                    # A chunk is there when its last sample has been spoken.
                    self._wait_until(start_s + (position + samples.size) / SAMPLE_RATE)
                if self._stopped():
                    return
                # Muted, the recording goes on unheard, as the patient would.
                yield Chunk(position, samples[:0] if self.muted else samples)
                position += samples.size

    @property
    def condition(self) -> Condition:
        """A file is always well."""
        if self.muted:
            return Condition("muted", "muted")
        return Condition("file", "a recording is played", recording=True)

    def close(self) -> None:
        """Nothing stays open between blocks."""

    def _blocks(self) -> Iterator[npt.NDArray[np.int16]]:
        quiet = np.random.default_rng(0).integers(-1, 2, int(_PAUSE_S * SAMPLE_RATE)).astype(np.int16)
        is_first = True
        while is_first or self._repeat:
            for path in self._paths:
                if not is_first:
                    yield quiet
                is_first = False
                with SoundFile(path) as sound:
                    yield from sound.blocks()
                    if sound.is_cut_short:
                        log.warning("%s", sound.shortfall())

    def _wait_until(self, when_s: float) -> None:
        while not self._stopped():
            remaining = when_s - time.monotonic()
            if remaining <= 0:
                return
            time.sleep(min(remaining, _LONGEST_SLEEP_S))
