"""What is wrong with devices, wards and the hub itself: technical alarms, never distress.

Pure: no I/O, the clock is a parameter; times are seconds since 1970 in UTC by the hub's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.fields import checked

LINK, MICROPHONE, CLOCK, DISK, CERTIFICATE, MODEL, HUB, CHAIN, BOARD, SOUND, OUTSIDE = (
    "link",
    "microphone",
    "clock",
    "disk",
    "certificate",
    "model",
    "hub",
    "chain",
    "board",
    "sound",
    "outside",
)
DEAD_MICROPHONES = ("lost", "stalled", "silent")
GOODBYES = {
    "connection lost": "offline_lost",
    "stopped": "offline_stopped",
    "failed": "offline_failed",
    "recording ended": "offline_ended",
}
"""What a device or the broker for it says last (edge.daemon), and the cause's code."""

CAUSES = {
    "offline": (LINK, "device offline: {reason}"),
    "offline_lost": (LINK, "device offline: connection lost"),
    "offline_stopped": (LINK, "device offline: stopped"),
    "offline_failed": (LINK, "device offline: failed"),
    "offline_ended": (LINK, "device offline: recording ended"),
    "unheard": (LINK, "nothing heard from the device for {seconds:g} s or more"),
    "ward": (LINK, "{lost} of {all} devices lost: check the ward's network and power"),
    "microphone_lost": (MICROPHONE, "microphone lost: check its plug"),
    "microphone_stalled": (MICROPHONE, "microphone stopped delivering sound"),
    "microphone_silent": (
        MICROPHONE,
        "microphone delivers only silence: it may be broken, muted at its own switch or unplugged",
    ),
    "microphone_muted": (
        MICROPHONE,
        "microphone muted for {hours:.3g} hours or more: has somebody forgotten it?",
    ),
    "clock": (CLOCK, "clock not synchronised: times may be wrong"),
    "clock_apart": (CLOCK, "clock and the hub's are {seconds:g} s apart or more: one of them is wrong"),
    "clock_hub": (CLOCK, "the hub's clock is not synchronised: times may be wrong"),
    "clock_hub_apart": (
        CLOCK,
        "the hub's clock and those of {apart} of {all} devices are {seconds:g} s apart or more: set it right",
    ),
    "disk_refuses": (DISK, "disk takes no messages: what is not sent yet would be lost with the power"),
    "disk_full": (DISK, "disk nearly full: less than {megabytes:g} MB free"),
    "certificate_expired": (CERTIFICATE, "certificate has expired: the device cannot connect again"),
    "certificate_expires": (CERTIFICATE, "certificate expires within {days:g} days"),
    "model": (MODEL, "unknown model {model}"),
    "model_refused": (MODEL, "runs {model}, as the model it should run is refused: {why}"),
    "deaf": (HUB, "the hub hears no device: its broker or its ingest process is down"),
    "chain": (CHAIN, "no test message comes through broker, ingest and alert engine: alerts may not either"),
    "unwatched": (BOARD, "nobody sees the board of ward {ward}: open one, or look why it is not live"),
    "soundless": (SOUND, "no board of ward {ward} can sound: tap one to turn its sound on"),
    "outside_failing": (OUTSIDE, "nobody outside could be reached ({names}): {error}"),
    "outside_nobody": (OUTSIDE, "nobody has answered, and no phone outside is set up to be called"),
    "outside_stopped": (OUTSIDE, "the process that calls people outside has stopped"),
}
"""The code of each cause, its kind and English sentence; the board says `fault_CODE` of hub/static/lang."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When something counts as wrong; the defaults are the product's."""

    trouble_delay_s: float = checked(minimum=0, maximum=300, default=5.0)
    stale_s: float = checked(minimum=1, maximum=600, default=45.0)
    muted_s: float = checked(minimum=60, maximum=86400, default=14400.0)
    clock_s: float = checked(minimum=0, maximum=86400, default=600.0)
    clock_apart_s: float = checked(minimum=1, maximum=86400, default=60.0)
    disk_free_mb: float = checked(minimum=0, maximum=1e6, default=200.0)
    certificate_days: float = checked(minimum=0, maximum=365, default=14.0)
    canary_s: float = checked(minimum=70, maximum=3600, default=150.0)
    ward_devices: int = checked(minimum=2, maximum=1000, default=3)
    models: tuple[str, ...] = checked(minimum=1, maximum=80, default=())


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """What the hub knows of a device: its last words on itself, and when it was last heard.

    None stands for what it has not said yet.
    """

    ward: str
    status: str
    status_at: float
    reason: str
    heard_at: float
    microphone: str
    microphone_at: float
    model: str | None = None
    model_refused: str | None = None
    """Why it does not run the model it is configured to."""
    clock_off_at: float | None = None
    """Since when its clock has not been synchronised."""
    clock_apart_s: float | None = None
    """How far the hub's clock is before the device's synchronised one."""
    storage_refused_at: float | None = None
    """Since when its disk has taken no message."""
    disk_free_mb: float | None = None
    certificate_days: float | None = None

    @property
    def offline(self) -> bool:
        """Whether it has said goodbye, or the broker for it, and has not been heard since."""
        return self.status == "offline" and self.heard_at <= self.status_at


@dataclass(frozen=True, slots=True)
class Fault:
    """A technical alarm's cause; `kind` is one of this module's names, `reason` its English sentence.

    `code` is one of CAUSES and `values` are its sentence's; empty where an older version wrote it.
    """

    kind: str
    since: float
    reason: str
    code: str = ""
    values: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def told(self) -> tuple[str, str, Mapping[str, float | str]]:
        """All that people read of it."""
        return self.reason, self.code, self.values


def cause(code: str, since: float, **values: float | str) -> Fault:
    """The cause of that code since then, in words."""
    kind, sentence = CAUSES[code]
    return Fault(kind, since, sentence.format(**values), code, values)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is wrong: a device by its number in the database, a ward, or, with neither, the hub."""

    device_id: int | None = None
    ward: str = ""


Key = tuple[Place, str]


def device_faults(
    device: DeviceHealth,
    listening_since: float,
    now: float,
    limits: Limits,
    known: Mapping[str, Fault] | None = None,
) -> tuple[Fault, ...]:
    """What is wrong with a device, none where all is well; of one that cannot be heard only that.

    `listening_since`: since when the hub has been able to hear; nobody is silent for longer than that.
    `known`: what is shown as wrong with it already, by kind; it stays, without a delay, until it has gone.
    """
    known = known or {}
    lost = _link(device, listening_since, now, limits, known.get(LINK))
    if lost is not None:
        return (lost,)
    found = (
        _microphone(device, now, limits, MICROPHONE in known),
        since_then("clock", device.clock_off_at, limits.clock_s, now) or _apart(device, now, limits),
        since_then("disk_refuses", device.storage_refused_at, limits.trouble_delay_s, now),
        _small(device, now, limits),
        _certificate(device, now, limits),
        _model(device, limits),
    )
    by_kind = {one.kind: one for one in reversed(found) if one is not None}
    return tuple(reversed(by_kind.values()))


def _link(
    device: DeviceHealth, listening_since: float, now: float, limits: Limits, known: Fault | None
) -> Fault | None:
    delay_s = limits.trouble_delay_s if known is None else 0.0
    if device.offline and now >= device.status_at + delay_s:
        code = GOODBYES.get(device.reason)
        if code is not None:
            return cause(code, device.status_at)
        return cause("offline", device.status_at, reason=device.reason)
    silent_since = max(device.heard_at, listening_since)
    if known is not None and device.heard_at <= known.since:
        silent_since = min(silent_since, known.since)  # the hub itself was deaf meanwhile: no sign of life
    if now >= silent_since + limits.stale_s:
        return cause("unheard", silent_since, seconds=limits.stale_s)
    return None


def _microphone(device: DeviceHealth, now: float, limits: Limits, known: bool) -> Fault | None:  # noqa: FBT001
    code = f"microphone_{device.microphone}"
    if device.microphone in DEAD_MICROPHONES:
        return since_then(code, device.microphone_at, 0.0 if known else limits.trouble_delay_s, now)
    if device.microphone == "muted":
        return since_then(code, device.microphone_at, limits.muted_s, now, hours=limits.muted_s / 3600)
    return None


def _apart(device: DeviceHealth, now: float, limits: Limits) -> Fault | None:
    if device.clock_apart_s is None or abs(device.clock_apart_s) < limits.clock_apart_s:
        return None
    return cause("clock_apart", now, seconds=limits.clock_apart_s)


def since_then(code: str, since: float | None, delay_s: float, now: float, **values: float) -> Fault | None:
    """The cause, once it has lasted for so long."""
    return None if since is None or now < since + delay_s else cause(code, since, **values)


def _small(device: DeviceHealth, now: float, limits: Limits) -> Fault | None:
    if device.disk_free_mb is None or device.disk_free_mb >= limits.disk_free_mb:
        return None
    return cause("disk_full", now, megabytes=limits.disk_free_mb)


def _certificate(device: DeviceHealth, now: float, limits: Limits) -> Fault | None:
    days = device.certificate_days
    if days is None or days >= limits.certificate_days:
        return None
    if days < 0:
        return cause("certificate_expired", now)
    return cause("certificate_expires", now, days=limits.certificate_days)


def _model(device: DeviceHealth, limits: Limits) -> Fault | None:
    if device.model_refused is not None:
        return cause("model_refused", device.status_at, model=device.model or "?", why=device.model_refused)
    if not limits.models or device.model is None or device.model in limits.models:
        return None
    return cause("model", device.status_at, model=device.model)
