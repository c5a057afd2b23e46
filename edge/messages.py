"""What goes over the wire: one frozen dataclass a message.

MQTT 5, JSON of at most 1 KiB, closed schemas (`edge/schemas/`, generated from these classes by
`python -m edge.schemas`). Durable messages (episode, summary) carry `id` and a gapless `seq`:
(device, boot_id, seq) is the idempotency key. No message names a patient or holds sound.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from edge.errors import MessageError
from edge.fields import FieldError, checked, decode, encode
from edge.utc import utc_seconds

VERSION = 1
MAX_BYTES = 1024
MAX_REASON = 120
"""Characters; a board shows them on one line."""
MICROPHONE_STATES = ("healthy", "silent", "stalled", "lost", "recovering", "muted", "file")
PHASES = ("onset", "update", "end")

_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
_HEX = r"[0-9a-f]{32}"
_MAX_INTEGER = 2**53 - 1  # the largest every JSON reader and every database keeps exactly
_TIME_WORDS = "UTC like 2026-01-31T23:59:59.000Z"
M = TypeVar("M")


def _id_field() -> Any:
    return checked(pattern=_HEX, allowed="32 hexadecimal digits")


def _time_field() -> Any:
    return checked(pattern=_TIME, allowed=_TIME_WORDS)


def _share_field() -> Any:
    return checked(minimum=0, maximum=1)


def _level_field() -> Any:
    return checked(minimum=-200, maximum=10)


def _pitch_field() -> Any:
    return checked(minimum=20, maximum=2000, default=None)


def _count_field(minimum: int = 0) -> Any:
    return checked(minimum=minimum, maximum=_MAX_INTEGER)


@dataclass(frozen=True, slots=True)
class Stamp:
    """When and where on the device's own time line a message was made.

    `mono_ms` counts from the daemon's start, `boot_id` names that start; the clock may be wrong
    where `clock_synced` is false, the two others never are.
    """

    boot_id: str = _id_field()
    time: str = _time_field()
    mono_ms: int = _count_field()
    clock_synced: bool = checked()

    def __post_init__(self) -> None:
        """Raises ValueError where the time has the form but no such moment exists."""
        utc_seconds(self.time)


@dataclass(frozen=True, slots=True)
class State:
    """Birth, death and changes of a device; retained, and the will.

    `model` is the one that runs; `model_refused` says why it is not the one configured, absent where it is.
    `certificate_ends`: when the certificate ends that the hub has sent (Command) and the device now shows the
    broker, absent where it shows the one it was installed with.
    """

    kind: ClassVar[str] = "state"
    status: str = checked(choices=("online", "offline"))
    reason: str = checked(minimum=1, maximum=MAX_REASON)
    bed: str = checked(minimum=1, maximum=40)
    microphone: str = checked(choices=MICROPHONE_STATES)
    model: str = checked(minimum=1, maximum=80)
    software: str = checked(minimum=1, maximum=40)
    stamp: Stamp = checked()
    model_refused: str | None = checked(minimum=1, maximum=MAX_REASON, default=None)
    certificate_ends: str | None = checked(pattern=_TIME, allowed=_TIME_WORDS, default=None)
    v: int = checked(minimum=VERSION, maximum=VERSION, default=VERSION)


@dataclass(frozen=True, slots=True)
class Emotion:
    """One window in which somebody spoke: the live view."""

    kind: ClassVar[str] = "emotion"
    emotion: str = checked(minimum=1, maximum=40)
    probabilities: dict[str, float] = _share_field()
    distress: float = _share_field()
    speech: float = _share_field()
    level_db: float = _level_field()
    window_s: float = checked(minimum=0.1, maximum=60)
    stamp: Stamp = checked()
    v: int = checked(minimum=VERSION, maximum=VERSION, default=VERSION)


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch of distress begins, goes on or ends; durable."""

    kind: ClassVar[str] = "episode"
    id: str = _id_field()
    seq: int = _count_field(1)
    episode: str = _id_field()
    phase: str = checked(choices=PHASES)
    emotion: str = checked(minimum=1, maximum=40)
    distress: float = _share_field()
    peak: float = _share_field()
    duration_s: float = _count_field()
    level_db: float = _level_field()
    reason: str = checked(minimum=1, maximum=MAX_REASON)
    stamp: Stamp = checked()
    v: int = checked(minimum=VERSION, maximum=VERSION, default=VERSION)


@dataclass(frozen=True, slots=True)
class Summary:
    """One minute of a bed: windows by emotion, how long somebody spoke, how loud; durable."""

    kind: ClassVar[str] = "summary"
    id: str = _id_field()
    seq: int = _count_field(1)
    seconds: float = checked(minimum=0, maximum=3600)
    speech_s: float = checked(minimum=0, maximum=3600)
    emotions: dict[str, int] = _count_field()
    distress_mean: float = _share_field()
    distress_peak: float = _share_field()
    level_mean_db: float = _level_field()
    level_peak_db: float = _level_field()
    stamp: Stamp = checked()
    f0_median_hz: float | None = _pitch_field()
    """Pitch of the voiced frames, absent where there are too few to say; `low` and `high` are its
    10th and 90th percentiles."""
    f0_low_hz: float | None = _pitch_field()
    f0_high_hz: float | None = _pitch_field()
    speech_rate: float | None = checked(minimum=0, maximum=50, default=None)
    """Energy peaks a second of speech without its pauses, a proxy for syllables."""
    pause_ratio: float | None = checked(minimum=0, maximum=1, default=None)
    """The share of pauses of 0.25 s or more between the first and the last frame of speech of a window."""
    v: int = checked(minimum=VERSION, maximum=VERSION, default=VERSION)


@dataclass(frozen=True, slots=True)
class Health:
    """How the device is doing, every 15 s; also its heartbeat. Counts are since the daemon's start.

    `overruns`: chunks of sound lost because nobody took them; `clipped`: samples at full scale;
    `stalls`, `silences`, `reopened`: times the microphone stopped delivering (or the box listening),
    delivered only zeros, was opened again; `lag_s`: how old the oldest sound is that waits to be judged;
    `drift_ppm`: how much faster than the clock the microphone runs, `drifts`: how often it was found to run
    more than 1 % off; `dropped`: summaries a full outbox has
    given up; `storage`: `refused` while the disk takes no message; `certificate_days`: until the device's own
    certificate or its authority's expires; `bed_windows`: windows of speech that what was learnt of this bed
    rests on.
    """

    kind: ClassVar[str] = "health"
    microphone: str = checked(choices=MICROPHONE_STATES)
    uptime_s: float = _count_field()
    frames: int = _count_field()
    inferences: int = _count_field()
    overruns: int = _count_field()
    clipped: int = _count_field()
    outbox: int = _count_field()
    cpu_percent: float = _count_field()
    rss_mb: float = _count_field()
    stamp: Stamp = checked()
    stalls: int = checked(minimum=0, maximum=_MAX_INTEGER, default=0)
    silences: int = checked(minimum=0, maximum=_MAX_INTEGER, default=0)
    reopened: int = checked(minimum=0, maximum=_MAX_INTEGER, default=0)
    lag_s: float = checked(minimum=0, maximum=86400, default=0.0)
    drift_ppm: float | None = checked(minimum=-1e6, maximum=1e6, default=None)
    drifts: int = checked(minimum=0, maximum=_MAX_INTEGER, default=0)
    dropped: int = checked(minimum=0, maximum=_MAX_INTEGER, default=0)
    storage: str = checked(choices=("ok", "refused"), default="ok")
    disk_free_mb: float | None = checked(minimum=0, maximum=1e12, default=None)
    certificate_days: float | None = checked(minimum=-1e5, maximum=1e5, default=None)
    temperature_c: float | None = checked(minimum=-60, maximum=150, default=None)
    bed_windows: int = checked(minimum=0, maximum=_MAX_INTEGER, default=0)
    v: int = checked(minimum=VERSION, maximum=VERSION, default=VERSION)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The hub has on disk every message of `boot_id` up to `upto_seq`, but for the ranges in `gaps`.

    A gap is [first, last], both missing and asked for again.
    """

    kind: ClassVar[str] = "receipt"
    boot_id: str = _id_field()
    upto_seq: int = _count_field()
    gaps: tuple[tuple[int, int], ...] = _count_field(1)
    v: int = checked(minimum=VERSION, maximum=VERSION, default=VERSION)

    def confirms(self, boot_id: str, seq: int) -> bool:
        """Whether the hub has that message on disk."""
        return self._covers(boot_id, seq) and not self._is_gap(seq)

    def misses(self, boot_id: str, seq: int) -> bool:
        """Whether the hub asks for that message."""
        return self._covers(boot_id, seq) and self._is_gap(seq)

    def _covers(self, boot_id: str, seq: int) -> bool:
        return boot_id == self.boot_id and seq <= self.upto_seq

    def _is_gap(self, seq: int) -> bool:
        return any(first <= seq <= last for first, last in self.gaps)


@dataclass(frozen=True, slots=True)
class Dropped:
    """The device no longer has these messages of `boot_id`.

    Summaries that a full outbox gave up, and whatever was lost with a damaged one, episodes too. The answer
    to a receipt that asks for them; a range is [first, last]. The hub asks no more.
    """

    kind: ClassVar[str] = "dropped"
    boot_id: str = _id_field()
    ranges: tuple[tuple[int, int], ...] = _count_field(1)
    stamp: Stamp = checked()
    v: int = checked(minimum=VERSION, maximum=VERSION, default=VERSION)


ACTIONS = ("rebirth", "mute", "unmute", "forget", "renew")
_BASE64 = r"[A-Za-z0-9+/]{4,}={0,2}"


@dataclass(frozen=True, slots=True)
class Command:
    """What the hub asks of one device: tell your state anew, stop or begin to listen, forget, renew.

    It holds for one start of the daemon (`boot_id`) until `expires_ms` on that start's own time line
    (`Stamp.mono_ms`), so that it neither needs a right clock nor can be replayed later; an `id` is obeyed
    once. `minutes`: how long to stay muted, 0: until told otherwise. `forget`: what was learnt of the voice
    at this bed is another patient's. `renew`: show the broker `certificate` from now on, DER in base64, a
    later one for the key the device has (edge.renewal). `signature` is the HMAC-SHA256 of the topic and every
    other field under the device's key (edge.commands).
    """

    kind: ClassVar[str] = "command"
    id: str = _id_field()
    boot_id: str = _id_field()
    expires_ms: int = _count_field()
    action: str = checked(choices=ACTIONS)
    minutes: int = checked(minimum=0, maximum=1440, default=0)
    reason: str = checked(minimum=1, maximum=80, default="asked by the hub")
    certificate: str | None = checked(
        pattern=_BASE64,
        maximum=700,
        allowed="a certificate of at most 700 characters in base64",
        default=None,
    )
    signature: str = checked(pattern=r"[0-9a-f]{64}", allowed="64 hexadecimal digits", default="0" * 64)
    v: int = checked(minimum=VERSION, maximum=VERSION, default=VERSION)

    def __post_init__(self) -> None:
        """Raises ValueError for a certificate with anything but `renew`, or `renew` without one."""
        if (self.action == "renew") != (self.certificate is not None):
            raise ValueError(
                f"action is {self.action!r}; a certificate goes with renew, and with nothing else"
            )


@dataclass(frozen=True, slots=True)
class HubState:
    """Whether the hub listens; retained, and its will."""

    kind: ClassVar[str] = "hub-state"
    status: str = checked(choices=("online", "offline"))
    time: str = _time_field()
    software: str = checked(minimum=1, maximum=40)
    v: int = checked(minimum=VERSION, maximum=VERSION, default=VERSION)


Durable = Episode | Summary
Message = State | Emotion | Episode | Summary | Health | Dropped | Receipt | Command | HubState
MESSAGES: dict[str, type[Any]] = {
    cls.kind: cls for cls in (State, Emotion, Episode, Summary, Health, Dropped, Receipt, Command, HubState)
}


def to_json(message: Message) -> bytes:
    """UTF-8 JSON of a message. Raises MessageError above 1 KiB, which no valid message of ours reaches."""
    data = json.dumps(encode(message), separators=(",", ":"), ensure_ascii=False).encode()
    if len(data) > MAX_BYTES:
        raise MessageError(f"a {message.kind} message has {len(data)} bytes; at most {MAX_BYTES} may be sent")
    return data


def from_json(cls: type[M], data: bytes) -> M:
    """The message in `data`, every field checked. Raises MessageError, whatever the bytes are."""
    if len(data) > MAX_BYTES:
        raise MessageError(f"a message has {len(data)} bytes; at most {MAX_BYTES} are accepted")
    try:
        return decode(cls, json.loads(data))
    except (FieldError, ValueError, RecursionError) as error:
        raise MessageError(f"not a {cls.__name__.lower()} message: {error}") from error
