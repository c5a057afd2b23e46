"""`bedside-edge check`: one line for each thing an installer can get wrong, and what to do about it."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.capture import Microphone
from edge.classifier import Classifier, runtime_name
from edge.clock import clock_synced, new_id
from edge.config import Config
from edge.connection import Connection
from edge.errors import BedsideError, MicrophoneError, StorageError
from edge.model_file import read
from edge.outbox import Outbox
from edge.speech_gate import SAMPLE_RATE

_LISTEN_S, _PATIENCE_S = 1.0, 6.0  # so much sound, waited for so long at most
_LEAST_FREE_MB = 200
_GREEN, _RED, _PLAIN = "\033[32m", "\033[31m", "\033[0m"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, whether it is well, and in words."""

    name: str
    is_well: bool
    words: str
    status: int = 0
    """The exit status of what is wrong."""


def main(config: Config) -> int:
    """Print every finding; the exit status is that of the first red line, else 0."""
    status = 0
    for name, look in _CHECKS.items():
        finding = _look(name, look, config)
        print(_line(finding, in_colour=sys.stdout.isatty()), flush=True)
        status = status or finding.status
    return status


def _look(name: str, look: Callable[[Config], str], config: Config) -> Finding:
    try:
        return Finding(name, is_well=True, words=look(config))
    except BedsideError as error:
        return Finding(name, is_well=False, words=str(error), status=error.exit_status)


def _line(finding: Finding, *, in_colour: bool) -> str:
    mark = "ok" if finding.is_well else "!!"
    if in_colour:
        mark = f"{_GREEN if finding.is_well else _RED}{mark}{_PLAIN}"
    return f"{mark}  {finding.name:<10}  {finding.words}"


def _microphone(config: Config) -> str:
    # What the microphone's thread would log is in our own line.
    logging.getLogger("edge.keeper").addHandler(logging.NullHandler())
    until = time.monotonic() + _PATIENCE_S
    source = Microphone(config.microphone, lambda: time.monotonic() >= until)
    try:
        heard = np.zeros(0, np.int16)
        for chunk in source.chunks():
            heard = np.concatenate((heard, chunk.samples))
            if heard.size >= _LISTEN_S * SAMPLE_RATE or source.condition.state == "lost":
                break
    finally:
        source.close()
    if source.condition.state == "lost":
        raise MicrophoneError(source.condition.reason)
    if heard.size == 0:
        raise MicrophoneError(f"{source.name} delivers nothing; unplug it, plug it in, check again")
    if not heard.any():
        raise MicrophoneError(f"{source.name} delivers only zeros; see whether it is muted")
    level = 10 * np.log10(np.mean((heard / 32768) ** 2))
    return f"{source.name}, level {level:.0f} dBFS"


def _model(config: Config) -> str:
    classifier = Classifier(read(Path(config.model.path)))
    config.episodes.policy(classifier.manifest.training.distress.policy)
    return f"{classifier.manifest.title}, run by {runtime_name()}"


def _broker(config: Config) -> str:
    connection = Connection(config.broker, config.address, name="check")
    try:
        connection.open()
    finally:
        connection.close()
    return f"{config.broker.host}:{config.broker.effective_port} accepts {config.address.topic('state')}"


def _clock(_: Config) -> str:
    now = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    if clock_synced():
        return f"synchronised, {now}"
    # No error: messages say so themselves, and their order does not depend on it.
    return f"{now}, not synchronised; if the time is wrong, name a time server in /etc/systemd/timesyncd.conf"


def _disk(config: Config) -> str:
    folder = Path(config.storage.folder)
    outbox = Outbox(folder, new_id())
    waiting = len(outbox)
    outbox.close()
    free = shutil.disk_usage(folder).free / 1e6
    if free < _LEAST_FREE_MB:
        raise StorageError(f"{folder} has {free:.0f} MB left; free some, at least {_LEAST_FREE_MB} MB")
    return f"{folder}, {free:.0f} MB free, {waiting} messages wait for the hub"


_CHECKS: dict[str, Callable[[Config], str]] = {
    "microphone": _microphone,
    "model": _model,
    "broker": _broker,
    "clock": _clock,
    "disk": _disk,
}
