"""Each speaker's recordings as a bed would hear them one after another, for training and for judging."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from edge.adaptation import BedStatistics, speech_of
from edge.features import FloatArray
from edge.manifest import Adaptation, Normalisation
from edge.windows import recording_windows
from train.corpus import Clip
from train.dataset import AT_REST, ClipFeatures
from train.recipe import FRONT_END, WINDOW, Recipe


def adaptation_of(features: Sequence[ClipFeatures], recipe: Recipe) -> Adaptation:
    """Mean and deviation of the speech in these recordings, and the recipe's way to adapt to others."""
    frames = np.concatenate(
        [
            speech_of(window, recipe.speech_range)
            for clip in features
            for window in recording_windows(clip.frames, WINDOW, FRONT_END)
        ]
    )
    return Adaptation(
        mean=tuple(round(float(value), 4) for value in frames.mean(axis=0)),
        deviation=tuple(round(float(value), 4) + 1e-3 for value in frames.std(axis=0)),
        doubt=recipe.doubt,
        memory=recipe.memory,
        range=recipe.speech_range,
        outlier=recipe.outlier,
        most=recipe.most,
    )


def normalisation_of(adaptation: Adaptation, recipe: Recipe) -> Normalisation:
    """Speech, once adapted, with mean 0 and deviation 1."""
    return Normalisation(adaptation.mean, adaptation.deviation, recipe.lowest)


def histories(
    clips: Sequence[Clip], features: Sequence[ClipFeatures], adaptation: Adaptation, recipe: Recipe
) -> FloatArray:
    """Mean and deviation of the bed just before each recording is heard there.

    Shape (recordings, 1 + variants, orders, 2, coefficients): at the bed of the recording itself and at
    each virtual one, in as many random orders of the speaker's recordings; in the last of them what
    was spoken at rest comes first.
    """
    rng = np.random.default_rng(recipe.seed)
    variants = 1 + len(features[0].variants)
    result = np.zeros((len(clips), variants, recipe.orders, 2, FRONT_END.coefficients), np.float32)
    for own in by_speaker(clips):
        for variant in range(variants):
            frames = {i: (features[i].frames, *features[i].variants)[variant] for i in own}
            windows = {i: recording_windows(frames[i], WINDOW, FRONT_END) for i in own}
            for order in range(recipe.orders):
                heard = list(rng.permutation(own))
                if order == recipe.orders - 1:
                    heard.sort(key=lambda i: clips[i].emotion not in AT_REST)
                bed = BedStatistics(adaptation)
                for i in heard:
                    result[i, variant, order] = bed.believed
                    hear_all(bed, windows[i][::2])  # those between overlap with both
    return result


def by_speaker(clips: Sequence[Clip]) -> list[list[int]]:
    """The indices of each speaker's recordings."""
    groups: dict[str, list[int]] = {}
    for i, clip in enumerate(clips):
        groups.setdefault(clip.speaker, []).append(i)
    return list(groups.values())


def drawn(mates: Sequence[int], count: int, rng: np.random.Generator) -> list[int]:
    """So many of the recordings a bed may hear before, or all there are."""
    return [int(j) for j in rng.choice(mates, min(count, len(mates)), replace=False)] if mates else []


def hear_all(bed: BedStatistics, windows: Iterable[FloatArray]) -> None:
    """Let the bed hear windows of speech, one after another."""
    for window in windows:
        bed.hear(window)


def after(adaptation: Adaptation | None, heard: Iterable[FloatArray], windows: FloatArray) -> FloatArray:
    """A recording's windows, shape (k, frames, n), at a bed that has heard these others before; shape kept.

    Without `adaptation` nothing that was heard makes a difference.
    """
    if adaptation is None:
        return windows
    bed = BedStatistics(adaptation)
    for other in heard:
        hear_all(bed, other)
    return adapted(bed, windows)


def adapted(bed: BedStatistics, windows: Iterable[FloatArray]) -> FloatArray:
    """The windows as the device gives them to the model, each heard first; shape kept (k, frames, n)."""
    result = []
    for window in windows:
        bed.hear(window)
        result.append(bed.apply(window))
    return np.stack(result)
