"""What a network learns from days at simulated beds: windows as the device would give them to it.

Rooms, television, several voices at once and hours of rest at a bed are in no single recording. The people of
these days are those of the training side; their noise is made, so that the ward's own stays unheard.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge.classifier import Judged
from edge.config import Gate
from edge.features import FloatArray
from edge.manifest import SCHEMA_VERSION, Manifest, Tensor, Training
from edge.pipeline import Pipeline, WindowResult
from edge.speech_gate import SAMPLE_RATE
from train import kept, made_noise, rooms, ward_day, ward_sound
from train.corpus import listing
from train.sounds import Sound
from train.ward import Plan, stretches_of
from train.ward_day import Episode

_INSIDE_S = 2.0
"""A window that shares less than this with an episode and more than nothing is neither distress nor none."""


@dataclass(frozen=True, slots=True)
class WardWindows:
    """Windows of MFCC frames, brought to training by what their bed had heard, and whether they are distress.

    Shapes (windows, frames, coefficients), float16 to save memory, and (windows,).
    """

    windows: npt.NDArray[np.float16]
    distress: npt.NDArray[np.bool_]


NO_WARD = WardWindows(np.zeros((0, 0, 0), np.float16), np.zeros(0, bool))


class _Listener:
    """Takes the place of a model: keeps what it is asked about, and answers with the number of the window."""

    def __init__(self, training: Training) -> None:
        frames, coefficients = training.window.frames, training.front_end.coefficients
        self.manifest = Manifest(
            schema_version=SCHEMA_VERSION,
            sha256="0" * 64,
            training=training,
            input=Tensor((1, frames, coefficients), 1.0, 0),
            output=Tensor((1, training.outputs), 1.0, 0),
            tools={},
        )
        self.asked: list[npt.NDArray[np.float16]] = []

    def judge(self, window: FloatArray) -> Judged:
        self.asked.append(window.astype(np.float16))
        shares = np.zeros(len(self.manifest.training.labels), np.float32)
        return Judged(shares, np.array(len(self.asked) - 1, np.float64))


def ward_windows(
    training: Training, sounds: Sequence[Sound], plan: Plan, beds: int, cache: Path | None = None
) -> WardWindows:
    """The windows with speech of so many beds' days, each by the plan but with a seed of its own.

    They are kept in the folder `cache` and found there again.
    """
    file = cache / f"ward-{_fingerprint(training, sounds, plan, beds)}.npz" if cache else None
    found = kept.made_once(file, lambda: _windows_of_days(training, sounds, plan, beds))
    return WardWindows(**found)


def _fingerprint(training: Training, sounds: Sequence[Sound], plan: Plan, beds: int) -> str:
    code = "".join(inspect.getsource(module) for module in (made_noise, rooms, ward_day, ward_sound))
    heard = (training.front_end, training.window, training.adaptation, training.speech_level)
    names = listing([sound.path for sound in sounds])
    return hashlib.sha256(f"{code}{heard}{plan}{beds}{names}".encode()).hexdigest()[:16]


def _windows_of_days(
    training: Training, sounds: Sequence[Sound], plan: Plan, beds: int
) -> dict[str, npt.NDArray[Any]]:
    """The fields of WardWindows."""
    people = [sound for sound in sounds if sound.role != "background"]
    windows: list[npt.NDArray[np.float16]] = []
    distress: list[bool] = []
    for number in tqdm(range(beds), "days at beds", unit="bed"):
        listener = _Listener(training)
        pipeline = Pipeline(listener, Gate())
        results: list[WindowResult] = []
        episodes: list[Episode] = []
        at = 0.0
        for stretch, blocks in stretches_of(people, replace(plan, seed=plan.seed * 1000 + number)):
            for block in blocks:
                results += pipeline.feed(block)
            episodes += [Episode(at + one.start_s, at + one.end_s, one.kind) for one in stretch.episodes]
            at += round(stretch.seconds * SAMPLE_RATE) / SAMPLE_RATE
        for result in results:
            is_distress = _is_distress(result, episodes)
            if result.judgement is not None and is_distress is not None:
                windows.append(listener.asked[round(result.judgement.distress)])
                distress.append(is_distress)
    return {"windows": np.stack(windows), "distress": np.array(distress)}


def _is_distress(result: WindowResult, episodes: Sequence[Episode]) -> bool | None:
    shared = max(
        (min(result.end_s, one.end_s) - max(result.start_s, one.start_s) for one in episodes), default=0.0
    )
    if shared <= 0:
        return False
    return True if shared >= _INSIDE_S else None
