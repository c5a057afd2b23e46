"""`bedside-train noise`: what noise does to the fold models, with and without noise reduction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge.classifier import Classifier
from edge.config import Gate
from edge.features import FloatArray
from edge.noise_reduction import NOISY_BELOW_DB, reduce_noise
from edge.sound_files import to_int16
from edge.speech_gate import Stretch
from train.corpus import Clip, read_audio
from train.robustness import (
    LEAD,
    SAMPLE_RATE,
    Fold,
    Int16,
    Row,
    folds_in,
    in_noise,
    noises_in,
    passed,
    stretches_in,
    uar,
    windows_in,
)

SNRS_DB = (None, 20.0, 15.0, 10.0, 5.0, 0.0)  # None: as recorded
POLICIES = {
    "off": "as recorded",
    "always": "every window reduced",
    "where noisy": f"windows reduced with an SNR below {NOISY_BELOW_DB:g} dB by the speech gate",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording's windows under one condition: probabilities, shape (k, labels), and the gate's word."""

    plain: FloatArray
    reduced: FloatArray
    stretches: list[Stretch]

    def probabilities(self, policy: str) -> FloatArray:
        """The mean over the windows, shape (labels,)."""
        noisy = np.array([one.snr_db < NOISY_BELOW_DB for one in self.stretches])
        chosen = {"off": noisy & False, "always": noisy | True, "where noisy": noisy}[policy]
        mean: FloatArray = np.where(chosen[:, np.newaxis], self.reduced, self.plain).mean(axis=0)
        return mean


def measure(crossval: Path, noise_paths: Sequence[Path], *, every: int = 1) -> list[Row]:
    """UAR of each fold by SNR and policy, and the share of recordings that pass the gate.

    Each recording meets one of the noises, in turn, from a random place that is the same in every
    run; `every` takes only each n-th recording, for a quick look.
    """
    folds, noises = folds_in(crossval), noises_in(noise_paths)
    rows = [Row(_name(snr_db), policy, {}) for snr_db in SNRS_DB for policy in POLICIES]
    for number, fold in enumerate(folds, 1):
        clips = fold.tested[::every]
        heard = list(tqdm(hear(fold, clips, noises), f"fold {number}", len(clips), unit="clip"))
        for at, row in enumerate(rows):
            conditions = [one[at // len(POLICIES)] for one in heard]
            probabilities = np.array([one.probabilities(row.policy) for one in conditions])
            row.note(
                uar=uar(probabilities, clips, fold.classifier),
                passed=passed([one.stretches for one in conditions]),
            )
    return rows


def hear(fold: Fold, clips: Sequence[Clip], noises: Sequence[FloatArray]) -> Iterator[list[Heard]]:
    """Each recording at each of SNRS_DB, pushed through the fold's model."""
    for number, clip in enumerate(clips):
        samples = read_audio(clip.path, SAMPLE_RATE)
        conditions = []
        for snr_db in SNRS_DB:
            rng = np.random.default_rng(number)  # the same noise at every SNR
            if snr_db is None:
                sound, lead = to_int16(samples), 0
            else:
                sound, lead = in_noise(samples, noises[number % len(noises)], snr_db, rng), LEAD
            plain = _judge(sound[lead:], fold.classifier)
            reduced = _judge(reduce_noise(sound)[lead:], fold.classifier)
            conditions.append(Heard(plain, reduced, stretches_in(sound, lead, len(plain), Gate())))
        yield conditions


def _judge(sound: Int16 | FloatArray, classifier: Classifier) -> FloatArray:
    rows = [classifier.judge(window).probabilities for window in windows_in(sound, classifier)]
    return np.array(rows, np.float32)


def _name(snr_db: float | None) -> str:
    return "as recorded" if snr_db is None else f"{snr_db:g} dB"
