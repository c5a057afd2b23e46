"""`bedside-train compare`: other systems on the same recordings and the same folds as ours."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import accuracy_score, recall_score
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from edge.errors import CorpusError
from edge.features import FloatArray
from train.corpus import Clip, labels_of, targets_of
from train.folds import Split, fingerprint, random_split, speaker_folds
from train.functionals import functionals

Classes = npt.NDArray[np.intp]
FOLDS = 5
LEAK = (
    "Random splits put the same actors, saying the same two sentences, on both sides: the systems then know"
    " the voices they are judged by, and the figure says little about a stranger's."
)


@dataclass(frozen=True, slots=True)
class Scored:
    """One system on one split; `parameters` is 0 where it is no network, `minutes` of training."""

    uar: float
    accuracy: float
    parameters: int
    minutes: float


Guess = Callable[[Split], tuple[Classes, int]]
"""Gives, for a split, what is said of its test side, shape (tested,), and the parameters."""


@dataclass(frozen=True, slots=True)
class System:
    """`identity` is its settings and the code that trains it; `ready` extracts its features."""

    name: str
    identity: str
    ready: Callable[[], Guess]


def splits(clips: Sequence[Clip], seed: int = 0) -> dict[str, Split]:
    """The folds of whole actors, and the random 80/20 split of the literature."""
    folds = {f"fold-{number}": fold for number, fold in enumerate(speaker_folds(clips, FOLDS, seed), 1)}
    return folds | {"random": random_split(clips, 0.2, seed)}


def run(system: System, clips: Sequence[Clip], out: Path) -> dict[str, Scored]:
    """Each split's figures; what is in `out`, of the same system on the same split, is not trained again."""
    truths = targets_of(clips, labels_of(clips))
    result: dict[str, Scored] = {}
    guess: Guess | None = None
    for name, split in splits(clips).items():
        made_of = hashlib.sha256(f"{system.identity}{fingerprint(clips, split)}".encode()).hexdigest()
        file = out / re.sub(r"\W+", "-", system.name) / f"{name}-{made_of[:12]}.json"
        if not file.exists():
            guess = guess or system.ready()
            started = time.monotonic()
            said, parameters = guess(split)
            scored = Scored(
                uar=float(recall_score(truths[split[1]], said, average="macro")),
                accuracy=float(accuracy_score(truths[split[1]], said)),
                parameters=parameters,
                minutes=(time.monotonic() - started) / 60,
            )
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(asdict(scored)) + "\n")
        result[name] = Scored(**json.loads(file.read_text()))
    return result


def support_vectors(features: FloatArray, clips: Sequence[Clip]) -> Guess:
    """A linear SVM; what it normalises by and how much it regularises comes from the training side alone."""
    truths = targets_of(clips, labels_of(clips))
    speakers = np.array([clip.speaker for clip in clips])

    def guess(split: Split) -> tuple[Classes, int]:
        training, tested = split
        search = GridSearchCV(
            make_pipeline(StandardScaler(), LinearSVC(class_weight="balanced", dual=True, random_state=0)),
            {"linearsvc__C": [1e-5, 1e-4, 1e-3, 1e-2]},
            scoring="recall_macro",
            cv=GroupKFold(4),
        )
        search.fit(features[training], truths[training], groups=speakers[training])
        said: Classes = search.predict(features[tested])
        return said, 0

    return guess


def ours(crossval: Path) -> dict[str, Scored]:
    """What `crossval --int8 --random-split` wrote; raises CorpusError where that is not there."""
    try:
        results: dict[str, Any] = json.loads((crossval / "results.json").read_text())
        folds = zip(results["fold_int8_uar"], results["fold_accuracy"], strict=True)
        random = Scored(results["random_split_uar"], results["random_split_accuracy"], 0, 0)
    except (OSError, KeyError) as error:
        raise CorpusError(
            f"{crossval} holds no finished cross-validation with --int8 and --random-split; run that first"
        ) from error
    return {f"fold-{n}": Scored(uar, accuracy, 0, 0) for n, (uar, accuracy) in enumerate(folds, 1)} | {
        "random": random
    }


def systems(clips: Sequence[Clip], cache: Path) -> list[System]:
    """All there are."""
    from train import rivals  # noqa: PLC0415 - TensorFlow takes seconds to load

    truths = targets_of(clips, labels_of(clips))
    found = [
        System(
            name,
            f"{feature_set}{inspect.getsource(support_vectors)}",
            partial(_with_support_vectors, feature_set, clips, cache),
        )
        for name, feature_set in (
            ("openSMILE eGeMAPS + SVM", "eGeMAPSv02"),
            ("openSMILE ComParE + SVM", "ComParE_2016"),
        )
    ]
    return found + [
        System(rival.name, rival.identity, partial(rivals.ready, rival, clips, truths))
        for rival in rivals.RIVALS
    ]


def _with_support_vectors(feature_set: str, clips: Sequence[Clip], cache: Path) -> Guess:
    return support_vectors(functionals(clips, feature_set, cache), clips)


def lines(found: dict[str, dict[str, Scored]]) -> list[str]:
    """A Markdown table, a system a row, and why its last columns flatter."""
    heads = [
        "system",
        "parameters",
        *(f"fold {n}" for n in range(1, FOLDS + 1)),
        "UAR, whole actors",
        "deviation",
    ]
    heads += ["UAR, random split", "accuracy, random split", "minutes"]
    text = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, scored in found.items():
        uars = [scored[f"fold-{n}"].uar for n in range(1, FOLDS + 1)]
        random, parameters = scored["random"], scored["random"].parameters
        cells = [name, f"{parameters:,}" if parameters else "-", *(f"{value:.3f}" for value in uars)]
        cells += [
            f"{np.mean(uars):.3f}",
            f"{np.std(uars):.3f}",
            f"{random.uar:.3f}",
            f"{random.accuracy:.3f}",
        ]
        minutes = sum(one.minutes for one in scored.values())
        text.append(f"| {' | '.join([*cells, f'{minutes:.0f}' if minutes else '-'])} |")
    return [*text, "", LEAK]
