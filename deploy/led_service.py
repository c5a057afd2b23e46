"""`bedside-deploy led`: the box's light tells how it is, until stopped."""

from __future__ import annotations

import argparse
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from deploy import led, outcome
from deploy.settings import ACT
from edge import pins, state_file
from edge.errors import ConfigError, StorageError
from edge.state_file import Shown
from edge.stop import Stop

log = logging.getLogger(__name__)

DAEMON = Path("run/bedside-edge")
_LEDS = Path("sys/class/leds")
_LOOK_EVERY_S = 0.5


class Light(Protocol):
    """Something that is on or off."""

    def shine(self, *, is_on: bool) -> None:
        """Raises OSError."""


class SystemLight:
    """A light of the kernel's: /sys/class/leds, as Documentation/leds/leds-class.rst says."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError."""
        self._brightness = folder / "brightness"
        self._full = (folder / "max_brightness").read_text(encoding="ascii").strip()
        (folder / "trigger").write_text("none", encoding="ascii")  # else the card's traffic would show on it

    def shine(self, *, is_on: bool) -> None:
        """Raises OSError."""
        self._brightness.write_text(self._full if is_on else "0", encoding="ascii")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="below which files are; for tests"
    )


def run(options: argparse.Namespace) -> int:
    """Until SIGTERM or SIGINT. Raises ConfigError where there is no such light."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    stop = Stop()
    stop.take_signals()
    known = outcome.load(options.root)
    name = ACT if known is None else known.led
    show(find(name, options.root), options.root, stop.wait)
    return 0


def find(name: str, root: Path) -> Light:
    """The light `[panel] led` names. Raises ConfigError where there is none."""
    if name != ACT:
        try:
            return pins.Light(int(name), user="bedside-led")
        except ConfigError as error:
            raise ConfigError(f'panel.led is {name}, but {error}; write led = "{ACT}"') from error
    for candidate in (ACT, "led0"):  # the name of older kernels
        folder = root / _LEDS / candidate
        if folder.is_dir():
            try:
                return SystemLight(folder)
            except OSError as error:
                raise ConfigError(
                    f"the light {folder} cannot be used ({error.strerror}); name another one in [panel] led"
                ) from error
    raise ConfigError(f"this machine has no light {ACT} in {root / _LEDS}; name a GPIO pin in [panel] led")


def show(light: Light, root: Path, wait: Callable[[float], bool]) -> None:
    """Tell until `wait`, given seconds, says that it is time to stop; dark afterwards."""
    told, began_s, seen_s = "", time.monotonic(), time.monotonic()
    next_look_s, is_on = 0.0, None
    while True:
        now = time.monotonic()
        if now >= next_look_s:
            next_look_s = now + _LOOK_EVERY_S
            shown = _shown(root)
            if shown is not None and not led.is_stale(shown, now):
                seen_s = now
            tells = led.judge(outcome.load(root), shown, now, now - seen_s)
            if tells != told:
                log.info("the light tells: %s", tells)
                told, began_s = tells, now
        wanted, left_s = led.lit(told, now - began_s)
        with contextlib.suppress(OSError):  # tried again at the next change
            if wanted != is_on:
                light.shine(is_on=wanted)
            is_on = wanted
        if wait(min(left_s, max(0.01, next_look_s - now))):
            break
    with contextlib.suppress(OSError):
        light.shine(is_on=False)


def _shown(root: Path) -> Shown | None:
    try:
        return state_file.load(root / DAEMON)
    except StorageError:
        return None
