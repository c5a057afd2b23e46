"""`bedside-train bed`: the int8 fold models cold, and after what a bed has taught them of a stranger."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge.adaptation import BedStatistics
from edge.features import FloatArray
from edge.learnt import Learnt
from edge.manifest import Adaptation
from train.beds import adapted, after, by_speaker, drawn, hear_all
from train.corpus import read_audio
from train.dataset import AT_REST
from train.robustness import SAMPLE_RATE, Fold, Row, distress_auc, folds_in, uar, windows_in
from train.scoring import judge, together

UTTERANCES = {"after 5 utterances": 5, "after 20 utterances": 20}
"""How many other recordings of the speaker, whatever is felt in them, the bed has heard before each."""
MINUTES = {"after 1 minute at rest": 1, "after 10 minutes at rest": 10, "after 60 minutes at rest": 60}
"""How long it has heard the speaker's other neutral and calm recordings, again and again."""
CONDITIONS = ("as it is", "cold", *UTTERANCES, *MINUTES)
_CHOICES = 3  # of utterances, each judged
_WINDOWS_A_MINUTE = 60  # they come a second apart


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
            choices = range(_CHOICES if row.condition in UTTERANCES else 1)
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
    settled = Settled(fold.classifier.manifest.training.adaptation, windows)
    each = []
    for i in judged:
        given = windows[i]
        if condition in MINUTES:
            resting = [j for j in mates[i] if fold.tested[j].emotion in AT_REST]
            given = settled.after(resting, MINUTES[condition] * _WINDOWS_A_MINUTE, given)
        elif condition != "as it is":
            heard = drawn(mates[i], UTTERANCES.get(condition, 0), rng)
            given = after(settled.adaptation, [windows[j] for j in heard], given)
        each.append(judge(fold.classifier, given))
    clips, said = [fold.tested[i] for i in judged], together(each)
    return uar(said.probabilities, clips, fold.classifier), distress_auc(said.distress, clips)


class Settled:
    """Beds that have heard the same few recordings for long: what they have learnt is kept."""

    def __init__(self, adaptation: Adaptation | None, windows: Sequence[FloatArray]) -> None:
        """`windows` are those of all recordings, shape (k, frames, coefficients) each."""
        self.adaptation, self._windows = adaptation, windows
        self._learnt: dict[tuple[tuple[int, ...], int], Learnt] = {}

    def after(self, heard: Sequence[int], count: int, windows: FloatArray) -> FloatArray:
        """A recording's windows at a bed that has heard `count` windows of these, shape kept."""
        if self.adaptation is None or not heard:
            return after(self.adaptation, [], windows)
        bed, key = BedStatistics(self.adaptation), (tuple(heard), count)
        if key not in self._learnt:
            every = [window for j in heard for window in self._windows[j]]
            hear_all(bed, itertools.islice(itertools.cycle(every), count))
            self._learnt[key] = bed.learnt
        bed.resume(self._learnt[key])
        return adapted(bed, windows)
