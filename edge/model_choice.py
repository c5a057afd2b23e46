"""Which model a bed runs: the configured one or, where that fails any check, the last that passed them all.

A copy of the latter is kept in the storage folder, so that a file that is missing, damaged or made wrongly
never silences a bed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from edge import atomic_file, self_test, signature
from edge.classifier import Classifier
from edge.config import Config
from edge.errors import BedsideError, ModelError
from edge.messages import MAX_REASON
from edge.model_file import read_bytes, unpack
from edge.model_trial import try_out
from edge.reporter import check_labels

log = logging.getLogger(__name__)

FILE_NAME = "last-good.tflite"
START_LIMIT_S = 30.0
"""A slow box needs seconds for it, and systemd gives it a minute to start."""
RELOAD_LIMIT_S = 15.0
"""Nothing is judged meanwhile, and systemd ends a daemon after 30 s of that."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model that passed every check, and the bytes of its file."""

    classifier: Classifier
    data: bytes
    is_kept: bool
    """Whether the kept copy is the same, byte for byte."""
    refused: BedsideError | None = None
    """Why it is not the one configured."""


def choose(config: Config) -> Choice:
    """The configured model or, where it is refused, the kept one.

    Raises what is wrong with the configured one where neither can be used.
    """
    try:
        return configured(config, START_LIMIT_S)
    except BedsideError as error:
        choice = kept(config)
        if choice is None:
            raise
        return replace(choice, refused=error)


def configured(config: Config, limit_s: float) -> Choice:
    """The configured model, which must pass every check. Raises ModelError or ConfigError.

    One that is not the kept one, byte for byte, is first tried out in a process of its own, `limit_s` long.
    """
    path = Path(config.model.path)
    data = read_bytes(path)
    _verify(config, data, str(path))
    model = unpack(data, str(path))
    is_kept = data == _kept_bytes(config)
    if not is_kept:
        try_out(data, str(path), limit_s)
    classifier = Classifier(model)
    _check(classifier, config)
    return Choice(classifier, data, is_kept)


def kept(config: Config) -> Choice | None:
    """The kept model, where there is one that passes the checks; it has been tried out before."""
    data = _kept_bytes(config)
    if data is None:
        return None
    try:
        _verify(config, data, FILE_NAME)
        classifier = Classifier(unpack(data, FILE_NAME))
        _check(classifier, config)
    except BedsideError as error:
        log.warning("nor can the kept model be used: %s", error)
        return None
    return Choice(classifier, data, is_kept=True)


def keep(choice: Choice, config: Config) -> None:
    """Keep a copy of the configured model for the day its file is replaced by a bad one.

    A disk that refuses is told in the journal: the model runs all the same.
    """
    if choice.is_kept:
        return
    try:
        atomic_file.write(Path(config.storage.folder) / FILE_NAME, choice.data)
    except OSError as error:
        log.warning(
            "no copy of the model can be kept in %s (%s); should the next model be bad, the bed has none",
            config.storage.folder,
            error.strerror,
        )


def words(refused: BedsideError, config: Config) -> str:
    """Why a model is refused, for the hub: ASCII, whole words, as many as `state` takes."""
    text = str(refused).replace(config.model.path, Path(config.model.path).name)
    text = text.encode("ascii", "replace").decode("ascii")
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 4].rsplit(" ", 1)[0] + " ..."


def _kept_bytes(config: Config) -> bytes | None:
    try:
        return read_bytes(Path(config.storage.folder) / FILE_NAME)
    except ModelError:
        return None


def _verify(config: Config, data: bytes, name: str) -> None:
    if config.model.public_key_file:
        signature.verify(data, signature.read_keys(Path(config.model.public_key_file)), name)


def _check(classifier: Classifier, config: Config) -> None:
    self_test.check(classifier)
    check_labels(classifier.manifest)
    config.episodes.policy(classifier.manifest.training.distress.policy)
