"""`bedside-train bed`: the int8 fold models cold, and after what a bed has taught them of a stranger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge.features import FloatArray
from train.beds import after, by_speaker
from train.corpus import Clip, read_audio
from train.dataset import AT_REST
from train.robustness import SAMPLE_RATE, Fold, Row, distress_auc, folds_in, uar, windows_in
from train.scoring import judge, together

CONDITIONS = {
    "as it is": 0,
    "cold": 0,
    "after 5 utterances": 5,
    "after 20 utterances": 20,
    "after all at rest": 0,
}
"""How many other recordings of the speaker, whatever is felt in them, the bed has heard before each."""
_CHOICES = 3  # of them, each judged


def measure(crossval: Path, *, every: int = 1) -> list[Row]:
    """UAR and distress AUC by what was heard before; `every` judges only each n-th recording."""
    rows = [Row(condition, "bed", {}) for condition in CONDITIONS]
    for number, fold in enumerate(folds_in(crossval), 1):
        title = f"fold {number}"
        windows = [
            windows_in(read_audio(clip.path, SAMPLE_RATE), fold.classifier)
            for clip in tqdm(fold.tested, title, unit="clip")
        ]
        judged = range(0, len(fold.tested), every)
        for row in tqdm(rows, title, unit="condition"):
            choices = range(_CHOICES if CONDITIONS[row.condition] else 1)
            figures = [_judge(fold, windows, judged, row.condition, choice) for choice in choices]
            row.note(
                uar=float(np.mean([one[0] for one in figures])),
                distress_auc=float(np.mean([one[1] for one in figures])),
            )
    return rows


def _judge(
    fold: Fold, windows: Sequence[FloatArray], judged: Sequence[int], condition: str, choice: int
) -> tuple[float, float]:
    """UAR and distress AUC."""
    mates = {i: [j for j in own if j != i] for own in by_speaker(fold.tested) for i in own}
    rng = np.random.default_rng(choice)
    each = []
    for i in judged:
        heard = before(fold.tested, mates[i], condition, rng)
        adaptation = None if condition == "as it is" else fold.classifier.manifest.training.adaptation
        each.append(judge(fold.classifier, after(adaptation, [windows[j] for j in heard], windows[i])))
    clips, said = [fold.tested[i] for i in judged], together(each)
    return uar(said.probabilities, clips, fold.classifier), distress_auc(said.distress, clips)


def before(
    clips: Sequence[Clip], mates: Sequence[int], condition: str, rng: np.random.Generator
) -> Sequence[int]:
    """The recordings heard before."""
    if condition == "after all at rest":
        return [j for j in mates if clips[j].emotion in AT_REST]
    count = min(CONDITIONS[condition], len(mates))
    return [int(j) for j in rng.choice(mates, count, replace=False)] if count else []
