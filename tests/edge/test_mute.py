import itertools
import json
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import StorageError
from edge.mute import Mute


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def mute(tmp_path, clock):
    return Mute(tmp_path, clock)


def again(tmp_path):
    return Mute(tmp_path, Clock())


def test_an_order_holds_for_its_minutes_and_no_longer(mute, clock):
    told = []
    mute.follow(told.append)
    mute.order("visitors", 30)
    assert mute.words == "muted for 30 min: visitors"
    clock.now_s = 30 * 60 - 0.1
    mute.tick()
    assert mute.is_on
    clock.now_s = 30 * 60
    mute.tick()
    assert not mute.is_on
    assert mute.words is None
    assert told == [False, True, False]


def test_without_minutes_it_holds_until_it_is_lifted(mute, clock, tmp_path):
    mute.order("at the family's wish", 0)
    clock.now_s = 1e7
    mute.tick()
    assert mute.words == again(tmp_path).words == "muted: at the family's wish"
    mute.lift()
    assert not mute.is_on
    assert not again(tmp_path).is_on


def test_a_restart_goes_on_with_what_is_left_and_at_most_a_minute_more(mute, clock, tmp_path):
    mute.order("visitors", 30)
    for second in range(605):
        clock.now_s = float(second)
        mute.tick()
    later_clock = Clock()
    later = Mute(tmp_path, later_clock)
    assert later.words == "muted for 20 min: visitors"
    later_clock.now_s = 20 * 60 - 1
    later.tick()
    assert later.is_on
    later_clock.now_s = 21 * 60
    later.tick()
    assert not later.is_on
    assert not again(tmp_path).is_on


def test_the_switch_wins_over_everything_and_is_not_kept(mute, tmp_path):
    mute.switch(is_on=True)
    assert mute.words == "muted by its switch"
    mute.lift()
    assert mute.is_on
    mute.order("visitors", 5)
    mute.switch(is_on=False)
    assert mute.words == "muted for 5 min: visitors"
    mute.lift()
    mute.switch(is_on=True)
    assert not again(tmp_path).is_on


@given(st.binary(max_size=200))
def test_a_file_that_cannot_be_understood_means_muted(tmp_path_factory, body):
    folder = tmp_path_factory.mktemp("mute")
    (folder / "mute.json").write_bytes(body)
    assert Mute(folder, Clock()).is_on


@pytest.mark.parametrize(
    "body", ['{"reason": "x", "minutes_left": -1}', '{"minutes_left": 1}', "[]", "null", "[" * 100000]
)
def test_damaged_and_said(tmp_path, body, caplog):
    (tmp_path / "mute.json").write_text(body, encoding="utf-8")
    mute = again(tmp_path)
    assert mute.words == "muted: what was asked for before the restart cannot be read"
    assert "muted until told otherwise" in caplog.text
    mute.lift()
    assert not again(tmp_path).is_on


def test_a_folder_that_cannot_be_read_as_one_mutes_nothing(tmp_path):
    (tmp_path / "file").touch()
    assert not Mute(tmp_path / "file", Clock()).is_on
    assert not Mute(tmp_path / "missing", Clock()).is_on


def test_a_disk_that_refuses_is_said_and_the_mute_in_force(tmp_path, clock):
    mute = Mute(tmp_path / "missing", clock)
    told = []
    mute.follow(told.append)
    with pytest.raises(StorageError, match="a restart would forget"):
        mute.order("visitors", 0)
    assert told == [False, True]
    assert mute.words == "muted: visitors (until a restart: the disk refuses it)"
    (tmp_path / "missing").mkdir()
    mute.order("visitors", 0)
    assert mute.words == "muted: visitors"


def test_a_power_cut_while_writing_leaves_the_old_order(mute, tmp_path, monkeypatch):
    mute.order("visitors", 0)

    def cut(*_):
        raise OSError(5, "cut")

    monkeypatch.setattr(os, "fsync", cut)
    with pytest.raises(StorageError):
        mute.order("another", 5)
    assert json.loads((tmp_path / "mute.json").read_text())["reason"] == "visitors"
    assert again(tmp_path).is_on


def test_nobody_who_follows_is_left_behind_by_threads(mute):
    told = []
    mute.follow(told.append)

    def press():
        for number in range(300):
            mute.switch(is_on=number % 2 == 0)

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told[-1] == mute.is_on
    assert all(a != b for a, b in itertools.pairwise(told))
