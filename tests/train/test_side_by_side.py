"""Other systems on the same folds; the networks in a process apart."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.errors import CorpusError
from train import side_by_side
from train.corpus import Clip
from train.side_by_side import Scored, System

EMOTIONS = ("angry", "calm", "sad")


@pytest.fixture
def clips():
    """Ten speakers, each twice with each of three emotions."""
    return [
        Clip(Path(f"{speaker}-{emotion}-{again}.wav"), f"x/{speaker}", emotion, "x", "-")
        for speaker in range(10)
        for emotion in EMOTIONS
        for again in range(2)
    ]


def test_support_vectors_find_what_is_there(clips):
    rng = np.random.default_rng(0)
    told = np.eye(3)[[EMOTIONS.index(clip.emotion) for clip in clips]]
    features = np.hstack((told + rng.normal(0, 0.1, told.shape), rng.normal(0, 1, (len(clips), 20))))
    split = side_by_side.splits(clips)["fold-1"]
    said, _ = side_by_side.support_vectors(features.astype(np.float32), clips)(split)
    truths = np.array([EMOTIONS.index(clips[i].emotion) for i in split[1]])
    assert (said == truths).mean() > 0.9


def test_what_is_finished_is_not_trained_again(clips, tmp_path):
    trained = []

    def ready():
        def guess(split):
            trained.append(len(split[0]))
            return np.zeros(len(split[1]), np.intp), 7

        return guess

    system = System("always angry", "1", ready)
    first, again = (side_by_side.run(system, clips, tmp_path) for _ in range(2))
    assert len(trained) == 6
    side_by_side.run(replace(system, identity="2"), clips, tmp_path)
    assert len(trained) == 12, "another system of the same name"
    assert first == again
    assert first["fold-1"].uar == pytest.approx(1 / 3)
    text = "\n".join(side_by_side.lines({"always angry": first}))
    assert "| always angry | 7 | 0.333 | 0.333 | 0.333 | 0.333 | 0.333 | 0.333 | 0.000 |" in text
    assert "a stranger" in text


def test_ours_is_what_was_cross_validated(tmp_path):
    results = {"fold_int8_uar": [0.7] * 5, "fold_accuracy": [0.6] * 5}
    results |= {"random_split_uar": 0.9, "random_split_accuracy": 0.8}
    (tmp_path / "results.json").write_text(json.dumps(results))
    found = side_by_side.ours(tmp_path)
    assert found["fold-5"] == Scored(0.7, 0.6, 0, 0)
    assert found["random"].accuracy == 0.8
    with pytest.raises(CorpusError, match="no finished cross-validation"):
        side_by_side.ours(tmp_path / "nowhere")


NETWORKS = """
import json, sys
from dataclasses import replace
import numpy as np
from pathlib import Path
from train import rivals
from train.corpus import read_manifest
clips = read_manifest(Path(sys.argv[1]))
found = {}
for rival in rivals.RIVALS:
    features = rivals.heard(clips, rival)
    assert features.shape == (4, rival.frames, 40), features.shape
    assert np.isfinite(features).all()
    longer = rivals.heard(clips[:1], replace(rival, frames=2000))[0]
    assert (longer[0] == longer[1]).all() == rival.recurrent, "the rest comes first"
    assert (longer[-1] == longer[-2]).all() != rival.recurrent, "or last"
    quick, sides = replace(rival, epochs=1), (np.arange(3), np.arange(3, 4))
    said, parameters = rivals.guesses(quick, features, np.arange(4), *sides, seed=0)
    assert said.shape == (1,)
    found[rival.name] = parameters
    assert len({one.identity for one in (rival, quick, replace(rival, recurrent=not rival.recurrent))}) == 3
print(json.dumps(found))
"""


def test_the_networks_learn_from_recordings(small_manifest):
    done = subprocess.run(
        [sys.executable, "-c", NETWORKS, str(small_manifest)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    parameters = json.loads(done.stdout)
    assert set(parameters) == {"two-layer LSTM", "three branches (Light-SERNet)", "CNN-LSTM"}
    assert parameters["CNN-LSTM"] > 1.5e6
    assert 4e5 < parameters["three branches (Light-SERNet)"] < 6e5, "463,000 in the paper, with fewer labels"
