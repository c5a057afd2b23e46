import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.level import LevelNormaliser
from edge.level_memory import LevelMemory


class Bed:
    """One start of the daemon."""

    def __init__(self, folder, microphone="usb", model="test 1.0.0"):
        self.now_s = 0.0
        self.level = LevelNormaliser(0.0)
        self.memory = LevelMemory(folder, microphone, model, self.level, lambda: self.now_s)
        self.memory.recall()

    def hear(self, level, windows):
        for _ in range(windows):
            self.level.hear(np.full((50, 13), level, np.float32))


def test_a_restart_goes_on_with_the_level_learnt(tmp_path):
    first = Bed(tmp_path)
    first.hear(-5.0, 100)
    first.memory.save()
    again = Bed(tmp_path)
    assert again.level.shift == pytest.approx(first.level.shift)
    assert again.level.shift > 3


def test_a_killed_daemon_has_saved_each_ten_minutes_and_only_what_is_new(tmp_path):
    bed = Bed(tmp_path)
    bed.now_s = 601.0
    bed.memory.tick()
    assert not (tmp_path / "level.json").exists()  # nobody has spoken
    bed.hear(-5.0, 40)
    bed.now_s = 1202.0
    bed.memory.tick()
    assert Bed(tmp_path).level.learnt == bed.level.learnt
    written = (tmp_path / "level.json").stat().st_ino
    bed.now_s = 1900.0
    bed.memory.tick()
    assert (tmp_path / "level.json").stat().st_ino == written


@pytest.mark.parametrize("other", [{"microphone": "another"}, {"model": "test 1.0.1"}])
def test_another_microphone_or_model_begins_anew(tmp_path, other):
    first = Bed(tmp_path)
    first.hear(-5.0, 100)
    first.memory.save()
    assert Bed(tmp_path, **other).level.learnt == (0.0, 0)


def test_forgotten_with_the_patient(tmp_path):
    bed = Bed(tmp_path)
    bed.hear(-5.0, 100)
    bed.memory.save()
    bed.memory.forget()
    bed.memory.tick()
    assert bed.level.learnt == (0.0, 0)
    assert not (tmp_path / "level.json").exists()
    bed.hear(3.0, 1)
    bed.memory.save()
    assert Bed(tmp_path).level.learnt == (3.0, 1)


@given(st.one_of(st.binary(max_size=100), st.just(b"[" * 100_000)))
def test_a_damaged_file_begins_anew(tmp_path_factory, body):
    folder = tmp_path_factory.mktemp("level")
    (folder / "level.json").write_bytes(body)
    assert Bed(folder).level.learnt == (0.0, 0)


@pytest.mark.parametrize(
    ("key", "value"), [("mean", 1e9), ("windows", 601), ("windows", -1), ("mean", "nan")]
)
def test_figures_out_of_range_are_not_believed(tmp_path, key, value, caplog):
    bed = Bed(tmp_path)
    bed.hear(-5.0, 3)
    bed.memory.save()
    plain = json.loads((tmp_path / "level.json").read_text())
    (tmp_path / "level.json").write_text(json.dumps({**plain, key: value}))
    assert Bed(tmp_path).level.learnt == (0.0, 0)
    assert "learnt anew" in caplog.text


def test_a_disk_that_refuses_is_said_and_no_more(tmp_path, caplog):
    bed = Bed(tmp_path / "missing")
    bed.hear(-5.0, 3)
    bed.memory.save()
    assert "after a restart this bed's level is learnt anew" in caplog.text
    assert bed.level.learnt == (-5.0, 3)
