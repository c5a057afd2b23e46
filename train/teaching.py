"""Networks that teach another one: what they say of its recordings is learnt beside the labels.

Knowledge distillation (Hinton et al., 2015). A teacher has learnt from exactly the recordings that its pupil
learns from: whoever the pupil is judged by, no teacher has heard either.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.classifier import sigmoid, softmax
from edge.errors import CorpusError
from edge.features import FloatArray
from train.corpus import Clip
from train.folds import Split, fingerprint

NETWORK = "model.keras"
SAID = "recipe.json"
"""Beside the network: which training it is of (train.fit.identity)."""

TEMPERATURE = 2.0
"""What the logits of teachers and pupil are divided by before they are compared."""
SHARE = 0.5
"""Of the loss that is the teachers'; the rest is the labels'."""


@dataclass(frozen=True, slots=True)
class Teaching:
    """What the teachers say, their mean, at the temperature: of emotions, sum 1, and then of distress.

    `of_recordings`, shape (recordings, 1 + variants, labels + 1), of each as recorded and at each virtual
    bed; `of_ward`, shape (windows, labels + 1), of the windows of days at simulated beds.
    """

    of_recordings: FloatArray
    of_ward: FloatArray


def refuse_others(folders: Sequence[Path], clips: Sequence[Clip], split: Split) -> None:
    """Raises CorpusError for a folder without a network that learnt from this side of this split."""
    wanted = fingerprint(clips, split)
    for folder in folders:
        try:
            said = json.loads((folder / SAID).read_text())["split"]
        except (OSError, ValueError, KeyError) as error:
            raise CorpusError(
                f"{folder} holds no finished network; give as --teachers what crossval (or fit) wrote"
            ) from error
        if said != wanted:
            raise CorpusError(
                f"the network in {folder} learnt from other recordings than its pupil is to; give as"
                " --teachers what crossval (or fit) wrote of the same manifests and corpora"
            )


def identity_of(folders: Sequence[Path]) -> dict[str, Any]:
    """What makes two teachings the same one, nothing without teachers; for train.fit.identity."""
    if not folders:
        return {}
    return {"teachers": digest(folders), "teaching_share": SHARE, "teaching_temperature": TEMPERATURE}


def digest(folders: Sequence[Path]) -> str:
    """One of the networks in these folders, whatever their order."""
    digests = sorted(hashlib.sha256((folder / NETWORK).read_bytes()).hexdigest() for folder in folders)
    return hashlib.sha256("".join([f"{TEMPERATURE}", *digests]).encode()).hexdigest()[:16]


def opinion(logits: Sequence[FloatArray], temperature: float) -> FloatArray:
    """The mean of what several teachers say, shape (n, labels + 1), from the logits of each, same shape."""
    said = [
        np.concatenate((softmax(one[:, :-1] / temperature), sigmoid(one[:, -1:] / temperature)), axis=1)
        for one in logits
    ]
    mean: FloatArray = np.mean(said, axis=0, dtype=np.float32)
    return mean
