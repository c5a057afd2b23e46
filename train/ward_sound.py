"""A planned stretch of a bed's day as sound: recordings through a room, over its background noise.

The sound is made in blocks, judged and thrown away; nothing of it is ever stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import signal

from edge.features import FloatArray
from edge.sound_files import to_int16
from train.made_noise import made_noise
from train.rooms import Room
from train.sounds import Loudness, Sound, level
from train.ward_day import Placed, Stretch

BLOCK_S = 10
MADE_S = 60  # of noise, which then begins anew
TELEVISION_HZ = (200.0, 6000.0)
_KEPT = 256  # recordings on their way through the room; a stretch uses the same ones again and again


class Bed:
    """A microphone in a room. `speech_db` is ordinary speech at 1 m, root mean square against full scale."""

    def __init__(
        self, room: Room, loudness: Loudness, speech_db: float, sample_rate: int, seed: int = 0
    ) -> None:
        """`seed` is that of the noise that is made where there is no recording of one."""
        self._room, self._loudness, self._rate = room, loudness, sample_rate
        self._gain = np.float32(10 ** (speech_db / 20))
        self._television = signal.butter(2, TELEVISION_HZ, "bandpass", fs=sample_rate, output="sos")
        self._heard = lru_cache(_KEPT)(self._at_the_bed)
        self._rng = np.random.default_rng(seed)
        self._recorded = lru_cache(2)(self._loudness.read)

    def blocks(self, stretch: Stretch, rng: np.random.Generator) -> Iterator[npt.NDArray[np.int16]]:
        """The stretch's samples, shape (n,) each, BLOCK_S at most."""
        total, size = round(stretch.seconds * self._rate), BLOCK_S * self._rate
        noise = self._noise(stretch.background) * np.float32(10 ** (-stretch.snr_db / 20))
        first = int(rng.integers(noise.size))
        waiting = sorted(stretch.placed, key=lambda one: one.start_s, reverse=True)
        going: list[tuple[int, FloatArray]] = []
        for start in range(0, total, size):
            end = min(start + size, total)
            mixed = np.take(noise, np.arange(first + start, first + end), mode="wrap")
            while waiting and round(waiting[-1].start_s * self._rate) < end:
                going.append(self._begun(waiting.pop()))
            for begins, samples in going:
                low, high = max(begins, start), min(begins + samples.size, end)
                mixed[low - start : high - start] += samples[low - begins : high - begins]
            going = [one for one in going if one[0] + one[1].size > end]
            yield to_int16(self._gain * mixed)

    def _begun(self, placed: Placed) -> tuple[int, FloatArray]:
        return round(placed.start_s * self._rate), self._heard(placed.sound, placed.place)

    def _at_the_bed(self, sound: Sound, place: str) -> FloatArray:
        samples = self._loudness.read(sound)
        if place == "television":
            samples = signal.sosfilt(self._television, samples).astype(np.float32)
        heard: FloatArray = signal.oaconvolve(samples, self._room.responses[place]).astype(np.float32)
        return heard

    def _noise(self, background: Sound | None) -> FloatArray:
        """The noise at the level of ordinary speech at 1 m."""
        if background is None:
            samples = made_noise(MADE_S * self._rate, self._rate, self._rng)  # each stretch has its own
        else:
            samples = self._recorded(background)
        return samples / np.float32(max(level(samples), 1e-9))
