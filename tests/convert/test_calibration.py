"""Which recordings set the scales."""

from pathlib import Path

import numpy as np
import soundfile

from convert.calibration import choose_clips, extremes, find_clips, record
from edge import model_file
from edge.manifest import Calibration
from edge.windows import silence_frame
from train.corpus import Clip

LOUDNESS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)


def clips_of(folder, emotion, order):
    """Noise of six loudnesses, named in the order given."""
    made = []
    for name, place in enumerate(order):
        path = folder / f"{emotion}-{name}.wav"
        soundfile.write(path, np.random.default_rng(0).normal(0, LOUDNESS[place], 8000), 16000)
        made.append(Clip(path, "1", emotion, "corpus", "none"))
    return made


def loudness(clip):
    return float(soundfile.read(clip.path)[0].std())


def test_every_class_is_seen_from_its_quietest_to_its_loudest(tmp_path):
    clips = [*clips_of(tmp_path, "sad", (3, 0, 5, 1, 4, 2)), *clips_of(tmp_path, "angry", (0, 1, 2, 3, 4, 5))]
    chosen = choose_clips(clips, 6)
    assert [clip.emotion for clip in chosen] == ["angry"] * 3 + ["sad"] * 3
    for three in (chosen[:3], chosen[3:]):
        found = [loudness(clip) for clip in three]
        assert found == sorted(found)
        assert np.allclose((found[0], found[2]), (LOUDNESS[0], LOUDNESS[-1]), rtol=0.2)
    assert choose_clips(clips[::-1], 6) == chosen  # whatever the order of the manifest


def test_fewer_than_asked_for_are_all_taken(tmp_path):
    clips = [*clips_of(tmp_path, "sad", (0, 1)), *clips_of(tmp_path, "angry", (0,))]
    assert {clip.path for clip in choose_clips(clips, 200)} == {clip.path for clip in clips}


def test_a_folder_of_sounds_has_its_subfolders_as_classes(tmp_path):
    for name in ("by/day/1.wav", "by/day/2.WAV", "by/night/3.flac", "by/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = find_clips([tmp_path / "by"], {})
    assert [(clip.path.name, clip.emotion) for clip in found] == [
        ("1.wav", "day"),
        ("2.WAV", "day"),
        ("3.flac", "night"),
    ]


def test_the_manifest_names_each_recording_by_its_digest(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of abc, FIPS 180-2
    clip = Clip(tmp_path / "a.wav", "1", "sad", "corpus", "none")
    assert record([clip, clip]) == Calibration(clips=2, sha256=(digest, digest))


def test_silence_and_full_scale_are_the_ends_of_the_front_end():
    path = Path(__file__).parents[2] / "model/bedside-ser.tflite"
    training = model_file.read(path).manifest.training
    silence, noise, square = extremes(training)
    assert silence.shape == noise.shape == square.shape == (150, 40)
    assert np.array_equal(silence[0], silence_frame(training.front_end))
    power = np.exp(noise[:, 0].astype(float)).mean()
    scream, _ = soundfile.read(path.parents[1] / "tests/data/angry.wav")
    assert power > np.exp(silence[0, 0]) * 1e12
    assert power > np.square(scream).max()
    assert square[:, 0].min() > silence[0, 0]
