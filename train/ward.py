"""`bedside-train ward`: simulated bed-days through the real pipeline, faster than they last.

Gate, features, level, adaptation and int8 model are the device's own. What each window was judged as is
kept, so that any threshold can be tried on it afterwards by the device's own episode detector
(train/ward_report.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from tqdm import tqdm

from edge.classifier import Classifier
from edge.config import Gate
from edge.errors import CorpusError
from edge.features import FloatArray
from edge.pipeline import Pipeline, WindowResult
from edge.speech_gate import SAMPLE_RATE
from train import kept
from train.rooms import draw_room
from train.sounds import Loudness, Sound
from train.ward_day import DAY_H, PERIODS, Day, Episode, Stretch
from train.ward_sound import Bed

SPEECH_DB = (-38.0, -26.0)
"""Ordinary speech at 1 m, against full scale: microphones and their gains differ."""
PIECE_S = 600.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is simulated a bed: hours of an ordinary day, and episodes of each kind of distress."""

    hours: float = DAY_H
    episodes: int = 10
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """Where a stretch lies in a bed's stream; seconds since its start."""

    period: str
    start_s: float
    end_s: float
    episodes: tuple[Episode, ...]


@dataclass(frozen=True, slots=True)
class BedDay:
    """What the device made of a bed: one row a window.

    `start_s`, `end_s` and `level_db`, shape (windows,); `probabilities`, shape (windows, labels), and
    `distress`, shape (windows,), are NaN where nobody spoke.
    """

    start_s: FloatArray
    end_s: FloatArray
    level_db: FloatArray
    distress: FloatArray
    probabilities: FloatArray
    stretches: tuple[Told, ...]


def live_through(classifier: Classifier, sounds: Sequence[Sound], plan: Plan, title: str) -> BedDay:
    """One bed's day and its episodes, heard by this model; the same plan gives the same sounds."""
    if not any(sound.role == "background" for sound in sounds):
        raise CorpusError("the ward needs background noise that no model has heard; see train/ward.toml")
    pipeline = Pipeline(classifier, Gate())
    windows: list[WindowResult] = []
    told: list[Told] = []
    at = 0.0
    with tqdm(desc=title, unit="s") as bar:
        for stretch, blocks in stretches_of(sounds, plan):
            for block in blocks:
                windows += pipeline.feed(block)
                bar.update(block.size // SAMPLE_RATE)
            episodes = tuple(Episode(at + e.start_s, at + e.end_s, e.kind) for e in stretch.episodes)
            end = at + round(stretch.seconds * SAMPLE_RATE) / SAMPLE_RATE
            told.append(Told(stretch.period, at, end, episodes))
            at = end
    windows += pipeline.flush()
    return _kept(windows, classifier.labels, told)


def stretches_of(
    sounds: Sequence[Sound], plan: Plan
) -> Iterator[tuple[Stretch, Iterator[npt.NDArray[np.int16]]]]:
    """A bed's day and its episodes, each stretch with its samples, shape (n,) a block."""
    rng = np.random.default_rng(plan.seed)
    day = Day(sounds, _seconds_of(sounds), rng)
    room, loudness = draw_room(rng, SAMPLE_RATE), Loudness(sounds, SAMPLE_RATE)
    bed = Bed(room, loudness, float(rng.uniform(*SPEECH_DB)), SAMPLE_RATE, plan.seed)
    for stretch in [*_ordinary(day, plan), *_distressed(day, plan)]:
        yield stretch, bed.blocks(stretch, rng)


def _ordinary(day: Day, plan: Plan) -> Iterator[Stretch]:
    for period in PERIODS:
        left = period.hours * 3600 * plan.hours / DAY_H
        while left > 0:
            yield day.ordinary(period, min(left, PIECE_S))
            left -= PIECE_S


def _distressed(day: Day, plan: Plan) -> Iterator[Stretch]:
    for _ in range(plan.episodes):
        for kind in day.kinds:
            yield day.with_distress(kind)


def _seconds_of(sounds: Sequence[Sound]) -> Mapping[Sound, float]:
    return {sound: soundfile.info(sound.path).duration for sound in sounds}


def _kept(windows: Sequence[WindowResult], labels: Sequence[str], told: Sequence[Told]) -> BedDay:
    nothing = dict.fromkeys(labels, np.nan)
    judged = [one.judgement for one in windows]
    return BedDay(
        start_s=np.array([one.start_s for one in windows]),
        end_s=np.array([one.end_s for one in windows]),
        level_db=np.array([one.level_db for one in windows], np.float32),
        distress=np.array([np.nan if one is None else one.distress for one in judged], np.float32),
        probabilities=np.array(
            [list((nothing if one is None else one.probabilities).values()) for one in judged], np.float32
        ),
        stretches=tuple(told),
    )


def save(day: BedDay, file: Path) -> None:
    """Keeps a bed's day; it is whole or not there."""
    arrays = {name: getattr(day, name) for name in _ARRAYS}
    arrays["stretches"] = np.array(json.dumps([asdict(one) for one in day.stretches]))
    kept.save(file, arrays, compress=True)


def load(file: Path) -> BedDay:
    """What `save` kept."""
    with np.load(file) as found:
        told = json.loads(str(found["stretches"]))
        stretches = tuple(
            Told(
                one["period"],
                one["start_s"],
                one["end_s"],
                tuple(Episode(**each) for each in one["episodes"]),
            )
            for one in told
        )
        return BedDay(**{name: found[name] for name in _ARRAYS}, stretches=stretches)


_ARRAYS = ("start_s", "end_s", "level_db", "distress", "probabilities")
