import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.adaptation import BedStatistics
from edge.bed_memory import BedMemory
from edge.learnt import Learnt
from edge.level import LevelNormaliser
from edge.manifest import Adaptation

NOTHING = Learnt((0.0,), (), 0)


class Bed:
    """One start of the daemon."""

    def __init__(self, folder, microphone="usb", model="test 1.0.0"):
        self.now_s = 0.0
        self.level = LevelNormaliser(0.0)
        self.memory = BedMemory(folder, microphone, model, self.level, lambda: self.now_s)
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


def test_what_a_model_adapts_with_is_kept_in_a_few_hundred_bytes(tmp_path):
    policy = Adaptation((0.0,) * 40, (1.0,) * 40, doubt=10, memory=7200, range=3.5, outlier=4)
    first, again, other = BedStatistics(policy), BedStatistics(policy), LevelNormaliser(0.0)
    first.hear(np.random.default_rng(0).normal(3, 2, (150, 40)).astype(np.float32))
    BedMemory(tmp_path, "usb", "test 1.0.0", first, lambda: 0.0).save()
    BedMemory(tmp_path, "usb", "test 1.0.0", again, lambda: 0.0).recall()
    assert again.learnt == first.learnt
    assert again.learnt.windows == 1
    assert (tmp_path / "bed.json").stat().st_size < 900
    BedMemory(tmp_path, "usb", "test 1.0.0", other, lambda: 0.0).recall()
    assert other.learnt == NOTHING


def test_a_killed_daemon_has_saved_each_ten_minutes_and_only_what_is_new(tmp_path):
    bed = Bed(tmp_path)
    bed.now_s = 601.0
    bed.memory.tick()
    assert not (tmp_path / "bed.json").exists()  # nobody has spoken
    bed.hear(-5.0, 40)
    bed.now_s = 1202.0
    bed.memory.tick()
    assert Bed(tmp_path).level.learnt == bed.level.learnt
    written = (tmp_path / "bed.json").stat().st_ino
    bed.now_s = 1900.0
    bed.memory.tick()
    assert (tmp_path / "bed.json").stat().st_ino == written


@pytest.mark.parametrize("other", [{"microphone": "another"}, {"model": "test 1.0.1"}])
def test_another_microphone_or_model_begins_anew(tmp_path, other):
    first = Bed(tmp_path)
    first.hear(-5.0, 100)
    first.memory.save()
    assert Bed(tmp_path, **other).level.learnt == NOTHING


def test_forgotten_with_the_patient(tmp_path):
    bed = Bed(tmp_path)
    bed.hear(-5.0, 100)
    bed.memory.save()
    bed.memory.forget()
    bed.memory.tick()
    assert bed.level.learnt == NOTHING
    assert not (tmp_path / "bed.json").exists()
    bed.hear(3.0, 1)
    bed.memory.save()
    assert Bed(tmp_path).level.learnt == Learnt((3.0,), (), 1)


@given(st.one_of(st.binary(max_size=100), st.just(b"[" * 100_000)))
def test_a_damaged_file_begins_anew(tmp_path_factory, body):
    folder = tmp_path_factory.mktemp("bed")
    (folder / "bed.json").write_bytes(body)
    assert Bed(folder).level.learnt == NOTHING


@pytest.mark.parametrize(
    ("key", "value"),
    [("mean", [1e9]), ("windows", 601), ("windows", -1), ("mean", ["nan"]), ("mean", [1, 2])],
)
def test_figures_out_of_range_are_not_believed(tmp_path, key, value, caplog):
    bed = Bed(tmp_path)
    bed.hear(-5.0, 3)
    bed.memory.save()
    plain = json.loads((tmp_path / "bed.json").read_text())
    (tmp_path / "bed.json").write_text(json.dumps({**plain, "learnt": {**plain["learnt"], key: value}}))
    assert Bed(tmp_path).level.learnt == NOTHING
    assert "learnt anew" in caplog.text


def test_a_disk_that_refuses_is_said_and_no_more(tmp_path, caplog):
    bed = Bed(tmp_path / "missing")
    bed.hear(-5.0, 3)
    bed.memory.save()
    assert "after a restart this bed is learnt anew" in caplog.text
    assert bed.level.learnt == Learnt((-5.0,), (), 3)
