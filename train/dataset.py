"""Recordings as features, with their augmented variants, kept on disk between runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge.features import FloatArray, FrontEnd, mfcc
from edge.level import level_of
from edge.manifest import Window
from edge.windows import recording_windows
from train import augment
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
    if file and file.exists():
        return _load(file, variants + 1)
    features, rate = [], front_end.sample_rate
    beds = {
        speaker: [augment.draw_bed(rate, np.random.default_rng([number, bed])) for bed in range(variants)]
        for number, speaker in enumerate(sorted({clip.speaker for clip in clips}))
    }
    for number, clip in enumerate(tqdm(clips, desc="features", unit="clip")):
        samples = read_audio(clip.path, rate)
        rng = np.random.default_rng([number, variants])
        copies = (augment.at_bed(samples, rate, bed, rng) for bed in beds[clip.speaker])
        features.append(
            ClipFeatures(mfcc(samples, front_end), tuple(mfcc(copy, front_end) for copy in copies))
        )
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        arrays = [array for clip in features for array in (clip.frames, *clip.variants)]
        partial = file.with_suffix(".partial.npz")
        np.savez(partial, lengths=[len(array) for array in arrays], frames=np.concatenate(arrays))
        partial.replace(file)
    return features


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


def _load(file: Path, per_clip: int) -> list[ClipFeatures]:
    with np.load(file) as stored:
        arrays = np.split(stored["frames"], np.cumsum(stored["lengths"])[:-1])
    groups = [arrays[at : at + per_clip] for at in range(0, len(arrays), per_clip)]
    return [ClipFeatures(group[0], tuple(group[1:])) for group in groups]
