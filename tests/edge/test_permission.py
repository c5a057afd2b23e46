"""Who may listen by hand: the order to mute, the box's switch and the service that watches it come first."""

import os
import time

import pytest
from outbox_parts import held_outbox
from waiting import until

from edge import pins as real_pins
from edge.config import load
from edge.errors import ConfigError
from edge.mute import Mute
from edge.permission import Permission

PANEL = "[panel]\nmute_pin = 17\nlight_pin = 27"


@pytest.fixture
def permit():
    made = []

    def make(config):
        made.append(Permission(config))
        return made[-1]

    yield make
    for permission in made:
        permission.close()


def test_an_order_holds_as_long_as_it_stands(config_file, permit, tmp_path):
    permission = permit(load(config_file()))
    assert permission.why_not() is None, "there is not even a folder"
    (tmp_path / "store").mkdir()
    Mute(tmp_path / "store", time.monotonic).order("visit", 12)
    assert permission.why_not() == "muted for 12 min: visit"
    Mute(tmp_path / "store", time.monotonic).lift()
    assert permission.why_not() is None
    (tmp_path / "store/mute.json").write_text("rubbish")
    assert permission.why_not().startswith("muted")


def test_a_folder_that_only_root_may_enter(config_file, permit, tmp_path, monkeypatch):
    (tmp_path / "store").mkdir()
    permission = permit(load(config_file()))
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may always
    assert "can only be read by root" in permission.why_not()


def test_the_switch_and_the_light(config_file, pins, permit):
    permission = permit(load(config_file(extra=PANEL)))
    assert permission.why_not() is None
    permission.light(True)
    assert pins.is_lit(27)
    permission.light(False)
    assert not pins.is_lit(27)
    pins.drive(17, high=False)
    until(lambda: permission.why_not() == "muted by its switch")
    pins.drive(17, high=True)
    until(lambda: permission.why_not() is None)
    permission.light(True)
    permission.close()
    assert not pins.is_lit(27)


def test_a_switch_that_is_closed_already(config_file, pins, permit):
    pins.wire(17, high=False)
    assert permit(load(config_file(extra=PANEL))).why_not() == "muted by its switch"


def test_the_service_has_the_pins(config_file, permit, tmp_path):
    with held_outbox(tmp_path / "store") as process:
        assert permit(load(config_file())).why_not() is None, "nothing is hidden from us"
        words = permit(load(config_file(extra=PANEL))).why_not()
    assert f"only the running service (process {process}) sees the mute switch" in words
    assert "systemctl stop bedside-edge" in words


def test_pins_that_cannot_be_had(config_file, monkeypatch, tmp_path):
    monkeypatch.setattr(real_pins, "DEVICES", tmp_path)
    with pytest.raises(ConfigError, match=r"the pins of \[panel\] cannot be used"):
        Permission(load(config_file(extra=PANEL)))
