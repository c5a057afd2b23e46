"""Whether a command started by hand may listen: an order to mute and the box's own switch hold for it too."""

from __future__ import annotations

from pathlib import Path

from edge import mute
from edge.config import Config
from edge.panel import Panel
from edge.running import daemon, is_hidden


class Permission:
    """Asked as long as somebody listens; holds the panel's pins until `close`, and shines its light."""

    def __init__(self, config: Config) -> None:
        """Raises ConfigError where the pins of [panel] cannot be had."""
        self._folder = Path(config.storage.folder)
        self._is_switched = False
        self._keeper: int | None = None
        self._panel: Panel | None = None
        if config.panel.mute_pin is not None or config.panel.light_pin is not None:
            self._keeper = daemon(self._folder)  # which then has the pins
            if self._keeper is None:
                self._panel = Panel(config.panel, self._switch)

    def why_not(self) -> str | None:
        """Why nobody may listen now, in words; None where one may."""
        if self._keeper is not None:
            return (
                f"only the running service (process {self._keeper}) sees the mute switch and the light;"
                " stop it first: systemctl stop bedside-edge"
            )
        if self._panel is not None:
            self._panel.look()
        if self._is_switched:
            return "muted by its switch"
        if is_hidden(self._folder):
            return f"whether the bed is muted can only be read by root: {self._folder} is the service's"
        order = mute.load(self._folder / mute.FILE_NAME)
        return None if order is None else order.words

    def light(self, is_recording: bool) -> None:  # noqa: FBT001 - the microphone calls it with nothing else
        """Shine exactly while sound is recorded."""
        if self._panel is not None:
            self._panel.light(is_recording)

    def close(self) -> None:
        """Light off, pins free."""
        if self._panel is not None:
            self._panel.close()

    def _switch(self, is_on: bool) -> None:  # noqa: FBT001 - the panel calls it with nothing else
        self._is_switched = is_on
