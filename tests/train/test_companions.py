from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from train.companions import companions, fold_of, shares
from train.corpus import Clip, distress_in
from train.sounds import Sound

HERE, THERE = Path("corpora/labelled"), Path("corpora/other")


def sound(name, role, speaker="", kind="", corpus=THERE):
    return Sound(corpus / name, speaker, role, kind, ordinary=False, level_db=0.0, corpus=corpus)


@pytest.fixture
def others():
    """Two recordings each of twenty speakers, one in distress, and ten coughs of nobody."""
    voices = [
        sound(f"{speaker}-{role}.flac", role, f"other/{speaker}", "cry" if role == "distress" else "")
        for speaker in range(20)
        for role in ("distress", "speech")
    ]
    coughs = [sound(f"cough-{number}.flac", "disturbance", kind="cough") for number in range(10)]
    return companions([*voices, *coughs], [])


def test_they_teach_distress_and_no_emotion(others):
    assert Counter((clip.emotion, clip.distress) for clip in others) == {
        ("other: cry", True): 20,
        ("other: speech", False): 20,
        ("other: cough", False): 10,
    }


def test_backgrounds_and_the_labelled_corpus_are_none():
    labelled = [Clip(HERE / "a.flac", "labelled/1", "sad", "labelled", "-")]
    sounds = [sound("a.flac", "distress", "labelled/1", "cry", HERE), sound("air.flac", "background")]
    assert companions(sounds, labelled) == []


def test_nobody_is_on_both_sides_of_a_fold(others):
    fold = fold_of(others, 5)
    of_speaker = {}
    for clip, number in zip(others, fold, strict=True):
        if clip.speaker != clip.corpus:
            of_speaker.setdefault(clip.speaker, set()).add(int(number))
    assert all(len(folds) == 1 for folds in of_speaker.values())
    assert set(np.bincount(fold, minlength=5)) == {10}
    assert (fold_of(others[::-1], 5)[::-1] == fold).all(), "whatever their order"


def test_a_rare_kind_is_drawn_more_often_than_it_is_found(others):
    drawn = shares(others)
    assert drawn.sum() == pytest.approx(1)
    of_kind = {
        kind: sum(share for clip, share in zip(others, drawn, strict=True) if clip.emotion == kind)
        for kind in ("other: cry", "other: cough")
    }
    assert of_kind["other: cry"] / of_kind["other: cough"] == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize(
    ("emotion", "intensity", "is_distress"),
    [
        ("sad", "strong", True),
        ("fearful", "", True),
        ("angry", "normal", None),
        ("disgust", "strong", False),
        ("calm", "normal", False),
    ],
)
def test_what_is_acted_with_less_is_neither_distress_nor_none(emotion, intensity, is_distress):
    assert distress_in(emotion, intensity) is is_distress
