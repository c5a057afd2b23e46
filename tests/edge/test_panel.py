"""Switch and light of the box. `make test-gpio` runs these with gpiod and the kernel's own simulated chip."""

import sys
import threading
import time

import pytest
from board_pins import MadeUpLight, MadeUpSwitch, SimulatedPins
from fake_sound import FakeSound
from waiting import until

from edge import pins as real_pins
from edge.config import Microphone as Settings
from edge.config import Panel as PanelSettings
from edge.errors import ConfigError
from edge.keeper import Keeper
from edge.panel import Panel

KERNEL = pytest.mark.skipif(not SimulatedPins.FOLDER.is_dir(), reason="this kernel has no gpio-sim")


def test_the_switch_is_told_at_the_start_and_when_it_moves(pins):
    told = []
    panel = Panel(PanelSettings(mute_pin=17), told.append)
    assert told == [False]
    pins.drive(17, high=False)
    until(lambda: told == [False, True])
    pins.drive(17, high=True)
    until(lambda: told == [False, True, False])
    panel.close()


def test_a_switch_that_is_closed_at_the_start(pins):
    told = []
    pins.wire(17, high=False)
    panel = Panel(PanelSettings(mute_pin=17), told.append)
    assert told == [True]
    panel.close()


def test_a_switch_to_3_volts(pins):
    told = []
    panel = Panel(PanelSettings(mute_pin=17, mute_pull_up=False), told.append)
    pins.drive(17, high=True)
    until(lambda: told == [False, True])
    panel.close()


def test_a_missed_edge_is_seen_by_looking(pins):
    told = []
    pins.miss_edges()
    panel = Panel(PanelSettings(mute_pin=17), told.append)
    pins.drive(17, high=False)
    assert told == [False]
    panel.look()
    panel.look()
    assert told == [False, True]
    panel.close()


def test_a_switch_that_fails_later_leaves_the_mute_as_it_was(pins, caplog, monkeypatch):
    told = []
    panel = Panel(PanelSettings(mute_pin=17), told.append)

    def fail():
        raise OSError("the chip is gone")

    monkeypatch.setattr(panel._switch, "is_closed", fail)
    for _ in range(3):
        panel.look()
    assert told == [False]
    assert caplog.text.count("cannot be read: the chip is gone") == 1
    panel.close()


def test_the_light_shines_exactly_while_the_microphone_is_open(pins):
    panel = Panel(PanelSettings(light_pin=27), lambda _: None)
    sound = FakeSound()
    lit = []

    def opener(settings, listen):
        stream = sound.open(settings, listen)
        lit.append(pins.is_lit(27))
        return stream

    keeper = Keeper(Settings(), time.monotonic, opener=opener, cards=lambda: None, on_recording=panel.light)
    assert not pins.is_lit(27)
    keeper.step()
    assert lit == [True]
    assert pins.is_lit(27)
    keeper.muted = True
    keeper.step()
    assert not pins.is_lit(27)
    keeper.muted = False
    keeper.step()
    assert pins.is_lit(27)
    keeper.close()
    assert not pins.is_lit(27)
    panel.light(True)
    panel.close()
    panel.close()
    assert not pins.is_lit(27)


def test_one_pin_that_cannot_be_had_gives_the_other_back(pins):
    first = Panel(PanelSettings(light_pin=4), lambda _: None)
    with pytest.raises(ConfigError, match=r"GPIO 4 cannot be used: it is in use by 'bedside-edge'; see"):
        Panel(PanelSettings(light_pin=5, mute_pin=4), lambda _: None)
    first.close()
    Panel(PanelSettings(light_pin=5, mute_pin=4), lambda _: None).close()


def test_no_pins_need_no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "gpiod", None)
    Panel(PanelSettings(), lambda _: None).close()
    with pytest.raises(ConfigError, match=r"GPIO 4 is named, but gpiod is not installed; .*\[panel\] out"):
        Panel(PanelSettings(light_pin=4), lambda _: None)


def test_no_raspberry_pi(monkeypatch, tmp_path):
    """With gpiod itself, on this machine."""
    monkeypatch.setattr(real_pins, "DEVICES", tmp_path)
    with pytest.raises(ConfigError, match=r"GPIO 4 cannot be used: this machine has no Raspberry Pi's pins"):
        Panel(PanelSettings(light_pin=4), lambda _: None)
    (tmp_path / "gpiochip0").write_bytes(b"")  # no device of that kind
    with pytest.raises(ConfigError, match=r"GPIO 4 cannot be used: .*or leave \[panel\] out"):
        Panel(PanelSettings(light_pin=4), lambda _: None)


def test_what_stands_in_for_the_pins_has_the_same_words():
    for made_up, real in ((MadeUpSwitch, real_pins.Switch), (MadeUpLight, real_pins.Light)):
        public = {name for name in vars(real) if not name.startswith("_")}
        assert public == {name for name in vars(made_up) if not name.startswith("_")}


@KERNEL
@pytest.mark.parametrize("label", real_pins.CHIPS)
def test_the_chip_is_known_by_its_label(label):
    other, board = SimulatedPins("nvme", name="other"), SimulatedPins(label)
    light = real_pins.Light(27, user="test")
    light.shine(is_on=True)
    assert board.is_lit(27)
    light.close()
    board.close()
    with pytest.raises(ConfigError, match=r"no Raspberry Pi's pins .*, but nvme"):
        real_pins.Light(27, user="test")
    other.close()


@KERNEL
def test_bounces_are_one_movement(pins):
    moved = []
    switch = real_pins.Switch(17, pull_up=True, user="test")
    switch.watch(lambda: moved.append(switch.is_closed()))
    for _ in range(10):
        pins.drive(17, high=False)
        pins.drive(17, high=True)
    pins.drive(17, high=False)
    until(lambda: moved)
    until(switch.is_closed)
    assert moved == [True]
    switch.close()
    assert "switch" not in {thread.name for thread in threading.enumerate()}


@KERNEL
def test_a_pin_the_chip_has_not(pins):
    with pytest.raises(ConfigError, match="GPIO 99 cannot be used: pinctrl-bcm2711 has only 54 pins"):
        real_pins.Light(99, user="test")
