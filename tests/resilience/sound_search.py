"""Finds known sound in anything written: as samples or features, in binary, as text or encoded."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.classifier import normalise, quantise
from edge.manifest import Manifest

WINDOW = 32  # bytes
_DISTINCT = 8  # different bytes; a window with fewer is near silence, and alike everywhere
_HEX = re.compile(rb"[0-9a-fA-F]{64,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{40,}")
_NUMBERS = re.compile(rb"(?:-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?[^-\d]{1,4}){16,}")
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class _Form:
    """Known sound in one form: the bytes, and the first eight of each window, sorted."""

    name: str
    data: bytes
    item_bytes: int
    beginnings: npt.NDArray[np.uint64]

    def is_in(self, plain: bytes, eights: npt.NDArray[np.uint64]) -> bool:
        places = np.searchsorted(self.beginnings, eights).clip(max=self.beginnings.size - 1)
        for start in np.flatnonzero(self.beginnings[places] == eights):
            window = plain[start : start + WINDOW]
            if len(window) == WINDOW and len(set(window)) >= _DISTINCT and self._holds(window):
                return True
        return False

    def _holds(self, window: bytes) -> bool:
        start = self.data.find(window)
        while start % self.item_bytes and start >= 0:
            start = self.data.find(window, start + 1)
        return start >= 0


class Sought:
    """Every 32-byte window of known sound, in each form it could be written in."""

    def __init__(self) -> None:
        self._forms: list[_Form] = []

    def add_samples(self, samples: npt.NDArray[np.int16]) -> None:
        """Sound, shape (n,)."""
        within_1 = samples / 32768
        self._add("int16", samples.astype("<i2"))
        self._add("int16, big-endian", samples.astype(">i2"))
        self._add("int8", (samples >> 8).astype(np.int8))
        self._add("int32", samples.astype("<i4"))
        self._add("float32", samples.astype("<f4"))
        self._add("float32 within 1", within_1.astype("<f4"))
        self._add("float64", samples.astype("<f8"))
        self._add("float64 within 1", within_1.astype("<f8"))

    def add_features(self, frames: npt.NDArray[np.float32], manifest: Manifest) -> None:
        """Feature frames, shape (n, coefficients), as the classifier is given them."""
        normalised = normalise(frames, manifest.training.normalisation)
        self._add("features", frames.astype("<f4").ravel())
        self._add("normalised features", normalised.astype("<f4").ravel())
        self._add("quantised features", quantise(normalised, manifest.input).ravel())

    def _add(self, name: str, values: npt.NDArray[np.generic]) -> None:
        data, size = values.tobytes(), values.itemsize
        self._forms.append(_Form(name, data, size, np.unique(_eights(data)[::size])))

    def found_in(self, data: bytes) -> set[str]:
        """The forms in which known sound is in the data, such as {"base64 of int16"}."""
        found = set()
        for encoding, plain in _readings(data):
            eights = _eights(plain)
            found |= {f"{encoding}{form.name}" for form in self._forms if form.is_in(plain, eights)}
        return found


def _eights(data: bytes) -> npt.NDArray[np.uint64]:
    """The eight bytes at each position, shape (bytes - 7,)."""
    values = np.frombuffer(data, np.uint8)
    if values.size < 8:
        return np.zeros(0, np.uint64)
    windows = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(values, 8))
    return windows.view(np.uint64).ravel()


def _readings(data: bytes) -> Iterator[tuple[str, bytes]]:
    yield "", data
    for match in _HEX.finditer(data):
        for phase in (0, 1):
            text = match[0][phase:]
            yield "hex of ", bytes.fromhex(text[: len(text) // 2 * 2].decode())
    for match in _BASE64.finditer(data):
        text = match[0].replace(b"-", b"+").replace(b"_", b"/")
        for phase in range(4):
            part = text[phase:]
            yield "base64 of ", base64.b64decode(part[: len(part) // 4 * 4])
    for match in _NUMBERS.finditer(data + b"\n"):
        values = np.array([float(number) for number in _NUMBER.findall(match[0])]).clip(-1e6, 1e6)
        for scale in (1, 32768):
            whole = np.clip(np.rint(values * scale), -32768, 32767)
            yield "numbers that are ", whole.astype("<i2").tobytes()


def witnessed(path: Path) -> tuple[npt.NDArray[np.int16], list[bytes]]:
    """The samples, shape (n,), and the feature windows, as float32, that the witness saw."""
    sound, windows = [], []
    data = path.read_bytes()
    at = 0
    while at < len(data):
        kind, size = data[at : at + 1], int.from_bytes(data[at + 1 : at + 5], "little")
        (sound if kind == b"s" else windows).append(data[at + 5 : at + 5 + size])
        at += 5 + size
    return np.frombuffer(b"".join(sound), "<i2").astype(np.int16), windows
