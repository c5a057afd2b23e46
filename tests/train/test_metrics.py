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
    report = metrics.report(probabilities, truths, LABELS, ("angry", "sad"))
    assert report.confusion == [[1, 0, 0], [1, 3, 1], [0, 0, 0]]
    assert report.uar == pytest.approx((1 + 3 / 5) / 2)
    assert report.accuracy == pytest.approx(4 / 6)
    assert set(report.classes) == {"angry", "calm"}
    assert report.classes["angry"].precision == pytest.approx(1 / 2)
    assert report.calibration_error == pytest.approx(abs(0.8 - 4 / 6))
    # The one distressed recording scores 0.9; of the five others three score 0.2 and two 0.9.
    assert report.distress_auc == pytest.approx((3 + 2 / 2) / 5)
    scores = np.array([0.5, 0.1, 0.2, 0.3, 0.4, 0.6])  # those of a distress output
    report = metrics.report(probabilities, truths, LABELS, ("angry", "sad"), scores=scores)
    assert report.distress_auc == pytest.approx(4 / 5)


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


def test_the_operating_point_comes_from_the_held_out_windows():
    rng = np.random.default_rng(0)
    truths = np.repeat([0, 1, 2], 100)
    owner = np.repeat(np.arange(300), 2)
    logits = (np.eye(3)[truths[owner]] * 3 + rng.normal(0, 1, (600, 3))).astype(np.float32)
    temperature, distress = operating_point.choose(
        operating_point.Held(LABELS, logits, owner, truths), ("angry", "sad", "fearful")
    )
    assert set(distress.weights) == {"angry", "sad"}
    scores = softmax(logits / np.float32(temperature))[:, [0, 2]].sum(axis=1).reshape(300, 2).max(axis=1)
    assert (scores[truths == 1] >= distress.policy.onset).mean() <= 0.06
    assert distress.policy.offset < distress.policy.onset


def test_the_operating_point_of_a_distress_output():
    rng = np.random.default_rng(0)
    truths = np.repeat([0, 1, 2], 1000)
    owner = np.repeat(np.arange(3000), 2)
    positive = truths[owner] != 1
    emotions = np.eye(3)[truths[owner]] * 3 + rng.normal(0, 1, (6000, 3))
    # Normal scores 2 apart with deviation 1: their log odds are twice the score.
    distress_logits = 3 * 2 * (np.where(positive, 1, -1) + rng.normal(0, 1, 6000)) + 3 * np.log(2)
    logits = np.column_stack((emotions, distress_logits)).astype(np.float32)
    temperature, distress = operating_point.choose(
        operating_point.Held(LABELS, logits, owner, truths), ("angry", "sad", "fearful")
    )
    assert (
        temperature
        == operating_point.choose(
            operating_point.Held(LABELS, logits[:, :3], owner, truths), ("angry", "sad")
        )[0]
    )
    assert distress.weights == {}
    assert distress.causes == ("angry", "sad")
    assert distress.temperature == pytest.approx(3, rel=0.1)
    scores = sigmoid(logits[:, 3] / np.float32(distress.temperature)).reshape(3000, 2).max(axis=1)
    assert (scores[truths == 1] >= distress.policy.onset).mean() == pytest.approx(0.05, abs=0.005)


@pytest.mark.parametrize("emotions", [("angry", "calm", "sad"), ("fearful",)])
def test_recordings_all_distressed_or_none_choose_nothing(emotions):
    held = operating_point.Held(LABELS, np.zeros((3, 3), np.float32), np.arange(3), np.arange(3))
    with pytest.raises(CorpusError, match=r"of 3 recordings are .*: add recordings"):
        operating_point.choose(held, emotions)
