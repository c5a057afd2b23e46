"""What is wrong with a device, or with the hub itself: technical alarms, never distress.

Pure: no I/O, the clock is a parameter; times are seconds since 1970 in UTC by the hub's clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.alerts import Timers

DEAD_MICROPHONES = {
    "lost": "microphone lost: check its plug",
    "stalled": "microphone stopped delivering sound",
    "silent": "microphone delivers only silence: it may be broken or unplugged",
}


@dataclass(frozen=True, slots=True)
class Link:
    """What the hub knows of a device: its last word on itself, and when it was last heard."""

    status: str
    status_at: float
    reason: str
    heard_at: float
    microphone: str
    microphone_at: float

    @property
    def offline(self) -> bool:
        """Whether it has said goodbye, or the broker for it, and has not been heard since."""
        return self.status == "offline" and self.heard_at <= self.status_at


@dataclass(frozen=True, slots=True)
class Fault:
    """A technical alarm's cause; never distress. `kind` is link, microphone or hub."""

    kind: str
    since: float
    reason: str


def device_fault(link: Link, listening_since: float, now: float, timers: Timers) -> Fault | None:
    """What is wrong with a device, None where nothing is.

    `listening_since`: since when the hub has been able to hear; nobody is silent for longer than that.
    """
    if link.offline:
        if now >= link.status_at + timers.condition_delay_s:
            return Fault("link", link.status_at, f"device offline: {link.reason}")
        return None
    silent_since = max(link.heard_at, listening_since)
    if now >= silent_since + timers.stale_s:
        return Fault("link", silent_since, f"nothing heard from the device for {timers.stale_s:g} s or more")
    dead = DEAD_MICROPHONES.get(link.microphone)
    if dead is not None and now >= link.microphone_at + timers.condition_delay_s:
        return Fault("microphone", link.microphone_at, dead)
    return None
