"""The box's own switch and light, on GPIO pins: a latching mute switch, a recording light. Both optional."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from edge import pins
from edge.config import Panel as Settings
from edge.errors import ConfigError

log = logging.getLogger(__name__)

_USER = "bedside-edge"


class Panel:
    """Holds the pins until `close`."""

    def __init__(self, settings: Settings, on_switch: Callable[[bool], None]) -> None:
        """`on_switch` is told where the switch stands: now, and later in whatever thread sees it move.

        Raises ConfigError where pins are named that cannot be had.
        """
        self._light: pins.Light | None = None
        self._switch: pins.Switch | None = None
        self._on_switch = on_switch
        self._stands: bool | None = None
        self._has_failed = False
        self._looking = threading.Lock()
        try:
            if settings.light_pin is not None:
                self._light = pins.Light(settings.light_pin, user=_USER)
            if settings.mute_pin is not None:
                self._switch = pins.Switch(settings.mute_pin, pull_up=settings.mute_pull_up, user=_USER)
                self.look()
                self._switch.watch(self.look)
        except ConfigError as error:
            self.close()
            raise ConfigError(
                f"the pins of [panel] cannot be used: {error}; see"
                " systemd/bedside-edge.service.d/gpio.conf.example, or leave [panel] out"
            ) from error

    def look(self) -> None:
        """Tell where the switch stands, if it was moved. Called now and then too: an edge may be missed."""
        with self._looking:
            if self._switch is None:
                return
            try:
                stands = self._switch.is_closed()
            except OSError as error:
                # Neither may a wire end the listening, nor a failing pin undo a mute: it stays as it was.
                if not self._has_failed:
                    log.error("the mute switch cannot be read: %s", error)  # noqa: TRY400
                self._has_failed = True
                return
            self._has_failed = False
            if stands != self._stands:
                if self._stands is not None or stands:
                    log.info("the mute switch is %s", "on" if stands else "off")
                self._stands = stands
                self._on_switch(stands)

    def light(self, is_recording: bool) -> None:  # noqa: FBT001 - the microphone calls it with nothing else
        """Shine exactly while sound is recorded. Raises OSError where the pin cannot be driven."""
        if self._light is not None:
            self._light.shine(is_on=is_recording)

    def close(self) -> None:
        """Light off, pins free."""
        switch, light = self._switch, self._light
        self._switch = self._light = None
        if switch is not None:
            switch.close()
        if light is not None:
            with suppress(OSError):
                light.close()
