"""Other corpora's recordings: they teach what distress is and what is none, and no emotion.

What each of them is at a bed is said by the ward's settings (train.sounds), so that what a model learns from
and what it is judged by are the same kinds of sound, never the same people or recordings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from train.corpus import Clip, licence_in
from train.sounds import Sound


def companions(sounds: Sequence[Sound], labelled: Sequence[Clip]) -> list[Clip]:
    """The sounds of other corpora than the `labelled` clips', but for backgrounds.

    Their emotion is a word no label is: corpus and kind.
    """
    own = {clip.corpus for clip in labelled}
    return [
        Clip(
            path=sound.path,
            speaker=sound.speaker or sound.corpus.name,
            emotion=f"{sound.corpus.name}: {sound.kind or sound.role}",
            corpus=sound.corpus.name,
            licence=licence_in(sound.corpus),
            distress=sound.role == "distress",
        )
        for sound in sounds
        if sound.corpus.name not in own and sound.role != "background"
    ]


def fold_of(clips: Sequence[Clip], folds: int) -> npt.NDArray[np.intp]:
    """In which fold's test each companion is, shape (clips,): nobody's voice is on both sides of one.

    Of each corpus every fold gets about as many speakers; recordings of nobody are dealt one by one.
    """
    is_somebody = [clip.speaker != clip.corpus for clip in clips]
    owners = [clip.speaker if one else clip.path.name for clip, one in zip(clips, is_somebody, strict=True)]
    groups = list(zip([clip.corpus for clip in clips], is_somebody, strict=True))
    result = np.zeros(len(clips), np.intp)
    for group in sorted(set(groups)):
        mine = [i for i, one in enumerate(groups) if one == group]
        names = sorted({owners[i] for i in mine})
        dealt = dict(zip(np.random.default_rng(0).permutation(names), range(len(names)), strict=True))
        result[mine] = [dealt[owners[i]] % folds for i in mine]
    return result


def shares(clips: Sequence[Clip]) -> npt.NDArray[np.float64]:
    """How often each companion is drawn, shape (clips,), sum 1: by the square root of how many a kind has."""
    _, kind_of, counts = np.unique([clip.emotion for clip in clips], return_inverse=True, return_counts=True)
    weights: npt.NDArray[np.float64] = 1 / np.sqrt(counts[kind_of])
    drawn: npt.NDArray[np.float64] = weights / weights.sum()
    return drawn
