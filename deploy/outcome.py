"""What came of taking over the settings: in words for people, in a file for the box's light."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from deploy.settings import ACT, Settings
from edge import atomic_file
from edge.errors import ConfigError, StorageError
from edge.fields import checked, decode, encode

FILE = Path("run/bedside/settings.json")


@dataclass(frozen=True, slots=True)
class Outcome:
    """`mistakes`: why the card's settings were not taken; `troubles`: what the box itself could not do."""

    bed: str = checked(default="")
    """Whose settings are in force, in words; empty where none are."""
    mistakes: tuple[str, ...] = checked(default=())
    troubles: tuple[str, ...] = checked(default=())
    led: str = checked(default=ACT)
    """The light, as [panel] led names it."""

    @property
    def exit_status(self) -> int:
        """Of the command that did it."""
        if self.mistakes:
            return ConfigError.exit_status
        return StorageError.exit_status if self.troubles else 0


def bed_words(settings: Settings) -> str:
    """The bed and its address, for people."""
    return f"bed {settings.bed} ({settings.address.name})"


def lines(outcome: Outcome) -> list[str]:
    """For the console and the journal, the first one first to be put right."""
    said = [f"WRONG SETTINGS: {mistake}" for mistake in outcome.mistakes]
    said += [f"TROUBLE: {trouble}" for trouble in outcome.troubles]
    if not outcome.bed:
        return [*said, "This box has no settings yet and does not listen."]
    if outcome.mistakes:
        return [*said, f"The last good settings, those of {outcome.bed}, stay in force."]
    return [*said, f"The settings of {outcome.bed} are in force{'' if said else ': all is well'}."]


def status_text(outcome: Outcome, now: datetime) -> str:
    """What STATUS.TXT says. `now`: the time the box has, in UTC."""
    clock = f"{now:%Y-%m-%d %H:%M} UTC by the box's clock, which is wrong until it has found a time server"
    return "\n".join([*lines(outcome), "", f"Written at {clock}.", ""])


def save(root: Path, outcome: Outcome) -> None:
    """Raises OSError."""
    path = root / FILE
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    atomic_file.write(path, json.dumps(encode(outcome)).encode(), mode=0o644)


def load(root: Path) -> Outcome | None:
    """None where the settings have not been looked at since the box was started."""
    try:
        return decode(Outcome, json.loads((root / FILE).read_bytes()))
    except (OSError, ValueError):
        return None
