"""Fold models under other conditions than they learnt in: noise, noise reduction, another gain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.classifier import Classifier
from edge.config import Gate
from edge.errors import CorpusError
from edge.features import FloatArray, mfcc
from edge.model_file import read
from edge.sound_files import to_int16
from edge.speech_gate import SpeechGate, Stretch
from edge.windows import recording_windows
from train import metrics
from train.corpus import Clip, distress_truths, read_audio, read_manifest, targets_of
from train.recipe import FRONT_END, WINDOW

SAMPLE_RATE = 16000
LEAD = 3 * SAMPLE_RATE
"""Samples of noise before a recording: at a bed the noise is there long before the voice."""

Int16 = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Fold:
    """A model, the recordings it learnt from, and recordings of speakers it never heard."""

    classifier: Classifier
    learnt: list[Clip]
    tested: list[Clip]


def folds_in(crossval: Path) -> list[Fold]:
    """The finished int8 folds of `bedside-train crossval --int8`. Raises CorpusError where there is none."""
    folders = sorted(path.parent for path in crossval.glob("fold-*/model.tflite"))
    if not folders:
        raise CorpusError(f"{crossval} holds no fold-*/model.tflite; run bedside-train crossval --int8 first")
    return [
        Fold(
            Classifier(read(folder / "model.tflite")),
            read_manifest(folder / "train.csv"),
            read_manifest(folder / "test.csv"),
        )
        for folder in folders
    ]


def noises_in(paths: Iterable[Path]) -> list[FloatArray]:
    """Each sound file, and in place of a folder the WAV and FLAC files in it, by name; shape (n,) each."""
    files = []
    for path in paths:
        inside = sorted(one for one in path.glob("*") if one.suffix.lower() in {".wav", ".flac"})
        files += inside or [path]
    return [read_audio(file, SAMPLE_RATE) for file in files]


def in_noise(samples: FloatArray, noise: FloatArray, snr_db: float, rng: np.random.Generator) -> Int16:
    """A recording in noise, LEAD samples of noise alone before it, shape (LEAD + n,).

    `snr_db` is the ratio of the mean powers of recording (pauses included) and noise; the noise
    begins at a random place and starts anew where it ends.
    """
    first = int(rng.integers(noise.size))
    stretch = np.take(noise, np.arange(first, first + LEAD + samples.size), mode="wrap")
    signal_power, noise_power = np.mean(samples**2), np.mean(stretch[LEAD:] ** 2)
    scale = np.sqrt(signal_power / max(float(noise_power), 1e-20) / 10 ** (snr_db / 10))
    mixed = scale * stretch
    mixed[LEAD:] += samples
    return to_int16(mixed.astype(np.float32))


def at_gain(samples: FloatArray, gain_db: float) -> Int16:
    """What a microphone set so much louder gives, full scale included; shape kept."""
    return to_int16(samples * np.float32(10 ** (gain_db / 20)))


def windows_in(samples: Int16 | FloatArray, classifier: Classifier) -> FloatArray:
    """The windows of a recording, shape (k, frames, coefficients)."""
    training = classifier.manifest.training
    return recording_windows(mfcc(samples, training.front_end), training.window, training.front_end)


def stretches_in(samples: Int16, skip: int, count: int, gate: Gate) -> list[Stretch]:
    """What the gate says of each of the `count` windows of the recording after `skip` samples."""
    heard = SpeechGate(gate)
    heard.feed(samples)
    length, hop, last = (
        WINDOW.frames * FRONT_END.hop_length,
        WINDOW.hop_frames * FRONT_END.hop_length,
        samples.size,
    )
    starts = [min(skip + i * hop, max(skip, last - length)) for i in range(count)]
    return [heard.stretch(start, min(start + length, last)) for start in starts]


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured under one condition with one policy; a value a fold for each figure's name."""

    condition: str
    policy: str
    figures: dict[str, list[float]]

    def note(self, **values: float) -> None:
        """Add one fold's figures."""
        for name, value in values.items():
            self.figures.setdefault(name, []).append(round(value, 4))


def uar(probabilities: FloatArray, clips: Sequence[Clip], classifier: Classifier) -> float:
    """Unweighted average recall of probabilities, shape (clips, labels)."""
    truths = targets_of(clips, classifier.labels)
    return metrics.report(probabilities, truths, classifier.labels).uar


def distress_auc(scores: FloatArray, clips: Sequence[Clip]) -> float:
    """Area under the ROC curve of distress scores, shape (clips,), where it is known; NaN where it is not."""
    truths = distress_truths(clips)
    area = metrics.auc(scores[truths >= 0], truths[truths >= 0] == 1)
    return float("nan") if area is None else area


def passed(stretches: Sequence[Sequence[Stretch]]) -> float:
    """The share of recordings of which at least one window counts as speech."""
    return float(np.mean([any(one.is_speech for one in recording) for recording in stretches]))


def table(rows: Sequence[Row]) -> list[str]:
    """Lines of a Markdown table: each fold's UAR, its mean and deviation, the means of other figures."""
    folds = range(1, len(rows[0].figures["uar"]) + 1)
    others = list(dict.fromkeys(name for row in rows for name in row.figures if name != "uar"))
    heads = ["condition", "policy", *(f"fold {fold}" for fold in folds), "UAR", "deviation", *others]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        values = row.figures["uar"]
        cells = [f"{value:.3f}" for value in (*values, np.mean(values), np.std(values))]
        means = [float(np.mean(row.figures.get(name, np.nan))) for name in others]
        cells += ["-" if np.isnan(mean) else f"{mean:.3f}" for mean in means]
        lines.append(f"| {row.condition} | {row.policy} | {' | '.join(cells)} |")
    return lines
