"""GPIO pins of a Raspberry Pi, through the kernel's character devices: a switch to read, a light to drive.

libgpiod's own module does the work (gpiod). It is imported only where a pin is named: 2.5 MB of memory.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError

if TYPE_CHECKING:
    import gpiod

log = logging.getLogger(__name__)

CHIPS = ("pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1")
"""What the kernel calls the chip of the header's pins: on a Zero 2 W or 3, on a 4, on a 5.

Its lines are numbered as Broadcom numbers the pins (BCM). Chips are known by these labels and not by the
numbers of /dev/gpiochip*, which are others on a 5 with other kernels.
"""
DEVICES = Path("/dev")
_BOUNCE = timedelta(milliseconds=50)


class Switch:
    """A switch between a pin and ground, or 3.3 V. Holds the pin until `close`."""

    def __init__(self, pin: int, *, pull_up: bool, user: str) -> None:
        """`pull_up`: it closes to ground. `user` is whom gpioinfo(1) names. Raises ConfigError."""
        with _refusing(pin):
            import gpiod  # noqa: PLC0415 - only a box with pins needs it
            from gpiod.line import Bias, Direction, Edge  # noqa: PLC0415

            wanted = gpiod.LineSettings(
                direction=Direction.INPUT,
                bias=Bias.PULL_UP if pull_up else Bias.PULL_DOWN,
                active_low=pull_up,
                edge_detection=Edge.BOTH,
                debounce_period=_BOUNCE,
            )
            self._request = _request(pin, wanted, user)
        self._pin = pin
        self._stop = os.eventfd(0)
        self._thread: threading.Thread | None = None

    def is_closed(self) -> bool:
        """Where it stands now, whoever asks. Raises OSError where the pin cannot be read."""
        return bool(self._request.get_value(self._pin).value)

    def watch(self, moved: Callable[[], None]) -> None:
        """Call `moved`, from a thread of its own, whenever the switch has moved, until `close`."""
        self._thread = threading.Thread(target=self._watch, args=(moved,), name="switch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Pin free. To be called once."""
        os.eventfd_write(self._stop, 1)
        if self._thread is not None:
            self._thread.join()
        os.close(self._stop)
        self._request.release()

    def _watch(self, moved: Callable[[], None]) -> None:
        while True:
            ready, _, _ = select.select([self._stop, self._request.fd], [], [])
            if self._stop in ready:
                return
            try:
                self._request.read_edge_events()
            except OSError as error:  # whoever asks `is_closed` now and then still sees the switch
                log.error("GPIO %d cannot be watched: %s", self._pin, error)  # noqa: TRY400
                return
            moved()


class Light:
    """A light on a pin. Holds the pin until `close`."""

    def __init__(self, pin: int, *, user: str) -> None:
        """Dark. `user` is whom gpioinfo(1) names. Raises ConfigError."""
        with _refusing(pin):
            import gpiod  # noqa: PLC0415 - only a box with pins needs it
            from gpiod.line import Direction, Value  # noqa: PLC0415

            wanted = gpiod.LineSettings(direction=Direction.OUTPUT, output_value=Value.INACTIVE)
            self._request = _request(pin, wanted, user)
        self._pin = pin
        self._values = {False: Value.INACTIVE, True: Value.ACTIVE}

    def shine(self, *, is_on: bool) -> None:
        """Raises OSError where the pin cannot be driven."""
        self._request.set_value(self._pin, self._values[is_on])

    def close(self) -> None:
        """Light off, pin free. To be called once."""
        try:
            self.shine(is_on=False)
        finally:
            self._request.release()


@contextmanager
def _refusing(pin: int) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise ConfigError(
            f"GPIO {pin} is named, but gpiod is not installed; pip install gpiod, or name no pin"
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ConfigError(f"GPIO {pin} cannot be used: {reason}") from error


def _request(pin: int, wanted: gpiod.LineSettings, user: str) -> gpiod.LineRequest:
    import gpiod  # noqa: PLC0415 - only a box with pins needs it

    with _header() as chip:
        known = chip.get_info()
        if pin >= known.num_lines:
            raise ValueError(f"{known.label} has only {known.num_lines} pins")
        line = chip.get_line_info(pin)
        if line.used:
            raise ValueError(f"it is in use by {line.consumer or 'the kernel'!r}")
        return gpiod.request_lines(chip.path, consumer=user, config={pin: wanted})


@contextmanager
def _header() -> Iterator[gpiod.Chip]:
    """The chip of the header's pins. Raises OSError, ValueError where there is none."""
    import gpiod  # noqa: PLC0415 - only a box with pins needs it

    seen = []
    for path in sorted(DEVICES.glob("gpiochip*")):
        with gpiod.Chip(str(path)) as chip:
            label = chip.get_info().label
            if label in CHIPS:
                yield chip
                return
            seen.append(label)
    raise ValueError(
        f"this machine has no Raspberry Pi's pins ({', '.join(CHIPS)} in {DEVICES}/gpiochip*), but"
        f" {', '.join(seen) or 'none'}"
    )
