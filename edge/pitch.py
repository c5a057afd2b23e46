"""How high a voice is: its fundamental frequency (F0), frame by frame.

Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio
of a sampled sound" (1993): the autocorrelation of a windowed frame, divided by that of the window.
Its highest peak is the period, where it is high enough for a voice; a small bonus for higher
frequencies keeps multiples of the period from winning. No path is searched through the frames: each
is judged on its own, once, however many windows overlap it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.features import FloatArray, to_float

SAMPLE_RATE = 16000
HOP = 320
"""20 ms, as the speech gate's frames."""
LENGTH = 800
"""50 ms: three periods of the lowest pitch, as Boersma asks for."""
LOWEST_HZ, HIGHEST_HZ = 60.0, 1000.0
"""A deep voice; a baby's or a desperate cry."""
VOICING = 0.55
"""The share of the energy that must repeat. Above Praat's 0.45: fewer frames, fewer wrong ones."""
_OCTAVE_BONUS = 0.02
_QUIETEST = 1e-9  # mean square of a frame that is as good as digital silence
_FFT = 1080  # at least LENGTH and the longest lag, so that the correlation does not wrap around
_SHORTEST = int(SAMPLE_RATE / HIGHEST_HZ) - 1  # samples; a peak needs a neighbour on each side
_LONGEST = int(np.ceil(SAMPLE_RATE / LOWEST_HZ)) + 1
_LAGS = np.arange(_SHORTEST + 1, _LONGEST)
_BONUS = _OCTAVE_BONUS * np.log2(_LAGS / _LONGEST)

Frames = npt.NDArray[np.float32] | npt.NDArray[np.float64]


def _autocorrelation(frames: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Lags 0 to _LONGEST of each row as shares of lag 0, shape (n, _LONGEST + 1)."""
    spectrum = np.fft.rfft(frames, _FFT)
    lags = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, _FFT)[:, : _LONGEST + 1]
    shares: npt.NDArray[np.float64] = lags / np.maximum(lags[:, :1], 1e-30)
    return shares


_WINDOW = np.hanning(LENGTH + 2)[1:-1]
_OF_WINDOW = _autocorrelation(_WINDOW[np.newaxis])[0]


def pitch(frames: Frames) -> FloatArray:
    """F0 of each frame, shape (n, LENGTH), full scale 1, in Hz, shape (n,); 0 where there is none."""
    if frames.shape[0] == 0:
        return np.zeros(0, np.float32)
    centred = frames.astype(np.float64) - frames.mean(axis=1, dtype=np.float64, keepdims=True)
    shares = _autocorrelation(centred * _WINDOW) / _OF_WINDOW
    before, here, after = (shares[:, _SHORTEST + shift : _LONGEST - 1 + shift] for shift in (0, 1, 2))
    peaks = (here > before) & (here >= after)
    best = np.where(peaks, here - _BONUS, -np.inf).argmax(axis=1)
    rows = np.arange(best.size)
    low, top, high = before[rows, best], here[rows, best], after[rows, best]
    # The parabola through the three points: its summit lies between samples.
    offset = np.clip((low - high) / (2 * np.minimum(low - 2 * top + high, -1e-12)), -0.5, 0.5)
    strength = top - (low - high) * offset / 4
    hertz = SAMPLE_RATE / (_LAGS[best] + offset)
    voiced = peaks[rows, best] & (strength >= VOICING) & ((centred**2).mean(axis=1) >= _QUIETEST)
    voiced &= (hertz >= LOWEST_HZ) & (hertz <= HIGHEST_HZ)
    result: FloatArray = np.where(voiced, hertz, 0).astype(np.float32)
    return result


class PitchTrack:
    """F0 of those frames somebody asks for, of a 16 kHz stream that arrives in chunks of any size.

    Frame i is the LENGTH samples that end with sample (i + 1) * HOP, as far as there are so many.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything heard so far."""
        self._samples = np.zeros(LENGTH - HOP, np.int16)
        self._first = 0  # the frame whose samples begin with the first one kept
        self._known: dict[int, float] = {}

    def feed(self, samples: npt.NDArray[np.int16]) -> None:
        """Take the next samples, shape (n,)."""
        self._samples = np.concatenate((self._samples, samples))

    def hertz(self, wanted: npt.NDArray[np.intp]) -> FloatArray:
        """F0 of these frames, all of them heard and not forgotten, in Hz, shape (n,); 0 for none."""
        new = [int(frame) for frame in wanted if int(frame) not in self._known]
        starts = [(frame - self._first) * HOP for frame in new]
        frames = np.array([self._samples[start : start + LENGTH] for start in starts], np.int16)
        found = pitch(to_float(frames.reshape(-1)).reshape(-1, LENGTH))
        self._known.update(zip(new, found.tolist(), strict=True))
        return np.array([self._known[int(frame)] for frame in wanted], np.float32)

    def forget(self, before: int) -> None:
        """Drop what is known of frames that end before this sample; nobody will ask for them."""
        frame = max(self._first, before // HOP)
        self._samples = self._samples[(frame - self._first) * HOP :].copy()
        self._known = {one: hertz for one, hertz in self._known.items() if one >= frame}
        self._first = frame
