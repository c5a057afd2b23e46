"""The sound inputs of this machine, through PortAudio."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge.config import Microphone as Settings
from edge.errors import MicrophoneError
from edge.quiet import quiet
from edge.speech_gate import SAMPLE_RATE

try:
    import pyaudio
except (ImportError, OSError):  # a desktop that only analyses files needs no PortAudio
    pyaudio = None

CHUNK_S = 0.05
_REMEDY = "plug one in, see `bedside-edge devices`, and name it in [microphone] device"


@dataclass(frozen=True, slots=True)
class Device:
    """A sound input."""

    index: int
    name: str
    channels: int
    rate: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class OpenStream:
    """A running input stream and the PortAudio session it lives in."""

    session: Any
    stream: Any
    device: Device
    rate: int
    channels: int

    def close(self) -> None:
        """End stream and session, whatever state they are in."""
        for end in (self.stream.close, self.session.terminate):
            with contextlib.suppress(OSError):
                end()


def devices() -> list[Device]:
    """Every sound input, in PortAudio's order. Raises MicrophoneError without PortAudio."""
    session = _session()
    try:
        return _devices(session)
    finally:
        session.terminate()


def open_stream(settings: Settings, callback: Callable[..., Any]) -> OpenStream:
    """A started 16-bit stream of the chosen device, with PyAudio's `callback`. Raises MicrophoneError.

    At `settings.rate` if given, else at 16 kHz where the device can, else at its own rate; with one
    channel where the device can, else with two.
    """
    session = _session()
    try:
        device = choose(_devices(session), settings.device)
        rates = [settings.rate] if settings.rate else [SAMPLE_RATE, device.rate]
        for rate in rates:
            for channels in (1, 2):
                stream = _try(session, device, rate, channels, callback)
                if stream is not None:
                    return stream
    except BaseException:
        session.terminate()
        raise
    session.terminate()
    raise MicrophoneError(
        f"the microphone {device.name!r} does not open at {' or '.join(map(str, rates))} Hz;"
        " see whether another program holds it, or set [microphone] rate"
    )


def _try(
    session: Any, device: Device, rate: int, channels: int, callback: Callable[..., Any]
) -> OpenStream | None:
    with contextlib.suppress(OSError, ValueError), quiet():
        stream = session.open(
            rate=rate,
            channels=channels,
            format=pyaudio.paInt16,
            input=True,
            input_device_index=device.index,
            frames_per_buffer=int(rate * CHUNK_S),
            stream_callback=callback,
        )
        return OpenStream(session, stream, device, rate, channels)
    return None


def choose(found: list[Device], wanted: str) -> Device:
    """The device `wanted` names: by index, by part of its name, or the default. Raises MicrophoneError."""
    if not found:
        raise MicrophoneError(f"there is no microphone; {_REMEDY}")
    if wanted.strip().lower() in {"", "default"}:
        return next((device for device in found if device.is_default), found[0])
    for device in found:
        if wanted == str(device.index):
            return device
    for device in found:
        if wanted.lower() in device.name.lower():
            return device
    names = ", ".join(device.name for device in found)
    raise MicrophoneError(f"there is no microphone {wanted!r}, only {names}; {_REMEDY}")


def _session() -> Any:
    if pyaudio is None:
        raise MicrophoneError("PyAudio is not installed; install it, or give a sound file with --source")
    with quiet():
        try:
            return pyaudio.PyAudio()
        except OSError as error:
            raise MicrophoneError(f"the sound system does not start: {error}; {_REMEDY}") from error


def _devices(session: Any) -> list[Device]:
    try:
        default = session.get_default_input_device_info()["index"]
    except OSError:  # there is none
        default = -1
    infos = [session.get_device_info_by_index(index) for index in range(session.get_device_count())]
    return [
        Device(
            index=int(info["index"]),
            name=str(info["name"]),
            channels=int(info["maxInputChannels"]),
            rate=int(info["defaultSampleRate"]),
            is_default=info["index"] == default,
        )
        for info in infos
        if info["maxInputChannels"] > 0
    ]
