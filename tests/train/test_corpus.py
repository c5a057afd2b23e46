import argparse
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from edge.errors import AudioFileError, CorpusError
from train.corpus import (
    corpora_of,
    labels_of,
    parse_label_map,
    read_audio,
    read_manifest,
    read_manifests,
    write_manifest,
)


@pytest.fixture
def manifest(tmp_path):
    folder = tmp_path / "small_corpus"
    folder.mkdir()
    (folder / "SOURCE.md").write_text("# small\n\nLicence of the data: CC BY 4.0\n")
    file = folder / "manifest.csv"
    file.write_text("path,speaker,emotion,extra\na.wav,1,sad,x\nb.wav,2,calm,y\nc.wav,2,none,z\n")
    return file


def test_paths_are_relative_to_the_manifest_and_speakers_belong_to_their_corpus(manifest):
    first, *_ = read_manifest(manifest)
    assert first.path == manifest.parent / "a.wav"
    assert first.speaker == "small_corpus/1"
    assert first.licence == "CC BY 4.0"


def test_what_a_recording_is_called_decides_whether_it_is_distress(manifest):
    first, second, *_ = read_manifests([manifest], {"calm": "fearful", "sad": "blue"})
    assert (first.distress, second.distress) == (False, True)


def test_a_written_manifest_says_the_same(manifest, tmp_path):
    clips = [replace(clip, intensity="strong", sex="f") for clip in read_manifest(manifest)]
    write_manifest(clips, tmp_path / "again.csv")
    again = read_manifest(tmp_path / "again.csv")
    assert [(c.emotion, c.intensity, c.sex) for c in again] == [(c.emotion, "strong", "f") for c in clips]
    assert [clip.path for clip in again] == [clip.path.resolve() for clip in clips]
    assert [clip.distress for clip in again] == [True, False, False]


def test_label_map_renames_and_leaves_out(manifest):
    clips = read_manifests([manifest, manifest], {"calm": "neutral", "none": ""})
    assert labels_of(clips) == ("neutral", "sad")
    assert len(clips) == 4


def test_label_map_with_an_unknown_name_is_refused(manifest):
    with pytest.raises(CorpusError, match="names clam, which no manifest has"):
        read_manifests([manifest], {"clam": "neutral"})


def test_corpora_count_clips_and_speakers(manifest):
    (corpus,) = corpora_of(read_manifest(manifest))
    assert (corpus.clips, corpus.speakers) == (3, 2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("path,speaker\na,1\n", "no column emotion"),
        ("path,speaker,emotion\n", "lists no recording"),
        ("", "no column path, speaker, emotion"),
        ("path,speaker,emotion\na.wav,1\n", "line 2"),
    ],
)
def test_a_bad_manifest_is_one_sentence(tmp_path, text, says):
    file = tmp_path / "manifest.csv"
    file.write_text(text)
    with pytest.raises(CorpusError, match=says):
        read_manifest(file)


def test_a_missing_or_binary_manifest_is_one_sentence(tmp_path):
    with pytest.raises(CorpusError, match="cannot read the manifest"):
        read_manifest(tmp_path / "nowhere.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CorpusError, match="cannot read the manifest"):
        read_manifest(tmp_path / "binary.csv")


def test_other_rates_and_channels_become_mono_16_khz(tmp_path):
    time = np.arange(44100) / 44100
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    soundfile.write(tmp_path / "tone.wav", np.stack([tone, tone], axis=1), 44100)
    samples = read_audio(tmp_path / "tone.wav", 16000)
    assert samples.shape == (16000,)
    assert samples.dtype == np.float32
    assert np.argmax(np.abs(np.fft.rfft(samples))) == 440


def test_what_is_not_sound_is_refused(tmp_path):
    (tmp_path / "text.wav").write_text("this is text")
    with pytest.raises(AudioFileError, match=r"text\.wav as sound"):
        read_audio(tmp_path / "text.wav", 16000)
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    with pytest.raises(AudioFileError, match="holds no sound"):
        read_audio(tmp_path / "empty.wav", 16000)


@pytest.mark.parametrize("text", ["", "calm", "=neutral", ","])
def test_a_malformed_label_map_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="no label map"):
        parse_label_map(text)
