from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.adaptation import BedStatistics
from train import beds
from train.corpus import Clip
from train.dataset import ClipFeatures
from train.recipe import FRONT_END, Recipe

RECIPE = replace(Recipe(), orders=2)
EMOTIONS = ("angry", "calm", "sad", "neutral")


@pytest.fixture(scope="module")
def material():
    """Two speakers, four recordings each, at their own bed and at a virtual one that is shifted by 3."""
    rng = np.random.default_rng(0)
    clips = [Clip(Path("x"), speaker, emotion, "corpus", "-") for speaker in "ab" for emotion in EMOTIONS]
    frames = [
        (rng.standard_normal((170, FRONT_END.coefficients)) + (clip.speaker == "b")).astype(np.float32)
        for clip in clips
    ]
    return clips, [ClipFeatures(one, (one + 3,)) for one in frames]


@pytest.fixture(scope="module")
def histories(material):
    clips, features = material
    adaptation = beds.adaptation_of(features, RECIPE)
    return adaptation, beds.histories(clips, features, adaptation, RECIPE)


def test_the_first_recording_at_a_bed_is_heard_cold(histories):
    adaptation, found = histories
    assert found.shape == (8, 2, 2, 2, FRONT_END.coefficients)
    cold = np.isclose(found[..., 0, :], adaptation.mean, atol=1e-5).all(axis=-1)
    # One of each speaker's four at each bed and in each order.
    assert (cold[:4].sum(axis=0) == 1).all()
    assert (cold[4:].sum(axis=0) == 1).all()


def test_what_was_spoken_at_rest_comes_first_in_the_last_order(histories):
    adaptation, found = histories
    moved = np.abs(found[:, :, -1, 0] - adaptation.mean).sum(axis=-1)
    at_rest = [i for i in range(4) if EMOTIONS[i] in ("calm", "neutral")]
    others = [i for i in range(4) if i not in at_rest]
    assert (moved[at_rest].max(axis=0) <= moved[others].min(axis=0)).all()


def test_a_bed_is_learnt_from_what_is_heard_at_it_alone(histories):
    _, found = histories
    last = found[:, :, 0, 0].mean(axis=-1)
    assert (last[:, 1].max(), last[4:, 1].max()) > (last[:, 0].max(), last[:4, 1].max())


def test_windows_are_adapted_as_the_device_does(material, histories):
    adaptation, _ = histories
    windows = np.stack([material[1][0].frames[:150], material[1][0].frames[20:]])
    bed = BedStatistics(adaptation)
    for window, found in zip(windows, beds.adapted(BedStatistics(adaptation), windows), strict=True):
        bed.hear(window)
        assert np.array_equal(found, bed.apply(window))


def test_speech_in_training_has_mean_0_and_deviation_1_once_normalised(histories):
    adaptation, _ = histories
    normalisation = beds.normalisation_of(adaptation, RECIPE)
    assert normalisation.mean == adaptation.mean
    assert normalisation.lowest == RECIPE.lowest
