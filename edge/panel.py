"""The box's own switch and light, on GPIO pins: a latching mute switch, a recording light. Both optional."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from edge.config import Panel as Settings
from edge.errors import ConfigError

log = logging.getLogger(__name__)

_BOUNCE_S = 0.05


class Panel:
    """Holds the pins until `close`."""

    def __init__(self, settings: Settings, on_switch: Callable[[bool], None]) -> None:
        """`on_switch` is told where the switch stands: now, and later in a thread of gpiozero's.

        Raises ConfigError where pins are named that cannot be had.
        """
        self._light: Any = None
        self._switch: Any = None
        self._on_switch = on_switch
        self._stands: bool | None = None
        self._has_failed = False
        if settings.mute_pin is None and settings.light_pin is None:
            return
        try:
            import gpiozero  # noqa: PLC0415 - only a box with a panel has it
        except ImportError as error:
            raise ConfigError(
                "[panel] names pins, but gpiozero is not installed; install it with"
                " `pip install gpiozero lgpio`, or leave [panel] out"
            ) from error
        try:
            if settings.light_pin is not None:
                self._light = gpiozero.LED(settings.light_pin)
            if settings.mute_pin is not None:
                self._switch = gpiozero.Button(
                    settings.mute_pin, pull_up=settings.mute_pull_up, bounce_time=_BOUNCE_S
                )
                self._switch.when_pressed = self._switch.when_released = self.look
                self.look()
        except Exception as error:  # each of gpiozero's pin libraries has exceptions of its own
            self.close()
            raise ConfigError(
                f"the pins of [panel] cannot be used: {error}; see"
                " systemd/bedside-edge.service.d/gpio.conf.example, or leave [panel] out"
            ) from error

    def look(self) -> None:
        """Tell where the switch stands, if it was moved. Called now and then too: an edge may be missed."""
        if self._switch is None:
            return
        try:
            stands = bool(self._switch.is_pressed)
        except Exception as error:  # noqa: BLE001 - each of gpiozero's pin libraries has its own
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
        """Shine exactly while sound is recorded."""
        if self._light is not None:
            self._light.value = int(is_recording)

    def close(self) -> None:
        """Light off, pins free."""
        for part in (self._switch, self._light):
            if part is not None:
                part.close()
        self._switch = self._light = None
