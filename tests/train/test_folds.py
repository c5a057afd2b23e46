from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import CorpusError
from train.corpus import Clip
from train.folds import RAVDESS_FOLDS, fingerprint, random_split, speaker_folds


def clips_of(speakers):
    return [Clip(Path(f"{i}.wav"), f"corpus/{name}", "sad", "corpus", "") for i, name in enumerate(speakers)]


@given(st.lists(st.integers(0, 12), min_size=20, max_size=80), st.integers(0, 5))
def test_no_speaker_is_on_both_sides_and_every_clip_is_tested_once(speakers, seed):
    clips = clips_of(speakers)
    folds = min(3, len(set(speakers)))
    splits = speaker_folds(clips, folds, seed)
    for training, tested in splits:
        assert not {clips[i].speaker for i in training} & {clips[i].speaker for i in tested}
        assert sorted([*training, *tested]) == list(range(len(clips)))
    assert sorted(np.concatenate([tested for _, tested in splits])) == list(range(len(clips)))


def test_ravdess_gets_the_published_folds():
    clips = clips_of([f"{actor:02}" for actor in range(1, 25)] * 2)
    for (_, tested), expected in zip(speaker_folds(clips, 5, 0), RAVDESS_FOLDS, strict=True):
        assert {clips[i].speaker.removeprefix("corpus/") for i in tested} == set(expected)


def test_too_few_speakers_are_refused():
    with pytest.raises(CorpusError, match="5 speaker-disjoint folds need 5 speakers; these clips have 2"):
        speaker_folds(clips_of("ababab"), 5, 0)


def test_a_fold_is_another_one_once_a_label_or_a_side_changes():
    clips = clips_of("aabb")
    renamed = [replace(clips[0], emotion="weary"), *clips[1:]]
    split, turned = (np.array([0, 1]), np.array([2, 3])), (np.array([2, 3]), np.array([0, 1]))
    prints = {fingerprint(clips, split), fingerprint(renamed, split), fingerprint(clips, turned)}
    assert len(prints) == 3
    assert fingerprint(clips_of("aabb"), split) in prints


def test_the_random_split_holds_out_its_share():
    training, tested = random_split(clips_of("a" * 50), 0.2, 0)
    assert (len(training), len(tested)) == (40, 10)
    assert not set(training) & set(tested)
