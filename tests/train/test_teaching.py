"""Teachers and their pupil: who may teach whom, what is said, and what is made of it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.errors import CorpusError
from train import teaching
from train.corpus import read_manifest
from train.folds import everyone, fingerprint


@pytest.fixture(scope="module")
def lessons(tmp_path_factory):
    command = [sys.executable, "-m", "tests.train.lessons", tmp_path_factory.mktemp("lessons")]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_teachers_say_of_each_recording_at_each_bed_how_likely_what_is(lessons):
    said = np.array(lessons["of_recordings"])
    assert said.shape == (4, 2, 3)
    np.testing.assert_allclose(said[..., :-1].sum(axis=-1), 1, rtol=1e-5)
    assert ((said > 0) & (said < 1)).all()
    assert np.array(lessons["of_ward"]).shape == (3, 3)


def test_what_teachers_say_is_kept_whatever_their_order(lessons):
    assert len(lessons["kept"]) == 1
    assert lessons["same"]


def test_each_window_teaches_its_label_and_what_teachers_said_of_it(lessons):
    taught, untaught = np.array(lessons["answers"]), np.array(lessons["untaught"])
    np.testing.assert_array_equal(taught[:, :3], untaught)  # the same windows were drawn
    of_recordings, of_ward = np.array(lessons["of_recordings"]), np.array(lessons["of_ward"])
    known = np.concatenate((of_recordings.reshape(-1, 3), of_ward))
    for label, said in zip(untaught, taught[:, 3:], strict=True):
        (place,) = np.flatnonzero(np.isclose(known, said).all(axis=1))
        assert (place >= of_recordings.size // 3) == (label[:-1].sum() == 0)  # a day's window has no emotion


def test_a_pupil_can_do_no_better_by_its_teachers_than_to_say_what_they_say(lessons):
    assert lessons["agreeing"] == pytest.approx(lessons["entropy"], abs=1e-4)
    assert min(lessons["differing"]) > lessons["agreeing"] + 1e-3


def test_several_teachers_opinion_is_their_mean():
    sure, unsure = np.array([[4.0, 0, 2]], np.float32), np.zeros((1, 3), np.float32)
    said = teaching.opinion([sure, unsure], 2.0)
    alone = [teaching.opinion([one], 2.0) for one in (sure, unsure)]
    np.testing.assert_allclose(said, np.mean(alone, axis=0))
    np.testing.assert_allclose(alone[0][0], [np.e**2 / (np.e**2 + 1), 1 / (np.e**2 + 1), np.e / (np.e + 1)])


def test_only_who_learnt_from_the_same_recordings_teaches(small_manifest, tmp_path):
    clips = read_manifest(small_manifest)
    split = np.array([0, 1]), np.array([2, 3])
    with pytest.raises(CorpusError, match="holds no finished network"):
        teaching.refuse_others([tmp_path], clips, split)
    (tmp_path / teaching.SAID).write_text(json.dumps({"split": fingerprint(clips, split)}))
    teaching.refuse_others([tmp_path], clips, split)
    with pytest.raises(CorpusError, match="learnt from other recordings than its pupil"):
        teaching.refuse_others([tmp_path], clips, everyone(clips))


def test_a_fold_is_taught_by_the_same_fold_of_other_seeds(small_manifest, tmp_path):
    def crossval(*arguments):
        command = [
            sys.executable,
            "-m",
            "train.cli",
            "crossval",
            "--manifest",
            small_manifest,
            "--folds",
            "2",
        ]
        command += ["--epochs", "1", "--cache", tmp_path / "cache", *arguments]
        return subprocess.run(
            list(map(str, command)), capture_output=True, text=True, timeout=240, check=False
        )

    done = crossval("--out", tmp_path / "teacher")
    assert done.returncode == 0, done.stderr
    done = crossval("--out", tmp_path / "pupil", "--teachers", tmp_path / "teacher")
    assert done.returncode == 0, done.stderr
    for fold in ("fold-1", "fold-2"):
        teacher, pupil = (_said(tmp_path / whose / fold) for whose in ("teacher", "pupil"))
        assert pupil["teachers"] == teaching.digest([tmp_path / "teacher" / fold])
        assert pupil["split"] == teacher["split"]
        assert "teachers" not in teacher

    # Folds dealt otherwise: each teacher has heard who its pupil would be judged by.
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (tmp_path / "teacher/fold-1").rename(wrong / "fold-2")
    (tmp_path / "teacher/fold-2").rename(wrong / "fold-1")
    done = crossval("--out", tmp_path / "other", "--teachers", wrong)
    assert done.returncode == 66
    assert "learnt from other recordings than its pupil is to" in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr


def _said(folder: Path):
    return json.loads((folder / teaching.SAID).read_text())
