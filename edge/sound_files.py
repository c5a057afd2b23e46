"""Sound files as 16 kHz mono int16: PCM WAV everywhere, whatever soundfile reads on a desktop."""

from __future__ import annotations

import contextlib
import struct
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from edge.errors import AudioFileError
from edge.features import FloatArray
from edge.resample import Resampler
from edge.speech_gate import SAMPLE_RATE

try:
    import soundfile
except (ImportError, OSError):  # not on the device; OSError: the package is there, its library is not
    soundfile = None

_BLOCK_S = 0.5
# What the wave module raises for bytes that are damaged in one way or another.
_UNREADABLE = (wave.Error, EOFError, ValueError, ArithmeticError, RuntimeError, struct.error)
_ENDLESS = 0x7FFFF000  # a recorder that could not go back to its header leaves a length near 2^31 or 2^32


class SoundFile:
    """An open recording of at least one sample; a context manager.

    `rate` is its own, in Hz; `frames` is the length its header promises, None where it does not know.
    """

    def __init__(self, path: Path) -> None:
        """Raises AudioFileError for a file that is missing, empty, or no sound."""
        self.path = path
        if path.is_dir():
            raise AudioFileError(f"{path} is a folder; give a sound file")
        try:
            if path.stat().st_size == 0:
                raise AudioFileError(f"{path} is empty; give a sound file")
            self._open(path)
        except OSError as error:
            raise AudioFileError(f"cannot read {path}: {error.strerror or error}") from error
        self.frames_read = 0

    def _open(self, path: Path) -> None:
        try:
            reader = wave.open(str(path), "rb")  # noqa: SIM115 - closed by close()
        except _UNREADABLE as error:
            self._open_with_soundfile(path, error)
            return
        width, channels = reader.getsampwidth(), reader.getnchannels()
        self.rate, count = reader.getframerate(), reader.getnframes()
        if width not in _TO_FLOAT or not 1 <= channels <= 64 or not 1000 <= self.rate <= 768000:
            reader.close()
            raise AudioFileError(
                f"{path} has {channels} channels of {8 * width} bits at {self.rate} Hz;"
                " give 1 to 64 channels of 8, 16, 24 or 32 bits at 1000 to 768000 Hz"
            )
        self.frames = None if count * width * channels >= _ENDLESS else count
        self._close: Callable[[], Any] = reader.close
        to_float = _TO_FLOAT[width]

        def read(frames: int) -> FloatArray:
            data = reader.readframes(frames)
            whole = len(data) - len(data) % (width * channels)  # a cut file may end within a sample
            return to_float(data[:whole]).reshape(-1, channels)

        self._read = read

    def _open_with_soundfile(self, path: Path, cause: Exception) -> None:
        if soundfile is None:
            raise AudioFileError(
                f"{path} is no WAV file of 8, 16, 24 or 32 bit PCM ({cause}); convert it to one"
            ) from cause
        try:
            reader = soundfile.SoundFile(str(path))
        except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
            raise AudioFileError(f"{path} is no sound file; give WAV, FLAC, OGG or MP3") from error
        self.rate, self.frames, self._close = reader.samplerate, reader.frames, reader.close

        def read(frames: int) -> FloatArray:
            try:
                block: FloatArray = reader.read(frames, dtype="float32", always_2d=True)
            except soundfile.SoundFileError as error:
                raise AudioFileError(f"{path} is damaged: {error}") from error
            return block

        self._read = read

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    @property
    def is_cut_short(self) -> bool:
        """Whether, once read to its end, the file held less than its header promised."""
        return self.frames is not None and self.frames_read < self.frames

    def blocks(self) -> Iterator[npt.NDArray[np.int16]]:
        """The recording as mono 16 kHz int16 in blocks, each of shape (n,). Raises AudioFileError."""
        resampler = Resampler(self.rate, SAMPLE_RATE) if self.rate != SAMPLE_RATE else None
        while True:
            with _readable(self.path):
                block = self._read(int(self.rate * _BLOCK_S))
            if block.shape[0] == 0:
                break
            self.frames_read += block.shape[0]
            mono = block.mean(axis=1, dtype=np.float32) if block.shape[1] > 1 else block[:, 0]
            yield to_int16(mono if resampler is None else resampler.feed(mono))
        if self.frames_read == 0:
            raise AudioFileError(f"{self.path} holds no sound; give a recording of at least one sample")
        if resampler is not None:
            yield to_int16(resampler.flush())

    def shortfall(self) -> str:
        """One sentence for a file that is cut short."""
        promised = (self.frames or 0) / self.rate
        return (
            f"{self.path} is cut short: {self.frames_read / self.rate:.1f} of {promised:.1f} s are there;"
            " those were used"
        )


def to_int16(samples: FloatArray) -> npt.NDArray[np.int16]:
    """Full scale 1 to 32768, rounded, held within int16."""
    result: npt.NDArray[np.int16] = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
    return result


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, *_UNREADABLE) as error:
        raise AudioFileError(f"cannot read {path}: {error}") from error


def _from_8_bit(data: bytes) -> FloatArray:  # the one unsigned width
    return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / np.float32(128)


def _from_16_bit(data: bytes) -> FloatArray:
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(2**15)


def _from_24_bit(data: bytes) -> FloatArray:
    octets = np.frombuffer(data, np.uint8).reshape(-1, 3)
    padded = np.zeros((octets.shape[0], 4), np.uint8)
    padded[:, 1:] = octets
    return padded.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)


def _from_32_bit(data: bytes) -> FloatArray:
    return (np.frombuffer(data, "<i4") / 2**31).astype(np.float32)


_TO_FLOAT: dict[int, Callable[[bytes], FloatArray]] = {
    1: _from_8_bit,
    2: _from_16_bit,
    3: _from_24_bit,
    4: _from_32_bit,
}
