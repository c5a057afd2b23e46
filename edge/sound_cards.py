"""Sound cards by what stays the same: their ALSA id, their USB ids or the socket they are plugged into.

A card's number, and a device's in PortAudio, changes with the order in which the kernel meets the cards.
Everything is read below a root folder, by which tests put a machine of their own in place of this one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edge.errors import MicrophoneError

ROOT = Path("/")
_TITLE = re.compile(r"^ *(\d+) \[.{15}\]: (.*)$", re.MULTILINE)
_ALSA = re.compile(r"(?:plug)?hw:(?:CARD=)?([^,=]+)(?:,(?:DEV=)?(\d+))?")
_USB = re.compile(r"([0-9a-f]{4}:[0-9a-f]{4})(?::(.+))?", re.IGNORECASE)
_NODE = re.compile(r"(?:control|pcm)C(\d+)(?:D(\d+)c)?")
_SYS = "sys/class/sound"
_LINKS = ("by-path", "by-id")


@dataclass(frozen=True, slots=True)
class Card:
    """A sound card: its number of today, and what names it tomorrow."""

    number: int
    id: str
    """ALSA's, such as `Device`."""
    name: str
    captures: tuple[int, ...]
    """Numbers of the devices on it that record."""
    usb: str = ""
    """`vendor:product`, empty where it is no USB device."""
    serial: str = ""
    links: tuple[str, ...] = ()
    """Paths in /dev/snd that lead to it."""

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


@dataclass(frozen=True, slots=True)
class Place:
    """A recording device on a card; `device` None: the card's first."""

    card: Card
    device: int | None = None


def cards(root: Path = ROOT) -> list[Card]:
    """Every sound card, by number."""
    # What a sandbox may hide: then a card goes by its id.
    titles = dict(_TITLE.findall(_read(root / "proc/asound/cards")))
    found = []
    for folder in (root / _SYS).glob("card*"):
        number, id_ = folder.name.removeprefix("card"), _read(folder / "id").strip()
        if number.isdecimal() and id_:
            usb = _usb(folder)
            title = titles.get(number, "").partition(" - ")[2].strip()
            captures, links = _captures(root, number), _links(root, number)
            found.append(Card(int(number), id_, title or id_, captures, *usb, links=links))
    return sorted(found, key=lambda card: card.number)


def locate(wanted: str, root: Path = ROOT) -> Place | None:
    """Where the device `wanted` is, None where `wanted` is no name of a card: part of a name, perhaps.

    It may be an ALSA id (`Device`, `hw:CARD=Device,DEV=0`, `hw:1,0`), a path (`/dev/snd/by-path/...`,
    `/dev/snd/by-id/...`) or USB ids (`0d8c:0014`, `0d8c:0014:serial`). Raises MicrophoneError where such a
    name fits no card, or more than one.
    """
    there = cards(root)
    device = None
    if wanted.startswith("/"):
        target = root / wanted.lstrip("/")
        node = _NODE.fullmatch(target.resolve().name if target.exists() else "")
        fitting = [card for card in there if node and card.number == int(node[1])]
        device = int(node[2]) if node and node[2] else None
    elif match := _USB.fullmatch(wanted):
        ids, serial = match[1].lower(), match[2]
        fitting = [card for card in there if card.usb == ids and serial in {None, card.serial}]
    elif match := _ALSA.fullmatch(wanted):
        fitting = [card for card in there if match[1] in {card.id, str(card.number)}]
        device = int(match[2]) if match[2] else None
    else:
        fitting = [card for card in there if card.id == wanted]
        if not fitting:
            return None
    if len(fitting) == 1:
        return Place(fitting[0], device)
    if not fitting:
        known = "; ".join(f"{card} is {_own_name(card, there)}" for card in there if card.captures)
        raise MicrophoneError(f"there is no microphone {wanted!r}; here are: {known or 'none'}")
    ways = " or ".join(_own_name(card, there) for card in fitting)
    raise MicrophoneError(f"{wanted!r} names {len(fitting)} sound cards; name one of them: {ways}")


def stable_name(card: Card, there: list[Card], device: int | None = None) -> str:
    """What to write into [microphone] device so that it still means this card tomorrow."""
    if card.usb and device in {None, *card.captures[:1]}:
        return _own_name(card, there)
    return f"hw:CARD={card.id}" + ("" if device is None else f",DEV={device}")


def holder(place: Place, root: Path = ROOT) -> int | None:
    """The process that records from the device now, None where nobody does or nobody knows."""
    devices = place.card.captures if place.device is None else (place.device,)
    for device in devices:
        folder = root / f"proc/asound/card{place.card.number}/pcm{device}c"
        for status in sorted(folder.glob("sub*/status")):
            if match := re.search(r"owner_pid *: *(\d+)", _read(status)):
                return int(match[1])
    return None


def _own_name(card: Card, there: list[Card]) -> str:
    """The shortest stable name only this card has."""
    twins = [other for other in there if other.usb == card.usb and other is not card]
    if card.usb and not twins:
        return card.usb
    if card.usb and card.serial and card.serial not in {other.serial for other in twins}:
        return f"{card.usb}:{card.serial}"
    return next(iter(card.links), f"hw:CARD={card.id}")


def _captures(root: Path, number: str) -> tuple[int, ...]:
    names = [path.name for path in (root / _SYS).glob(f"pcmC{number}D*c")]
    return tuple(sorted(int(node[2]) for name in names if (node := _NODE.fullmatch(name)) and node[2]))


def _usb(card: Path) -> tuple[str, str]:
    """USB ids and serial number of the device the card belongs to, empty where it is no USB device."""
    device = (card / "device").resolve()
    for folder in (device, *device.parents):
        vendor, product = _read(folder / "idVendor").strip(), _read(folder / "idProduct").strip()
        if vendor and product:
            return f"{vendor}:{product}".lower(), _read(folder / "serial").strip()
    return "", ""


def _links(root: Path, number: str) -> tuple[str, ...]:
    return tuple(
        f"/dev/snd/{folder}/{link.name}"
        for folder in _LINKS
        for link in sorted((root / "dev/snd" / folder).glob("*"))
        if link.resolve().name == f"controlC{number}"
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
