"""What `bedside-edge check` looks at: the microphone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edge import running
from edge.capture import Microphone
from edge.config import Config
from edge.config import Microphone as Settings
from edge.errors import ConfigError, MicrophoneError
from edge.findings import Finding, note, red, well
from edge.loudness import Loudness, loudness
from edge.permission import Permission
from edge.sound_cards import ROOT, Place, cards, locate
from edge.sound_devices import Device, OpenStream, open_stream, stable_names
from edge.speech_gate import SAMPLE_RATE

_LISTEN_S, _PATIENCE_S = 2.0, 8.0  # so much sound, waited for so long at most
_CLIPPED = 1e-4  # of the samples: less is a peak or two
_REMEDY = "unplug it, plug it in, check again; see `bedside-edge devices`"


def microphone(config: Config) -> list[Finding]:
    """Two seconds of listening, where nobody has muted the bed."""
    try:
        permission = Permission(config)
    except ConfigError as error:
        return [red("panel", error, "see [panel] in the settings")]
    try:
        why_not = permission.why_not()
        if why_not is not None:
            words, _, remedy = why_not.partition("; ")
            return [note("microphone", f"not listened to: {words}", remedy=remedy)]
        return [_listen(config, permission)]
    finally:
        permission.close()


def _listen(config: Config, permission: Permission) -> Finding:
    opened: list[Device] = []

    def opener(settings: Settings, listen: Callable[[int, int], Callable[..., Any]]) -> OpenStream:
        stream = open_stream(settings, listen)
        opened.append(stream.device)
        return stream

    until = time.monotonic() + _PATIENCE_S
    source = Microphone(
        config.microphone,
        lambda: time.monotonic() >= until,
        opener=opener,
        on_recording=permission.light,
    )
    heard = np.zeros(0, np.int16)
    try:
        for chunk in source.chunks():
            heard = np.concatenate((heard, chunk.samples))
            if heard.size >= _LISTEN_S * SAMPLE_RATE or source.condition.state == "lost":
                break
        condition, name = source.condition, source.name
    finally:
        source.close()
    if heard.size == 0:
        process = running.daemon(Path(config.storage.folder))
        if process is not None and is_held_by(process, config.microphone):
            return in_use(name, process)
        reason = condition.reason if condition.state == "lost" else f"{name} delivers nothing"
        return red("microphone", MicrophoneError(reason), _REMEDY)
    return _judge(name, stable_names(opened[-1:]), loudness(heard))


def in_use(name: str, process: int) -> Finding:
    """No fault: the service listens, and only one program may."""
    return well(
        "microphone", f"{name}, in use by the running service (process {process})",
        "how it does: systemctl status bedside-edge",
    )  # fmt: skip


def is_held_by(process: int, settings: Settings, root: Path = ROOT) -> bool:
    """Whether the process records from the microphone the settings name, or with none named from any."""
    wanted = settings.device.strip()
    try:
        place = None if wanted.isdecimal() else locate(wanted, root)
    except MicrophoneError:
        return False
    places = [Place(card) for card in cards(root)] if place is None else [place]
    return any(running.records(process, one, root) for one in places)


def _judge(name: str, stable: list[str], level: Loudness) -> Finding:
    named = f"{name}, in the settings: {stable[0]}" if stable and stable[0] != name else name
    if level.is_zero:
        error = MicrophoneError(
            f"{name} delivers only zeros; see whether it is muted at its own switch or in alsamixer,"
            " else it is dead: try another one"
        )
        return red("microphone", error, _REMEDY)
    if level.clipped_share >= _CLIPPED:
        loud = f"too loud: {level.clipped_share:.1%} of the samples stand at full scale"
        remedy = "turn its gain down (alsamixer, F4) or move it away, and check again"
        return note("microphone", named, loud, remedy=remedy, level=level)
    return well("microphone", named, level=level)
