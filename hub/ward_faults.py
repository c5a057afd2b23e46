"""What is wrong with a hub's devices together: whole wards lost, clocks apart, the way of every alert.

Pure, like hub.faults.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from hub.faults import CLOCK, LINK, DeviceHealth, Fault, Key, Limits, Place, cause, device_faults, since_then


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
    shown: dict[int | None, dict[str, Fault]] = {}
    for (place, kind), one in known.items():
        shown.setdefault(place.device_id, {})[kind] = one
    found = {}
    for id_, device in devices.items():
        of_ward = known.get((Place(ward=device.ward), LINK))
        before = ({} if of_ward is None else {LINK: of_ward}) | shown.get(id_, {})
        found[id_] = device_faults(device, listening_since, now, limits, before)
    lost = {id_ for id_, faults in found.items() if any(one.kind == LINK for one in faults)}
    result = {key: one for key, one in known.items() if key[0].device_id in lost and key[1] != LINK}
    faults_of, of_hub = _whose_clock(devices, found, now, limits)
    result |= of_hub
    sizes = Counter(device.ward for device in devices.values())
    losses = Counter(devices[id_].ward for id_ in lost)
    for id_, faults in faults_of.items():
        ward = devices[id_].ward
        if id_ not in lost or not _is_common(losses[ward], sizes[ward], limits):
            result |= {(Place(id_), one.kind): one for one in faults}
            continue
        key = (Place(ward=ward), LINK)
        since = min([faults[0].since, *([result[key].since] if key in result else [])])
        result[key] = cause("ward", since, lost=losses[ward], all=sizes[ward])
    return result


def _whose_clock(
    devices: Mapping[int, DeviceHealth], found: Mapping[int, tuple[Fault, ...]], now: float, limits: Limits
) -> tuple[Mapping[int, tuple[Fault, ...]], dict[Key, Fault]]:
    """The devices' faults, and the hub's: where most clocks differ from the hub's, the hub's is wrong."""
    apart = [id_ for id_, faults in found.items() if any(one.code == "clock_apart" for one in faults)]
    synced = sum(one.clock_apart_s is not None for one in devices.values())
    if not _is_common(len(apart), synced, limits):
        return found, {}
    others = {id_: tuple(one for one in faults if one.code != "clock_apart") for id_, faults in found.items()}
    hub = cause("clock_hub_apart", now, apart=len(apart), all=synced, seconds=limits.clock_apart_s)
    return others, {(Place(), CLOCK): hub}


def hub_clock_fault(
    since: float | None, now: float, limits: Limits, known: Fault | None = None
) -> Fault | None:
    """Whether the hub's own clock has not been synchronised for too long, `since` then.

    What is `known` to be wrong stays so, also where the hub was away meanwhile.
    """
    if since is not None and known is not None and known.code == "clock_hub":
        return known
    return since_then("clock_hub", since, limits.clock_s, now)


def chain_fault(
    heard_at: float | None, since: float, now: float, limits: Limits, known: Fault | None = None
) -> Fault | None:
    """Whether the canary has been missing for too long; `since`: from when on it could have been heard.

    What is `known` to be wrong stays so until the canary is heard, also where the hub was away meanwhile.
    """
    if known is not None and (heard_at is None or heard_at <= known.since):
        return known
    waiting_since = max(since, since if heard_at is None else heard_at)
    return since_then("chain", waiting_since, limits.canary_s, now)


def _is_common(lost: int, devices: int, limits: Limits) -> bool:
    """Whether so many devices in trouble are one trouble of all: most, and not just one or two."""
    return lost >= limits.ward_devices and 2 * lost > devices
