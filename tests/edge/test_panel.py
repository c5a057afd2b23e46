"""The pins through gpiozero itself, on its own stand-in for a Raspberry Pi's."""

import sys
import time

import gpiozero
import pytest
from fake_pins import ClosedSwitch
from fake_sound import FakeSound
from waiting import until

from edge.config import Microphone as Settings
from edge.config import Panel as PanelSettings
from edge.errors import ConfigError
from edge.keeper import Keeper
from edge.panel import Panel


def test_the_switch_is_told_at_the_start_and_when_it_moves(pins):
    told = []
    pins.pin(17, pin_class=ClosedSwitch)
    panel = Panel(PanelSettings(mute_pin=17), told.append)
    assert told == [True]
    pins.pin(17).drive_high()
    until(lambda: told == [True, False])
    pins.pin(17).drive_low()
    until(lambda: told == [True, False, True])
    panel.close()


def test_a_switch_to_3_volts(pins):
    told = []
    pin = pins.pin(17)
    panel = Panel(PanelSettings(mute_pin=17, mute_pull_up=False), told.append)
    pin.drive_high()
    until(lambda: told == [False, True])
    panel.close()


def test_a_missed_edge_is_seen_by_looking(pins):
    told = []
    panel = Panel(PanelSettings(mute_pin=17), told.append)
    pins.pin(17).when_changed = None
    pins.pin(17).drive_low()
    assert told == [False]
    panel.look()
    panel.look()
    assert told == [False, True]
    panel.close()


def test_a_switch_that_fails_later_leaves_the_mute_as_it_was(pins, caplog, monkeypatch):
    told = []
    panel = Panel(PanelSettings(mute_pin=17), told.append)

    def fail(_):
        raise OSError("the chip is gone")

    monkeypatch.setattr(gpiozero.Button, "is_pressed", property(fail))
    for _ in range(3):
        panel.look()
    assert told == [False]
    assert caplog.text.count("cannot be read: the chip is gone") == 1
    panel.close()


def test_the_light_shines_exactly_while_the_microphone_is_open(pins):
    panel = Panel(PanelSettings(light_pin=27), lambda _: None)
    light = pins.pin(27)
    sound = FakeSound()
    lit = []

    def opener(settings, listen):
        stream = sound.open(settings, listen)
        lit.append(light.state)
        return stream

    keeper = Keeper(Settings(), time.monotonic, opener=opener, cards=lambda: None, on_recording=panel.light)
    assert light.state == 0
    keeper.step()
    assert lit == [1]
    assert light.state == 1
    keeper.muted = True
    keeper.step()
    assert light.state == 0
    keeper.muted = False
    keeper.step()
    assert light.state == 1
    keeper.close()
    assert light.state == 0
    panel.close()
    panel.close()


def test_no_pins_need_no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    Panel(PanelSettings(), lambda _: None).close()
    with pytest.raises(ConfigError, match="gpiozero is not installed"):
        Panel(PanelSettings(light_pin=4), lambda _: None)


def test_pins_that_cannot_be_had(pins):
    with pytest.raises(ConfigError, match=r"cannot be used.*pin"):
        Panel(PanelSettings(mute_pin=50), lambda _: None)
    first = Panel(PanelSettings(light_pin=4), lambda _: None)
    with pytest.raises(ConfigError, match="already in use"):
        Panel(PanelSettings(light_pin=5, mute_pin=4), lambda _: None)
    first.close()
    Panel(PanelSettings(light_pin=5), lambda _: None).close()


def test_no_raspberry_pi(monkeypatch):
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "nonsense")
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    with pytest.raises(ConfigError, match=r"or leave \[panel\] out"):
        Panel(PanelSettings(light_pin=4), lambda _: None)
