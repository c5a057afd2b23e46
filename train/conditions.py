"""`bedside-train robustness`: the int8 fold models under what a ward does to a voice, cold and adapted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from scipy import signal
from tqdm import tqdm

from edge.classifier import Judged
from edge.config import Gate
from edge.features import FloatArray
from edge.noise_reduction import NOISY_BELOW_DB, reduce_noise
from edge.sound_files import to_int16
from train.corpus import Clip, read_audio, targets_of
from train.robustness import (
    LEAD,
    SAMPLE_RATE,
    Fold,
    Int16,
    Row,
    at_gain,
    distress_auc,
    folds_in,
    in_noise,
    noises_in,
    passed,
    stretches_in,
    uar,
    windows_in,
)
from train.rooms import draw_room
from train.scoring import judge_all, others_heard

SNRS_DB = (20, 10, 5, 0)
DISTANCES_M = (1, 3)
GAINS_DB = (-20, 10)
HEARD = {"cold": 0, "after 20 utterances": 20}
"""How many other recordings of the speaker the bed has heard, under the same condition, before each."""
_ROOMS = 4

Change = Callable[[FloatArray, int, np.random.Generator], tuple[Int16, int]]
"""Samples, the speaker's number and chance in; out what the microphone gives and how much of it is before."""


def changes(noises: Sequence[FloatArray]) -> dict[str, Change]:
    """What each condition makes of a recording. A speaker has one bed: one of the noises and of the rooms."""
    found: dict[str, Change] = {"as recorded": partial(_louder, 0)}
    if noises:
        found |= {f"noise, {snr_db} dB": partial(_noisy, noises, snr_db) for snr_db in SNRS_DB}
    found |= {f"{metres} m away": partial(_distant, _responses(metres)) for metres in DISTANCES_M}
    return found | {f"gain {gain_db:+d} dB": partial(_louder, gain_db) for gain_db in GAINS_DB}


def _noisy(
    noises: Sequence[FloatArray], snr_db: float, samples: FloatArray, bed: int, rng: np.random.Generator
) -> tuple[Int16, int]:
    return in_noise(samples, noises[bed % len(noises)], snr_db, rng), LEAD


def _distant(
    responses: Sequence[FloatArray], samples: FloatArray, bed: int, _: np.random.Generator
) -> tuple[Int16, int]:
    heard = signal.oaconvolve(samples, responses[bed % len(responses)])
    return to_int16(heard[: samples.size].astype(np.float32)), 0


def _louder(gain_db: float, samples: FloatArray, _: int, __: np.random.Generator) -> tuple[Int16, int]:
    return at_gain(samples, gain_db), 0


def _responses(metres: float) -> list[FloatArray]:
    """Impulse responses, shape (n,), of a talker so far away in several rooms, 1 for direct sound."""
    limits = {"talker": (0.95 * metres, 1.05 * metres)}
    rooms = [draw_room(np.random.default_rng(number), SAMPLE_RATE, limits) for number in range(_ROOMS)]
    return [room.responses["talker"] * np.float32(room.distance_m["talker"]) for room in rooms]


def measure(
    crossval: Path, noise_paths: Sequence[Path], elsewhere: Sequence[Clip] = (), *, every: int = 1
) -> list[Row]:
    """UAR and distress AUC by condition, and of parts of the recordings as they are.

    `elsewhere` are recordings of other corpora with some of the models' labels: each fold judges those
    of speakers it has not learnt from. `every` takes only each n-th recording, for a quick look.
    Raises CorpusError where one has another label.
    """
    conditions, folds = changes(noises_in(noise_paths)), folds_in(crossval)
    targets_of(elsewhere, folds[0].classifier.labels)  # hours would pass before it is found out
    rows: dict[tuple[str, str], Row] = {}
    for number, fold in enumerate(folds, 1):
        clips = fold.tested[::every]
        for condition, change in tqdm(conditions.items(), f"fold {number}", unit="condition"):
            windows, share = _heard(fold, clips, change)
            for policy, said in _judged(fold, clips, windows).items():
                _note(rows, condition, policy, fold, clips, said)
                rows[condition, policy].note(passed=share)
                if condition == "as recorded":
                    for part, chosen in parts(clips).items():
                        _note(rows, part, policy, fold, clips, said, chosen)
        strangers = unknown(fold, elsewhere)[::every]
        if strangers:
            windows, _ = _heard(fold, strangers, conditions["as recorded"])
            for policy, said in _judged(fold, strangers, windows).items():
                _note(rows, "another corpus", policy, fold, strangers, said)
    order = list(dict.fromkeys(condition for condition, _ in rows))
    return sorted(rows.values(), key=lambda row: order.index(row.condition))


def parts(clips: Sequence[Clip]) -> dict[str, list[int]]:
    """The recordings of each sex and intensity the manifest tells of, by their index."""
    found: dict[str, list[int]] = {}
    for i, clip in enumerate(clips):
        for word in (clip.sex, clip.intensity):
            if word:
                found.setdefault(f"only {word}", []).append(i)
    return dict(sorted(found.items()))


def unknown(fold: Fold, clips: Sequence[Clip]) -> list[Clip]:
    """The recordings whose speakers are known and are none this fold has learnt from."""
    learnt = {clip.path.resolve() for clip in fold.learnt}
    known = {clip.speaker for clip in clips if clip.path.resolve() in learnt}
    return [clip for clip in clips if clip.speaker not in known and not clip.speaker.endswith("/unknown")]


def _heard(fold: Fold, clips: Sequence[Clip], change: Change) -> tuple[list[FloatArray], float]:
    """Each recording's windows, their noise reduced where the device would, and the gate's share."""
    beds = {speaker: bed for bed, speaker in enumerate(sorted({clip.speaker for clip in clips}))}
    windows, stretches = [], []
    for number, clip in enumerate(clips):
        samples = read_audio(clip.path, SAMPLE_RATE)
        sound, lead = change(samples, beds[clip.speaker], np.random.default_rng(number))
        plain = windows_in(sound[lead:], fold.classifier)
        said = stretches_in(sound, lead, len(plain), Gate())
        noisy = np.array([one.snr_db < NOISY_BELOW_DB for one in said])
        if noisy.any():
            reduced = windows_in(reduce_noise(sound)[lead:], fold.classifier)
            plain = np.where(noisy[:, np.newaxis, np.newaxis], reduced, plain)
        windows.append(plain)
        stretches.append(said)
    return windows, passed(stretches)


def _judged(fold: Fold, clips: Sequence[Clip], windows: Sequence[FloatArray]) -> Mapping[str, Judged]:
    return {
        policy: judge_all(fold.classifier, windows, others_heard(clips, count))
        for policy, count in HEARD.items()
    }


def _note(
    rows: dict[tuple[str, str], Row],
    condition: str,
    policy: str,
    fold: Fold,
    clips: Sequence[Clip],
    said: Judged,
    chosen: Sequence[int] | None = None,
) -> None:
    some = list(range(len(clips))) if chosen is None else list(chosen)
    row = rows.setdefault((condition, policy), Row(condition, policy, {}))
    judged = [clips[i] for i in some]
    row.note(
        uar=uar(said.probabilities[some], judged, fold.classifier),
        distress_auc=distress_auc(said.distress[some], judged),
    )
