"""Pins of a Raspberry Pi that is not there: a chip the kernel simulates, or classes in its place."""

from pathlib import Path

import pytest

from edge import pins
from edge.errors import ConfigError


class SimulatedPins:
    """Linux's gpio-sim, as Documentation/admin-guide/gpio/gpio-sim.rst says: everything above it is real."""

    FOLDER = Path("/sys/kernel/config/gpio-sim")

    def __init__(self, label="pinctrl-bcm2711", name="bed"):
        self._device = self.FOLDER / name
        self._bank = self._device / "bank"
        self._bank.mkdir(parents=True)
        (self._bank / "num_lines").write_text("54")
        (self._bank / "label").write_text(label)
        (self._device / "live").write_text("1")
        device, chip = ((self._device / name).read_text().strip() for name in ("dev_name", "bank/chip_name"))
        self._lines = Path("/sys/devices/platform") / device / chip

    def drive(self, pin, *, high):
        (self._lines / f"sim_gpio{pin}/pull").write_text("pull-up" if high else "pull-down")

    def wire(self, pin, *, high):
        pytest.skip("gpio-sim takes the pull that is asked for, whatever a pin is wired to")

    def is_lit(self, pin):
        return (self._lines / f"sim_gpio{pin}/value").read_text().strip() == "1"

    def miss_edges(self):
        pytest.skip("the kernel misses none here")

    def close(self):
        (self._device / "live").write_text("0")
        self._bank.rmdir()
        self._device.rmdir()


class MadeUpPins:
    """Classes in the place of those in edge.pins, with the same words."""

    def __init__(self, monkeypatch):
        self._levels, self._lit, self._switches, self._held = {}, {}, {}, set()
        self._misses_edges = False
        monkeypatch.setattr(pins, "Switch", lambda pin, **how: MadeUpSwitch(self, pin, **how))
        monkeypatch.setattr(pins, "Light", lambda pin, **how: MadeUpLight(self, pin, **how))

    def drive(self, pin, *, high):
        self._levels[pin] = high
        if pin in self._switches and not self._misses_edges:
            self._switches[pin].moved()

    def wire(self, pin, *, high):
        self._levels[pin] = high

    def is_lit(self, pin):
        return self._lit.get(pin, False)

    def miss_edges(self):
        self._misses_edges = True

    def close(self):
        assert not self._held, "pins were not given back"

    def hold(self, pin):
        if pin in self._held:
            raise ConfigError(f"GPIO {pin} cannot be used: it is in use by 'bedside-edge'")
        self._held.add(pin)


class MadeUpSwitch:
    def __init__(self, board, pin, *, pull_up, user):
        board.hold(pin)
        self._board, self._pin, self._pulled, self.moved = board, pin, pull_up, lambda: None
        board._switches[pin] = self

    def is_closed(self):
        return self._board._levels.get(self._pin, self._pulled) != self._pulled

    def watch(self, moved):
        self.moved = moved

    def close(self):
        self._board._held.remove(self._pin)


class MadeUpLight:
    def __init__(self, board, pin, *, user):
        board.hold(pin)
        self._board, self._pin = board, pin

    def shine(self, *, is_on):
        self._board._lit[self._pin] = is_on

    def close(self):
        self._board._lit[self._pin] = False
        self._board._held.remove(self._pin)
