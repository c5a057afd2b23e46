from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.classifier import sigmoid, softmax
from edge.errors import CorpusError
from train import metrics, operating_point

LABELS = ("angry", "calm", "sad")


def test_a_report_worked_out_by_hand():
    guesses = np.array([0, 0, 1, 1, 1, 2])
    truths = np.array([0, 1, 1, 1, 1, 1])
    probabilities = np.eye(3, dtype=np.float32)[guesses] * 0.7 + 0.1
    report = metrics.report(probabilities, truths, LABELS)
    assert report.confusion == [[1, 0, 0], [1, 3, 1], [0, 0, 0]]
    assert report.uar == pytest.approx((1 + 3 / 5) / 2)
    assert report.accuracy == pytest.approx(4 / 6)
    assert report.uar_among == pytest.approx((1 + 3 / 5) / 2), "who was taken for sad is now taken for angry"
    assert set(report.classes) == {"angry", "calm"}
    assert report.classes["angry"].precision == pytest.approx(1 / 2)
    assert report.calibration_error == pytest.approx(abs(0.8 - 4 / 6))
    assert report.distress_auc is None
    scores = np.array([0.5, 0.1, 0.2, 0.3, 0.4, 0.6])
    distressed = [True, False, False, False, None, False]
    report = metrics.report(probabilities, truths, LABELS, scores=scores, distressed=distressed)
    assert report.distress_auc == pytest.approx(3 / 4)
    # No two of the five are in one bin of tenths.
    assert report.distress_calibration_error == pytest.approx((0.5 + 0.1 + 0.2 + 0.3 + 0.6) / 5)


def test_auc_of_one_class_alone_is_undefined():
    assert metrics.auc(np.array([0.1, 0.2], np.float32), np.array([True, True])) is None


def test_the_temperature_undoes_overconfidence():
    rng = np.random.default_rng(0)
    true_logits = rng.normal(0, 2, (20000, 4)).astype(np.float32)
    truths = np.array([rng.choice(4, p=row / row.sum()) for row in softmax(true_logits).astype(float)])
    assert metrics.best_temperature(true_logits * 3, truths) == pytest.approx(3, rel=0.05)


@given(
    st.lists(st.floats(0, 1, width=32), min_size=2, max_size=60),
    st.lists(st.floats(0, 1, width=32), min_size=1, max_size=60),
    st.floats(0, 0.9),
)
def test_the_threshold_keeps_its_promise(negatives, positives, false_rate):
    scores = np.array([*negatives, *positives], np.float32)
    positive = np.arange(len(scores)) >= len(negatives)
    threshold, found = metrics.threshold_for(scores, positive, false_rate)
    # The last digit of a rate times a count may be rounded up.
    assert (scores[~positive] >= threshold).mean() <= false_rate + 1e-9
    assert found == (scores[positive] >= threshold).mean()


def test_windows_are_averaged_by_recording():
    values = np.array([[1, 0], [3, 2], [5, 5]], np.float32)
    assert metrics.mean_by_owner(values, np.array([0, 0, 1])).tolist() == [[2, 1], [5, 5]]


@pytest.fixture
def held():
    """Two windows each of 3,000 recordings in two folds, three times too sure of themselves.

    Those of even number in the first fold have a word no label is for their emotion; of every tenth it is not
    known whether it is distress.
    """
    rng = np.random.default_rng(0)
    truths = np.repeat([0, 1, 2], 1000)
    owner = np.repeat(np.arange(3000), 2)
    distressed = (truths != 1).astype(np.intp)
    emotions = rng.normal(0, 2, (6000, 3))
    told = np.array([rng.choice(3, p=row / row.sum()) for row in softmax(emotions)])
    emotions = np.take_along_axis(emotions, (np.arange(3) + told[:, None] - truths[owner][:, None]) % 3, 1)
    # Normal scores 2 apart with deviation 1: their log odds are twice the score, plus those of the counts.
    score = np.where(distressed[owner] == 1, 1, -1) + rng.normal(0, 1, 6000)
    logits = 3 * np.column_stack((emotions, 2 * score + np.log(2))).astype(np.float32)
    fold = np.arange(3000) % 2
    nameless = np.where((np.arange(3000) % 4 == 0), -1, truths)
    known = np.where(np.arange(3000) % 10 == 0, -1, distressed)
    return operating_point.Held(LABELS, logits, owner, nameless, known, fold)


def test_the_operating_point_comes_from_the_held_out_windows(held):
    temperature, distress = operating_point.choose(held, ("angry", "sad", "fearful"))
    assert temperature == pytest.approx(3, rel=0.1)
    assert distress.temperature == pytest.approx(3, rel=0.1)
    assert distress.causes == ("angry", "sad")
    assert distress.weights == {}
    scores = sigmoid(held.logits[:, 3] / np.float32(distress.temperature)).reshape(3000, 2).max(axis=1)
    assert (scores[held.distressed == 0] >= distress.policy.onset).mean() == pytest.approx(0.05, abs=0.005)
    assert distress.policy.offset < distress.policy.onset
    windows = sigmoid(held.logits[:, 3] / np.float32(distress.temperature))
    positive = held.distressed[held.owner]
    error = metrics.score_calibration_error(windows[positive >= 0], positive[positive >= 0] == 1)
    assert error < 0.02


def test_each_fold_is_calibrated_by_the_others(held):
    unsure = held.logits.copy()
    unsure[held.fold[held.owner] == 0] /= 3  # those of the first fold are as sure as they should be
    first, second = operating_point.temperatures_by_fold(replace(held, logits=unsure))
    assert first == pytest.approx((3, 3), rel=0.1)
    assert second == pytest.approx((1, 1), rel=0.1)
    probabilities, scores = operating_point.calibrated(held)
    assert probabilities.shape == (3000, 3)
    windows = sigmoid(held.logits[:2, 3] / np.float32(operating_point.temperatures_by_fold(held)[0][1]))
    assert scores[0] == pytest.approx(windows.mean())


def test_held_out_windows_are_kept(held, tmp_path):
    operating_point.save(held, tmp_path)
    again = operating_point.load(tmp_path)
    assert again.labels == held.labels
    assert (again.logits == held.logits).all()
    with pytest.raises(CorpusError, match="no finished cross-validation"):
        operating_point.load(tmp_path / "nowhere")


@pytest.mark.parametrize(("distressed", "says"), [(1, "3000 of 3000"), (0, "0 of 3000")])
def test_recordings_all_distressed_or_none_choose_nothing(held, distressed, says):
    with pytest.raises(CorpusError, match=rf"{says} recordings are distress; .*: add recordings"):
        operating_point.choose(replace(held, distressed=np.full(3000, distressed)), ("sad",))
