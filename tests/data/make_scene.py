"""Rebuild scene.wav and the clips beside it from the RAVDESS speech recordings.

    python tests/data/make_scene.py FOLDER_WITH_Actor_01_TO_24

RAVDESS file names read modality-channel-emotion-intensity-statement-repetition-actor; emotions are
01 neutral, 02 calm, 03 happy, 04 sad, 05 angry, 06 fearful, 07 disgust, 08 surprised.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soundfile

from train.corpus import read_audio

RATE = 16000
HERE = Path(__file__).parent
PAUSE_S = 0.6
# A patient (actor 12) talks with a nurse (actor 01), is frightened for a while, and is comforted.
SCENE = (
    "03-01-01-01-01-01-12",
    "03-01-02-01-02-01-01",
    "03-01-02-01-01-01-12",
    "",
    "03-01-06-02-01-01-12",
    "03-01-06-02-02-01-12",
    "03-01-06-02-01-02-12",
    "03-01-06-02-02-02-12",
    "",
    "03-01-02-01-01-02-01",
    "03-01-02-01-02-02-12",
)
CLIPS = {
    "neutral": "03-01-01-01-01-01-12",
    "fearful": "03-01-06-02-01-01-12",
    "angry": "03-01-05-02-01-01-05",
    "sad": "03-01-04-02-02-01-08",
}


def main(corpus: Path) -> None:
    """Write scene.wav and one WAV an emotion beside this file."""

    def clip(name: str) -> np.ndarray:
        file = next(corpus.glob(f"Actor_{name[-2:]}/{name}.*"))
        return np.rint(read_audio(file, RATE) * 32767).astype(np.int16)

    # A room is never digitally silent: noise of about -75 dBFS between the voices.
    rng = np.random.default_rng(0)

    def room(seconds: float) -> np.ndarray:
        return np.rint(rng.normal(0, 6, int(seconds * RATE))).astype(np.int16)

    parts = [room(2)]
    for name in SCENE:
        parts += [clip(name), room(PAUSE_S)] if name else [room(3)]
    parts.append(room(8))
    soundfile.write(HERE / "scene.wav", np.concatenate(parts), RATE, subtype="PCM_16")
    for label, name in CLIPS.items():
        soundfile.write(HERE / f"{label}.wav", clip(name), RATE, subtype="PCM_16")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
