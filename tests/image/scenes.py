"""Recorded voices for the box's microphone."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).parents[1] / "data"


def recording(name: str) -> NDArray[np.int16]:
    """Samples at 16 kHz."""
    with wave.open(str(DATA / f"{name}.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def cries() -> NDArray[np.int16]:
    """A person in fear for 25 s."""
    one = np.concatenate([recording("fearful"), np.zeros(4800, np.int16)])
    return np.tile(one, 7)[: 25 * 16000]
