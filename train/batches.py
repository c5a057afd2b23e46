"""Training windows as a network is shown them, drawn anew each epoch."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edge.features import FloatArray
from edge.windows import silence_frame
from train.augment import crop, mask_time
from train.material import Material
from train.recipe import FRONT_END, WINDOW, Recipe

Indices = npt.NDArray[np.intp]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Augmented training windows, drawn anew each epoch."""

    def __init__(self, material: Material, recipe: Recipe) -> None:
        super().__init__()
        self._answers, self._recipe = material.answers, recipe
        self._clips = [(clip.frames, *clip.variants) for clip in material.features]
        self._cold = np.array((material.normalisation.mean, material.normalisation.deviation), np.float32)
        self._histories = material.histories
        self._rng = np.random.default_rng(recipe.seed)
        self._drawn, self._ward, self._teaching = material.drawn, material.ward, material.teaching
        self._order = self._epoch()

    def __len__(self) -> int:
        """Full batches only: batch normalisation dislikes a small last one."""
        return max(1, len(self._order) // self._recipe.batch)

    def on_epoch_end(self) -> None:
        """Shuffle, and draw other recordings of the other corpora."""
        self._order = self._epoch()

    def _epoch(self) -> Indices:
        """Indices of recordings and, from their number on, of the ward's windows."""
        labelled = np.flatnonzero(self._drawn == 0)
        count = round(self._recipe.companions * len(labelled)) if self._drawn.any() else 0
        others: Any = self._rng.choice(len(self._drawn), count, p=self._drawn) if count else []
        wards = self._ward_order(round(self._recipe.wards * len(labelled)))
        return self._rng.permutation([*labelled, *others, *wards]).astype(np.intp)

    def _ward_order(self, count: int) -> list[int]:
        """So many of the ward's windows, `ward_distress` of them distress."""
        first, wanted = len(self._clips), round(self._recipe.ward_distress * count)
        order: list[int] = []
        for is_distress, number in ((True, wanted), (False, count - wanted)):
            some = np.flatnonzero(self._ward.distress == is_distress)
            order += (first + self._rng.choice(some, number)).tolist() if some.size else []
        return order

    def __getitem__(self, index: int) -> tuple[FloatArray, FloatArray]:
        """Windows, shape (batch, frames, coefficients), and what they teach, shape (batch, labels + 1).

        After that, where there are teachers, what these say of them, shape (batch, 2 * (labels + 1)).
        """
        size = self._recipe.batch
        chosen = self._order[index * size : (index + 1) * size]
        count = len(self._clips)
        drawn = [self._draw(i) if i < count else self._draw_ward(i - count) for i in chosen]
        windows, answers = (np.stack(part) for part in zip(*drawn, strict=True))
        if self._recipe.mixup == 0:
            return windows, answers
        # Mixup, Zhang et al. (2018)
        share = self._rng.beta(self._recipe.mixup, self._recipe.mixup, len(chosen)).astype(np.float32)
        other = self._rng.permutation(len(chosen))
        windows = share[:, None, None] * windows + (1 - share)[:, None, None] * windows[other]
        return windows, share[:, None] * answers + (1 - share)[:, None] * answers[other]

    def _draw_ward(self, index: int) -> tuple[FloatArray, FloatArray]:
        """A window as its bed had it, and what it teaches."""
        answer: FloatArray = np.zeros(self._answers.shape[1], np.float32)
        answer[-1] = self._ward.distress[index]
        if self._teaching is not None:
            answer = np.concatenate((answer, self._teaching.of_ward[index]))
        return self._shown(self._ward.windows[index].astype(np.float32), self._cold), answer

    def _draw(self, clip: int) -> tuple[FloatArray, FloatArray]:
        """A window of the recording at one of its beds, as the bed has it after all it has heard, or cold.

        And what it teaches.
        """
        variant = self._rng.integers(len(self._clips[clip]))
        window = crop(self._clips[clip][variant], WINDOW.frames, silence_frame(FRONT_END), self._rng)
        statistics = self._cold
        if self._rng.random() >= self._recipe.cold:
            statistics = self._histories[clip, variant, self._rng.integers(self._recipe.orders)]
        answer = self._answers[clip]
        if self._teaching is not None:
            answer = np.concatenate((answer, self._teaching.of_recordings[clip, variant]))
        return self._shown(window, statistics), answer

    def _shown(self, window: FloatArray, statistics: FloatArray) -> FloatArray:
        """Normalised by mean and deviation, shape (2, coefficients), and masked."""
        mean, deviation = statistics
        normalised = np.maximum((window - mean) / deviation, np.float32(self._recipe.lowest))
        return mask_time(normalised, np.zeros_like(mean), self._rng)
