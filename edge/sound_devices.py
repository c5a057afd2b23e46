"""The sound inputs of this machine, through PortAudio."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.config import Microphone as Settings
from edge.errors import MicrophoneError
from edge.quiet import quiet_sound_libraries
from edge.sound_cards import ROOT, Place, cards, holder, locate, stable_name
from edge.speech_gate import SAMPLE_RATE

try:
    import pyaudio
except (ImportError, OSError):  # a desktop that only analyses files needs no PortAudio
    pyaudio = None

CHUNK_S = 0.05
_HARDWARE = re.compile(r"\((?:plug)?hw:(\d+),(\d+)\)")  # PortAudio ends ALSA's own devices' names so
_portaudio = threading.Lock()
"""PortAudio is not made for two threads that open and close: a microphone let go of may still hang."""
_REMEDY = "plug one in, see `bedside-edge devices`, and name it in [microphone] device"


@dataclass(frozen=True, slots=True)
class Device:
    """A sound input."""

    index: int
    name: str
    channels: int
    rate: int
    is_default: bool

    @property
    def hardware(self) -> tuple[int, int] | None:
        """Numbers of card and device, None where it is no piece of hardware."""
        match = _HARDWARE.search(self.name)
        return (int(match[1]), int(match[2])) if match else None


@dataclass(frozen=True, slots=True)
class OpenStream:
    """A running input stream and the PortAudio session it lives in."""

    session: Any
    stream: Any
    device: Device
    rate: int
    channels: int

    def is_active(self) -> bool:
        """Whether the driver still calls back; false once it has failed, by unplugging for example."""
        try:
            return bool(self.stream.is_active())
        except OSError:
            return False

    def close(self) -> None:
        """End stream and session, whatever state they are in. May take for ever, as `open_stream`."""
        with _portaudio:
            for end in (self.stream.close, self.session.terminate):
                with contextlib.suppress(OSError):
                    end()


def devices() -> list[Device]:
    """Every sound input, in PortAudio's order. Raises MicrophoneError without PortAudio."""
    with _portaudio:
        session = _session()
        try:
            return _devices(session)
        finally:
            session.terminate()


def open_stream(settings: Settings, listen: Callable[[int, int], Callable[..., Any]]) -> OpenStream:
    """A started 16-bit stream of the chosen device. Raises MicrophoneError.

    At `settings.rate` if given, else at 16 kHz where the device can, else at its own rate; with one
    channel where the device can, else with two. `listen` gives PyAudio's callback for a rate and a number
    of channels. May take for ever where a sound server hangs.
    """
    with _portaudio:
        session = _session()
        try:
            return _open(session, settings, listen)
        except BaseException:
            session.terminate()
            raise


def _open(session: Any, settings: Settings, listen: Callable[[int, int], Callable[..., Any]]) -> OpenStream:
    device = choose(_devices(session), settings.device)
    rates = [settings.rate] if settings.rate else [SAMPLE_RATE, device.rate]
    for rate in rates:
        for channels in (1, 2):
            stream = _try(session, device, rate, channels, listen(rate, channels))
            if stream is not None:
                return stream
    raise MicrophoneError(
        f"the microphone {device.name!r} does not open at {' or '.join(map(str, rates))} Hz;"
        " see whether another program holds it, or set [microphone] rate"
    )


def _try(
    session: Any, device: Device, rate: int, channels: int, callback: Callable[..., Any]
) -> OpenStream | None:
    with contextlib.suppress(OSError, ValueError):
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


def choose(found: list[Device], wanted: str, root: Path = ROOT) -> Device:
    """The device `wanted` names. Raises MicrophoneError where it names none, or more than one.

    It may be a name of its sound card that stays the same (edge.sound_cards.locate), part of the
    device's name, its index, or empty or `default`: the system's default.
    """
    wanted = wanted.strip()
    place = None if wanted.isdecimal() else locate(wanted, root)
    if place is not None:
        return _at(found, place, wanted, root)
    if not found:
        raise MicrophoneError(f"there is no microphone{_held(root)}; {_REMEDY}")
    if wanted.lower() in {"", "default"}:
        return next((device for device in found if device.is_default), found[0])
    fitting = [device for device in found if wanted == str(device.index)]
    if not wanted.isdecimal():
        same = [device for device in found if wanted.lower() == device.name.lower()]
        fitting = same or [device for device in found if wanted.lower() in device.name.lower()]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise MicrophoneError(f"there is no microphone {wanted!r}, only {_names(found)}; {_REMEDY}")
    raise MicrophoneError(
        f"{wanted!r} fits {len(fitting)} microphones: {_names(fitting)}; name one of them, see"
        " `bedside-edge devices`"
    )


def stable_names(found: list[Device], root: Path = ROOT) -> list[str]:
    """For each device what to write into [microphone] device so that it means the same tomorrow."""
    there = cards(root)
    by_number = {card.number: card for card in there}
    names = []
    for device in found:
        number, unit = device.hardware or (-1, 0)
        card = by_number.get(number)
        names.append(device.name if card is None else stable_name(card, there, unit))
    return names


def sound_cards() -> tuple[str, ...]:
    """The sound cards there are; another value where one has been plugged in or pulled out. Cheap."""
    try:
        return tuple(sorted(path.name for path in (ROOT / "sys/class/sound").iterdir()))
    except OSError:
        return ()


def _at(found: list[Device], place: Place, wanted: str, root: Path) -> Device:
    for device in found:
        number, unit = device.hardware or (-1, 0)
        if number == place.card.number and place.device in {None, unit}:
            return device
    if place.card.captures:
        who = holder(place, root)
        by = f"process {who} holds it" if who else "another program holds it, or you may not: group audio"
        raise MicrophoneError(f"the microphone {wanted!r}, {place.card}, cannot be had; {by}")
    raise MicrophoneError(f"{wanted!r} is {place.card}, which has no microphone; {_REMEDY}")


def _held(root: Path) -> str:
    """What is there although PortAudio does not offer it: it leaves out what it cannot open."""
    held = [str(card) for card in cards(root) if card.captures]
    return f" to be had, though {', '.join(held)} is there: another program may hold it" if held else ""


def _names(devices: list[Device]) -> str:
    return ", ".join(device.name for device in devices)


def _session() -> Any:
    if pyaudio is None:
        raise MicrophoneError("PyAudio is not installed; install it, or give a sound file with --source")
    quiet_sound_libraries()
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
