"""The TOML an engineer writes for a network of their own."""

from pathlib import Path

import numpy as np
import pytest

from convert import front_end_file
from edge import model_file
from edge.errors import ConversionError

OWN = """
name = "ward-net"
version = "1.2.0"
labels = ["angry", "calm", "sad"]
[front_end]
sample_rate = 16000
frame_length = 400
hop_length = 160
mel_bins = 40
coefficients = 20
[window]
frames = 200
hop_frames = 100
[normalisation]
mean = 0.5
deviation = 2.0
lowest = -8.0
"""


@pytest.fixture
def toml(tmp_path):
    def write(text):
        (tmp_path / "own.toml").write_text(text)
        return tmp_path / "own.toml"

    return write


def shipped():
    path = Path(__file__).parents[2] / "model/bedside-ser.tflite"
    return model_file.read(path).manifest.training


def test_what_is_not_said_is_filled_in(toml):
    training = front_end_file.read(toml(OWN), None)
    front_end = training.front_end
    assert (front_end.fft_length, front_end.window, front_end.high_hz) == (512, "hamming", 8000)
    assert (front_end.frame_length, front_end.coefficients) == (400, 20)
    assert training.normalisation.mean == (0.5,) * 20
    assert training.distress.weights == {"angry": 1, "sad": 1}
    assert "not measured" in training.distress.chosen_for
    assert np.isclose(front_end.pre_emphasis, 0.97)


def test_labels_without_distress_ask_for_its_weights(toml):
    with pytest.raises(ConversionError, match=r"own.toml is wrong: distress is missing, .*distress.weights"):
        front_end_file.read(toml(OWN.replace('"angry", "calm", "sad"', '"calm", "happy"')), None)


def test_the_same_as_the_metadata_is_the_metadata(toml):
    training = shipped()
    labels = ", ".join(f'"{label}"' for label in training.labels)
    text = (
        f"labels = [{labels}]\n[front_end]\nsample_rate = 16000\nhop_length = 320\n[window]\nframes = 150\n"
    )
    assert front_end_file.read(toml(text), training) == training


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[front_end]\nsample_rate = 8000\n",
            "front_end.sample_rate is 8000 in .* and 16000 in the metadata",
        ),
        ("[front_end]\nmel_bins = 40\n", "front_end.mel_bins is 40 in .* and 64 in the metadata"),
        ('labels = ["sad", "calm"]\n', r"labels is \['sad', 'calm'\] in .* and \['angry', "),
        ("[front_end]\ncolour = 4\n", "unknown key front_end.colour"),
        ("[front_end\n", "is no TOML: "),
        ("[normalisation]\nmean = 0.0\n", "gives one number as normalisation.mean and no"),
    ],
)
def test_what_contradicts_the_metadata_is_named_with_both_values(toml, text, said):
    with pytest.raises(ConversionError, match=said):
        front_end_file.read(toml(text), shipped())


def test_a_missing_file(tmp_path):
    with pytest.raises(ConversionError, match=r"cannot read .*none.toml: No such file"):
        front_end_file.read(tmp_path / "none.toml", None)
