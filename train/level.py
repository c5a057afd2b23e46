"""`bedside-train level`: what a microphone's gain does to the fold models, and what would undo it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge.config import Gate
from edge.features import FloatArray
from edge.level import LevelNormaliser, level_of
from train.corpus import Clip, distress_truths, read_audio
from train.dataset import AT_REST, speech_level_of
from train.robustness import (
    SAMPLE_RATE,
    Fold,
    Int16,
    Row,
    at_gain,
    folds_in,
    passed,
    stretches_in,
    uar,
    windows_in,
)
from train.scoring import judge, together

GAINS_DB = (-30.0, -20.0, -10.0, 0.0, 10.0)
POLICIES = {
    "none": "as the microphone gives it",
    "window": "each window brought to the level of ordinary speech in training",
    "running": "edge.level from a cold start, a speaker's recordings in random order",
    "settled": "edge.level after ten minutes of the speaker's ordinary speech",
}
_SETTLED = 600  # windows
_FOUND = 0.5


@dataclass(frozen=True, slots=True)
class Heard:
    """The recordings of one fold at one gain: windows, shape (k, frames, coefficients) each."""

    clips: Sequence[Clip]
    windows: Sequence[FloatArray]
    speech_level: float


def measure(crossval: Path, *, every: int = 1) -> list[Row]:
    """UAR, gate, and distress found and falsely found, by gain and policy.

    `every` takes only each n-th recording, for a quick look.
    """
    rows = [Row(f"{gain:+g} dB", policy, {}) for gain in GAINS_DB for policy in POLICIES]
    for number, fold in enumerate(folds_in(crossval), 1):
        clips, learnt = fold.tested[::every], fold.learnt[::every]
        target = speech_level_of(learnt, [_windows(clip, 0.0, fold)[1] for clip in tqdm(learnt, "levels")])
        for at, gain in enumerate(tqdm(GAINS_DB, f"fold {number}", unit="gain")):
            pairs = [_windows(clip, gain, fold) for clip in clips]
            heard = Heard(clips, [windows for _, windows in pairs], target)
            share = passed([stretches_in(sound, 0, len(windows), Gate()) for sound, windows in pairs])
            for row in rows[at * len(POLICIES) : (at + 1) * len(POLICIES)]:
                row.note(**_judge(fold, heard, row.policy), passed=share)
    return rows


def _windows(clip: Clip, gain_db: float, fold: Fold) -> tuple[Int16, FloatArray]:
    sound = at_gain(read_audio(clip.path, SAMPLE_RATE), gain_db)
    return sound, windows_in(sound, fold.classifier)


def _judge(fold: Fold, heard: Heard, policy: str) -> dict[str, float]:
    levelled = _levelled(heard, policy)
    said = together([judge(fold.classifier, windows) for windows in levelled])
    truths, raised = distress_truths(heard.clips), said.distress >= _FOUND
    return {
        "uar": uar(said.probabilities, heard.clips, fold.classifier),
        "found": float(raised[truths == 1].mean()),
        "false": float(raised[truths == 0].mean()),
    }


def _levelled(heard: Heard, policy: str) -> list[FloatArray]:
    """Each recording's windows as the policy gives them to the model."""
    if policy == "none":
        return list(heard.windows)
    if policy == "window":
        return [np.stack([_moved(w, heard.speech_level - level_of(w)) for w in cut]) for cut in heard.windows]
    result = list(heard.windows)
    for speaker in sorted({clip.speaker for clip in heard.clips}):
        own = [i for i, clip in enumerate(heard.clips) if clip.speaker == speaker]
        normaliser = LevelNormaliser(heard.speech_level)
        if policy == "settled":
            resting = [w for i in own if heard.clips[i].emotion in AT_REST for w in heard.windows[i]]
            for i in range(_SETTLED if resting else 0):
                normaliser.hear(resting[i % len(resting)])
        for i in np.random.default_rng(0).permutation(own):
            levelled = []
            for window in heard.windows[i]:
                normaliser.hear(window)
                levelled.append(normaliser.apply(window))
            result[i] = np.stack(levelled)
    return result


def _moved(window: FloatArray, shift: float) -> FloatArray:
    moved = window.copy()
    moved[:, 0] += np.float32(shift)
    return moved
