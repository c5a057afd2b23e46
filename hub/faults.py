"""What is wrong with devices, wards and the hub itself: technical alarms, never distress.

Pure: no I/O, the clock is a parameter; times are seconds since 1970 in UTC by the hub's clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from edge.fields import checked

LINK, MICROPHONE, CLOCK, DISK, CERTIFICATE, MODEL, HUB, CHAIN = (
    "link",
    "microphone",
    "clock",
    "disk",
    "certificate",
    "model",
    "hub",
    "chain",
)
DEAD_MICROPHONES = {
    "lost": "microphone lost: check its plug",
    "stalled": "microphone stopped delivering sound",
    "silent": "microphone delivers only silence: it may be broken, muted at its own switch or unplugged",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """When something counts as wrong; the defaults are the product's."""

    trouble_delay_s: float = checked(minimum=0, maximum=300, default=5.0)
    stale_s: float = checked(minimum=1, maximum=600, default=45.0)
    muted_s: float = checked(minimum=60, maximum=86400, default=14400.0)
    clock_s: float = checked(minimum=0, maximum=86400, default=600.0)
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
    clock_off_at: float | None = None
    """Since when its clock has not been synchronised."""
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
    """A technical alarm's cause; `kind` is one of this module's names."""

    kind: str
    since: float
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is wrong: a device by its number in the database, a ward, or, with neither, the hub."""

    device_id: int | None = None
    ward: str = ""


Key = tuple[Place, str]


def device_faults(
    device: DeviceHealth, listening_since: float, now: float, limits: Limits
) -> tuple[Fault, ...]:
    """What is wrong with a device, none where all is well; of one that cannot be heard only that.

    `listening_since`: since when the hub has been able to hear; nobody is silent for longer than that.
    """
    lost = _link(device, listening_since, now, limits)
    if lost is not None:
        return (lost,)
    found = (
        _microphone(device, now, limits),
        _since(CLOCK, device.clock_off_at, limits.clock_s, now, "clock not synchronised: times may be wrong"),
        _since(
            DISK,
            device.storage_refused_at,
            limits.trouble_delay_s,
            now,
            "disk takes no messages: what is not sent yet would be lost with the power",
        ),
        _small(device, now, limits),
        _certificate(device, now, limits),
        _model(device, limits),
    )
    by_kind = {fault.kind: fault for fault in reversed(found) if fault is not None}
    return tuple(reversed(by_kind.values()))


def _link(device: DeviceHealth, listening_since: float, now: float, limits: Limits) -> Fault | None:
    if device.offline:
        if now >= device.status_at + limits.trouble_delay_s:
            return Fault(LINK, device.status_at, f"device offline: {device.reason}")
        return None
    silent_since = max(device.heard_at, listening_since)
    if now >= silent_since + limits.stale_s:
        return Fault(LINK, silent_since, f"nothing heard from the device for {limits.stale_s:g} s or more")
    return None


def _microphone(device: DeviceHealth, now: float, limits: Limits) -> Fault | None:
    dead = DEAD_MICROPHONES.get(device.microphone)
    if dead is not None:
        return _since(MICROPHONE, device.microphone_at, limits.trouble_delay_s, now, dead)
    if device.microphone == "muted":
        hours = f"{limits.muted_s / 3600:.3g}"
        words = f"microphone muted for {hours} hours or more: has somebody forgotten it?"
        return _since(MICROPHONE, device.microphone_at, limits.muted_s, now, words)
    return None


def _since(kind: str, since: float | None, delay_s: float, now: float, reason: str) -> Fault | None:
    return None if since is None or now < since + delay_s else Fault(kind, since, reason)


def _small(device: DeviceHealth, now: float, limits: Limits) -> Fault | None:
    if device.disk_free_mb is None or device.disk_free_mb >= limits.disk_free_mb:
        return None
    return Fault(DISK, now, f"disk nearly full: less than {limits.disk_free_mb:g} MB free")


def _certificate(device: DeviceHealth, now: float, limits: Limits) -> Fault | None:
    days = device.certificate_days
    if days is None or days >= limits.certificate_days:
        return None
    if days < 0:
        return Fault(CERTIFICATE, now, "certificate has expired: the device cannot connect again")
    return Fault(CERTIFICATE, now, f"certificate expires within {limits.certificate_days:g} days")


def _model(device: DeviceHealth, limits: Limits) -> Fault | None:
    if not limits.models or device.model is None or device.model in limits.models:
        return None
    return Fault(MODEL, device.status_at, f"unknown model {device.model}")


def wanted(
    devices: Mapping[int, DeviceHealth],
    known: Mapping[Key, Fault],
    listening_since: float,
    now: float,
    limits: Limits,
) -> dict[Key, Fault]:
    """All that is wrong now, by place and kind, after what was `known` to be wrong.

    A ward that is lost as a whole is one fault, not one a bed. Of a device that cannot be heard all else
    stays as it was last known.
    """
    found = {id_: device_faults(device, listening_since, now, limits) for id_, device in devices.items()}
    lost = {id_ for id_, faults in found.items() if any(fault.kind == LINK for fault in faults)}
    result = {key: fault for key, fault in known.items() if key[0].device_id in lost and key[1] != LINK}
    sizes = Counter(device.ward for device in devices.values())
    losses = Counter(devices[id_].ward for id_ in lost)
    for id_, faults in found.items():
        ward = devices[id_].ward
        if id_ not in lost or not _is_gone(losses[ward], sizes[ward], limits):
            result |= {(Place(id_), fault.kind): fault for fault in faults}
            continue
        key = (Place(ward=ward), LINK)
        since = min([faults[0].since, *([result[key].since] if key in result else [])])
        words = f"{losses[ward]} of {sizes[ward]} devices lost: check the ward's network and power"
        result[key] = Fault(LINK, since, words)
    return result


def chain_fault(heard_at: float | None, since: float, now: float, limits: Limits) -> Fault | None:
    """Whether the canary has been missing for too long; `since`: from when on it could have been heard."""
    waiting_since = max(since, since if heard_at is None else heard_at)
    words = "no test message comes through broker, ingest and alert engine: alerts may not either"
    return _since(CHAIN, waiting_since, limits.canary_s, now, words)


def _is_gone(lost: int, devices: int, limits: Limits) -> bool:
    """Whether so many lost devices are one trouble of their ward."""
    return lost >= limits.ward_devices and 2 * lost > devices
