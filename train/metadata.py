"""model.json: what training knows of a network, left beside model.keras for the conversion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

from edge.errors import CorpusError
from edge.fields import FieldError, decode, encode
from edge.manifest import Adaptation, Corpus, Distress, Normalisation, Training
from train.operating_point import UNMEASURED
from train.recipe import DISTRESS_EMOTIONS, FRONT_END, WINDOW

FILE = "model.json"


class Learnt(Protocol):
    """What was learnt of the recordings but for the network (train.fit.Material)."""

    @property
    def normalisation(self) -> Normalisation: ...  # noqa: D102 - as in the manifest

    @property
    def adaptation(self) -> Adaptation: ...  # noqa: D102


def unmeasured(
    labels: tuple[str, ...],
    learnt: Learnt,
    corpora: tuple[Corpus, ...],
    speech_level: float | None = None,
) -> Training:
    """The metadata of a network nobody has measured yet, such as one fold of a cross-validation."""
    causes = tuple(label for label in labels if label in DISTRESS_EMOTIONS)
    unknown = "nothing: the thresholds are placeholders, not measured"
    return Training(
        name="unmeasured",
        version="0.0.0",
        labels=labels,
        front_end=FRONT_END,
        window=WINDOW,
        normalisation=learnt.normalisation,
        temperature=1.0,
        distress=Distress(policy=UNMEASURED, chosen_for=unknown, temperature=1.0, causes=causes),
        corpora=corpora,
        evaluation={},
        speech_level=speech_level,
        adaptation=learnt.adaptation,
    )


def write(training: Training, folder: Path) -> None:
    """model.json in `folder`."""
    (folder / FILE).write_text(json.dumps(encode(training), indent=1) + "\n", encoding="utf-8")


def read(file: Path) -> Training:
    """The metadata in `file`; raises CorpusError where it is missing or wrong."""
    try:
        return decode(Training, json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise CorpusError(
            f"cannot read {file}: {error.strerror}; it describes the model's front end and labels:"
            " keep the model.json that bedside-train writes beside model.keras"
        ) from error
    except (FieldError, ValueError) as error:
        raise CorpusError(f"{file} is wrong: {error}; train again or correct it") from error
