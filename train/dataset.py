"""Recordings as features, with their augmented variants, kept on disk between runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge.features import FloatArray, FrontEnd, mfcc
from edge.level import level_of
from edge.manifest import Window
from edge.windows import recording_windows
from train import augment, kept
from train.corpus import Clip, listing, read_audio

AT_REST = ("neutral", "calm")
"""The emotions of ordinary speech."""


@dataclass(frozen=True, slots=True)
class ClipFeatures:
    """MFCC frames of one recording, shape (frames, coefficients), and as heard at each virtual bed."""

    frames: FloatArray
    variants: tuple[FloatArray, ...]


def clip_features(
    clips: Sequence[Clip], front_end: FrontEnd, variants: int, cache: Path | None = None
) -> list[ClipFeatures]:
    """Features of each clip, as recorded and at `variants` virtual beds; the same clips give the same.

    A bed is a speaker's own: all recordings of the speaker are heard at the same ones.
    """
    file = cache / f"features-{_fingerprint(clips, front_end, variants)}.npz" if cache else None
    found = kept.made_once(file, lambda: _computed(clips, front_end, variants))
    arrays = np.split(found["frames"], np.cumsum(found["lengths"])[:-1])
    groups = [arrays[at : at + variants + 1] for at in range(0, len(arrays), variants + 1)]
    return [ClipFeatures(group[0], tuple(group[1:])) for group in groups]


def _computed(clips: Sequence[Clip], front_end: FrontEnd, variants: int) -> dict[str, npt.NDArray[Any]]:
    """All frames of all clips, one clip's variants after it, and how many each has."""
    arrays, rate = [], front_end.sample_rate
    beds = {
        speaker: [augment.draw_bed(rate, np.random.default_rng([number, bed])) for bed in range(variants)]
        for number, speaker in enumerate(sorted({clip.speaker for clip in clips}))
    }
    for number, clip in enumerate(tqdm(clips, desc="features", unit="clip")):
        samples = read_audio(clip.path, rate)
        rng = np.random.default_rng([number, variants])
        arrays.append(mfcc(samples, front_end))
        arrays += [mfcc(augment.at_bed(samples, rate, bed, rng), front_end) for bed in beds[clip.speaker]]
    return {"lengths": np.array([len(array) for array in arrays]), "frames": np.concatenate(arrays)}


def cut_all(features: Sequence[ClipFeatures], window: Window, front_end: FrontEnd) -> list[FloatArray]:
    """The windows of each recording as the device cuts them, shape (k, frames, coefficients)."""
    return [recording_windows(clip.frames, window, front_end) for clip in features]


def speech_level_of(clips: Sequence[Clip], windows: Sequence[FloatArray]) -> float:
    """The mean level of the windows, shape (k, frames, coefficients) a recording, of ordinary speech.

    What a model's manifest calls `speech_level`; a corpus without ordinary speech is taken whole.
    """
    every: list[float] = []
    at_rest: list[float] = []
    for clip, cut in zip(clips, windows, strict=True):
        levels = [level_of(window) for window in cut]
        every += levels
        at_rest += levels if clip.emotion in AT_REST else []
    return round(float(np.mean(at_rest or every)), 3)


def _fingerprint(clips: Sequence[Clip], front_end: FrontEnd, variants: int) -> str:
    code = Path(augment.__file__).read_bytes()
    names = listing([clip.path for clip in clips])
    return hashlib.sha256(code + f"{front_end}{variants}{names}".encode()).hexdigest()[:16]
