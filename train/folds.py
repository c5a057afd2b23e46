"""Who is trained on and who is tested on: speaker-disjoint folds, and the random split that leaks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge.errors import CorpusError
from train.corpus import Clip

Indices = npt.NDArray[np.intp]
Split = tuple[Indices, Indices]

# Subject-wise folds used in the literature on RAVDESS speech, so that figures compare.
RAVDESS_FOLDS = (
    ("02", "05", "14", "15", "16"),
    ("03", "06", "07", "13", "18"),
    ("10", "11", "12", "19", "20"),
    ("08", "17", "21", "23", "24"),
    ("01", "04", "09", "22"),
)


def speaker_folds(clips: Sequence[Clip], folds: int, seed: int) -> list[Split]:
    """(training, test) indices a fold; no speaker is on both sides.

    The 24 actors of RAVDESS get the published folds, other speakers are dealt out at random.
    """
    speakers = sorted({clip.speaker for clip in clips})
    if len(speakers) < folds:
        raise CorpusError(
            f"{folds} speaker-disjoint folds need {folds} speakers; these clips have {len(speakers)}"
        )
    by_name = {speaker.rsplit("/", 1)[-1]: speaker for speaker in speakers}
    published = {name for group in RAVDESS_FOLDS for name in group}
    if folds == len(RAVDESS_FOLDS) and set(by_name) == published and len(speakers) == len(published):
        groups = [{by_name[name] for name in group} for group in RAVDESS_FOLDS]
    else:
        order = np.random.default_rng(seed).permutation(len(speakers))
        groups = [{speakers[i] for i in order[fold::folds]} for fold in range(folds)]
    of_clip = [clip.speaker for clip in clips]
    splits = []
    for group in groups:
        tested = np.array([speaker in group for speaker in of_clip])
        splits.append((np.flatnonzero(~tested), np.flatnonzero(tested)))
    return splits


def everyone(clips: Sequence[Clip]) -> Split:
    """All trained on, none tested on."""
    return np.arange(len(clips)), np.arange(0)


def fingerprint(clips: Sequence[Clip], split: Split) -> str:
    """A digest of who is trained on and who is tested on, and as what: same text, same fold."""
    sides = [[(str(clips[i].path), clips[i].speaker, clips[i].emotion) for i in side] for side in split]
    return hashlib.sha256(json.dumps(sides).encode()).hexdigest()


def random_split(clips: Sequence[Clip], test_share: float, seed: int) -> Split:
    """A shuffled split with the same speakers on both sides: optimistic, for comparison only."""
    order = np.random.default_rng(seed).permutation(len(clips))
    tested = round(len(clips) * test_share)
    return np.sort(order[tested:]), np.sort(order[:tested])
