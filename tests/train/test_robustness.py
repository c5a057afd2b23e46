"""Noise, gain and bed on fold models: the conditions, and the verbs on a fold of four recordings."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.adaptation import BedStatistics
from edge.config import Gate
from edge.speech_gate import SpeechGate
from train.bed_conditions import CONDITIONS, Settled
from train.beds import adapted, drawn
from train.conditions import HEARD, changes, parts, unknown
from train.corpus import Clip, read_audio
from train.noise import Heard
from train.robustness import LEAD, Fold, folds_in, in_noise, windows_in
from train.scoring import others_heard

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def crossval(small_manifest, device_model, tmp_path_factory):
    """What a cross-validation of one fold would leave."""
    folder = tmp_path_factory.mktemp("crossval")
    fold = folder / "fold-1"
    fold.mkdir()
    shutil.copy(device_model, fold / "model.tflite")
    rows = [line.split(",") for line in small_manifest.read_text().splitlines()[1:]]
    lines = ["path,speaker,emotion,sex"]
    lines += [
        f"{small_manifest.parent / path},{speaker},{emotion},{'MF'[int(speaker) % 2]}"
        for path, speaker, emotion in rows
    ]
    for name in ("train.csv", "test.csv"):
        (fold / name).write_text("\n".join(lines) + "\n")
    (folder / "elsewhere").mkdir()
    strangers = [f"{DATA / name}.wav,s,{word}" for name, word in (("fearful", "scared"), ("sad", "sad"))]
    (folder / "elsewhere/manifest.csv").write_text("\n".join(["path,speaker,emotion", *strangers]) + "\n")
    return folder


def bedside_train(*arguments):
    command = [sys.executable, "-m", "train.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def measured(tmp_path, *arguments):
    out = tmp_path / "rows.json"
    done = bedside_train(*arguments, "--out", out)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(out.read_text())


def test_noise(crossval, tmp_path):
    arguments = ["noise", "--crossval", crossval, "--noise", DATA / "scene.wav", "--every", 2]
    printed, rows = measured(tmp_path, *arguments)
    assert len(rows) == 6 * 3
    assert {row["policy"] for row in rows} == {"off", "always", "where noisy"}
    assert all(0 <= value <= 1 for row in rows for values in row["figures"].values() for value in values)
    clean = {row["policy"]: row["figures"] for row in rows if row["condition"] == "as recorded"}
    assert clean["off"] == clean["where noisy"]
    assert clean["off"]["passed"] == [1.0]
    assert printed.count("\n") == 2 + len(rows)


def test_level(crossval, tmp_path):
    _, rows = measured(tmp_path, "level", "--crossval", crossval)
    assert len(rows) == 5 * 4
    assert all(0 <= value <= 1 for row in rows for values in row["figures"].values() for value in values)
    passed = {row["condition"]: row["figures"]["passed"][0] for row in rows}
    assert passed["-30 dB"] <= passed["+0 dB"] == 1


@pytest.mark.parametrize("snr_db", [0, 10, 20])
def test_noise_is_mixed_as_asked(snr_db):
    rng = np.random.default_rng(0)
    speech = (rng.normal(size=20000) * 0.05).astype(np.float32)
    hiss = (rng.normal(size=16000) * 0.3).astype(np.float32)
    mixed = in_noise(speech, hiss, snr_db, np.random.default_rng(1)) / 32768
    assert mixed.shape == (LEAD + speech.size,)
    added = mixed[LEAD:] - speech
    assert 10 * np.log10(np.mean(speech**2) / np.mean(added**2)) == pytest.approx(snr_db, abs=0.1)
    assert np.mean(mixed[:LEAD] ** 2) == pytest.approx(np.mean(added**2), rel=0.1)


def test_only_noisy_windows_are_reduced(voice_like):
    clean, noisy = voice_like
    heard = Heard(np.array([[1.0, 0], [1.0, 0]]), np.array([[0, 1.0], [0, 1.0]]), [clean, noisy])
    assert heard.probabilities("off").tolist() == [1, 0]
    assert heard.probabilities("always").tolist() == [0, 1]
    assert heard.probabilities("where noisy").tolist() == [0.5, 0.5]


@pytest.fixture
def voice_like():
    """The gate's word on a recording, and on the same in noise."""
    import soundfile

    samples, _ = soundfile.read(DATA / "angry.wav", dtype="int16")
    hiss = np.random.default_rng(0).normal(size=samples.size) * 700
    stretches = []
    for sound in (samples, np.clip(samples + hiss, -32768, 32767).astype(np.int16)):
        gate = SpeechGate(Gate())
        gate.feed(sound)
        stretches.append(gate.stretch(0, 48000))
    return stretches


def test_bed(crossval, tmp_path):
    _, rows = measured(tmp_path, "bed", "--crossval", crossval)
    assert [row["condition"] for row in rows] == list(CONDITIONS)
    figures = {row["condition"]: row["figures"] for row in rows}
    assert all(0 <= value <= 1 for one in figures.values() for values in one.values() for value in values)


def test_robustness(crossval, tmp_path):
    arguments = ["robustness", "--crossval", crossval, "--noise", DATA / "scene.wav"]
    arguments += ["--elsewhere", crossval / "elsewhere/manifest.csv", "--map", "scared=fearful"]
    printed, rows = measured(tmp_path, *arguments)
    said = {(row["condition"], row["policy"]): row["figures"] for row in rows}
    conditions = ["as recorded", "only F", "only M", *(f"noise, {snr} dB" for snr in (20, 10, 5, 0))]
    conditions += ["1 m away", "3 m away", "gain -20 dB", "gain +10 dB", "another corpus"]
    assert list(said) == [(name, policy) for name in conditions for policy in HEARD]
    assert said["noise, 0 dB", "cold"]["passed"][0] <= said["as recorded", "cold"]["passed"][0] == 1
    assert all(0 <= one["uar"][0] <= 1 for one in said.values())
    assert "| another corpus | cold |" in printed


def test_labels_of_another_corpus_are_looked_at_first(crossval):
    command = ["robustness", "--crossval", crossval, "--elsewhere", crossval / "elsewhere/manifest.csv"]
    done = bedside_train(*command)
    assert done.returncode == 66
    assert "the manifest has scared" in done.stderr


def test_a_talker_three_metres_away_is_heard_in_a_room():
    click = np.zeros(16000, np.float32)
    click[0] = 0.5
    near, far = (
        changes([])[f"{metres} m away"](click, 0, np.random.default_rng(0))[0].astype(float)
        for metres in (1, 3)
    )
    direct, after = slice(0, 800), slice(1600, 8000)
    tails = [np.sum(heard[after] ** 2) / np.sum(heard[direct] ** 2) for heard in (near, far)]
    assert tails[1] > 1.2 * tails[0], "the further away, the more of the room"


def test_only_strangers_of_another_corpus_are_judged(tmp_path):
    clips = [Clip(tmp_path / f"{i}.wav", f"x/{i // 2}", "calm", "x", "-", sex="FM"[i % 2]) for i in range(6)]
    fold, anybody = Fold(None, [clips[2]], []), Clip(tmp_path / "7.wav", "x/unknown", "calm", "x", "-")
    assert unknown(fold, [*clips, anybody]) == [*clips[:2], *clips[4:]]
    assert parts(clips) == {"only F": [0, 2, 4], "only M": [1, 3, 5]}


def test_a_recording_is_not_among_those_its_bed_has_heard():
    clips = [Clip(Path(str(i)), f"x/{i % 2}", "calm", "x", "-") for i in range(10)] + [
        Clip(Path("alone"), "x/alone", "calm", "x", "-")
    ]
    heard = others_heard(clips, 3)
    assert [len(one) for one in heard] == [3] * 10 + [0]
    assert all(i not in one and all(j % 2 == i % 2 for j in one) for i, one in enumerate(heard))
    assert all(len(one) == 4 for one in others_heard(clips, 20)[:10])


def test_a_bed_hears_so_many_others_or_all_there_are():
    rng = np.random.default_rng(0)
    assert drawn([1, 2, 3], 0, rng) == []
    assert sorted(drawn([1, 2, 3], 20, rng)) == [1, 2, 3]
    assert set(drawn([1, 2, 3], 2, rng)) < {1, 2, 3}


def test_a_settled_bed_has_heard_the_same_for_long(crossval):
    [fold] = folds_in(crossval)
    adaptation = fold.classifier.manifest.training.adaptation
    windows = [windows_in(read_audio(clip.path, 16000), fold.classifier) for clip in fold.tested]
    settled = Settled(adaptation, windows)
    first, again = (settled.after([0, 1], 600, windows[2]) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    bed = BedStatistics(adaptation)
    every = [window for i in (0, 1) for window in windows[i]]
    for number in range(600):
        bed.hear(every[number % len(every)])
    np.testing.assert_allclose(first, adapted(bed, windows[2]), atol=0.01)
    assert np.abs(first - settled.after([], 600, windows[2])).max() > 0.1
