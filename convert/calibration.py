"""Which windows the converter sees to choose its int8 scales."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from edge.classifier import normalise
from edge.errors import ConversionError
from edge.features import FloatArray, mfcc
from edge.manifest import Training
from edge.windows import recording_windows, silence_frame
from train.beds import after
from train.corpus import Clip, read_audio


def choose_clips(clips: Sequence[Clip], count: int) -> list[Clip]:
    """At most `count` clips, the same number of each emotion as far as they reach, evenly spread."""
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        groups.setdefault(clip.emotion, []).append(clip)
    share = max(1, count // len(groups))
    chosen: list[Clip] = []
    for _, group in sorted(groups.items()):
        places = np.linspace(0, len(group) - 1, min(share, len(group))).round().astype(int)
        chosen.extend(group[place] for place in places)
    return chosen


def clip_windows(clips: Sequence[Clip], training: Training, title: str) -> list[FloatArray]:
    """The windows of each clip as the device makes and normalises them, each (k, frames, coefficients).

    Each clip is the first thing its bed hears.

    Raises ConversionError where all recordings are silent: scales chosen from silence fit nothing.
    """
    result, loudest = [], 0.0
    for clip in tqdm(clips, desc=title, unit="clip"):
        samples = read_audio(clip.path, training.front_end.sample_rate)
        loudest = max(loudest, float(np.abs(samples).max()))
        windows = recording_windows(mfcc(samples, training.front_end), training.window, training.front_end)
        windows = after(training.adaptation, [], windows)
        result.append(np.stack([normalise(window, training.normalisation) for window in windows]))
    if loudest < 1e-3:
        raise ConversionError(
            f"all {len(clips)} recordings for {title} are silent; give recordings of speech"
        )
    return result


def silent_window(training: Training) -> FloatArray:
    """The front end's lower extreme, shape (1, frames, coefficients): int8 must reach it without clipping."""
    frame = normalise(silence_frame(training.front_end)[np.newaxis], training.normalisation)
    return np.tile(frame, (1, training.window.frames, 1))
