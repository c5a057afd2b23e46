"""PyTorch networks, where an environment has litert-torch: TORCH_PYTHON names its Python."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge import model_file, self_test
from edge.classifier import Classifier

HERE = Path(__file__).parent
PYTHON = os.environ.get("TORCH_PYTHON", sys.executable)

pytestmark = pytest.mark.skipif(
    "TORCH_PYTHON" not in os.environ and importlib.util.find_spec("litert_torch") is None,
    reason="litert-torch is not installed here, and TORCH_PYTHON names no Python that has it",
)


OWN = """
name = "torch-net"
labels = ["angry", "fearful", "neutral", "sad"]
front_end = {sample_rate = 16000, frame_length = 800, hop_length = 320, mel_bins = 64, coefficients = 40}
window = {frames = 150, hop_frames = 50}
normalisation = {mean = 0.0, deviation = 5.0, lowest = -6.0}
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """What an engineer brings, with a front end in their own words."""
    folder = tmp_path_factory.mktemp("torch")
    (folder / "own.toml").write_text(OWN)
    shutil.copy(HERE / "make_torch.py", folder)
    command = [PYTHON, folder / "make_torch.py", folder]
    subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=240)
    return folder


@pytest.fixture
def convert(quantize, given, small_manifest, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE.parents[1]))

    def run(model, *arguments):
        own = ("--front-end", given / "own.toml", "--torch-python", PYTHON)
        return quantize(model, "--calibration", small_manifest, *own, *arguments)

    return run


def test_an_exported_program_and_a_factory_with_its_weights_give_the_same_network(convert, given, tmp_path):
    done = convert(given / "net.pt2", "--out", tmp_path / "a.tflite", "--json", tmp_path / "a.json")
    assert done.returncode == 0, done.stderr[-2000:]
    model = model_file.read(tmp_path / "a.tflite")
    self_test.check(Classifier(model))
    assert model.manifest.tools["torch"]
    assert model.manifest.title == "torch-net 0.0.0"
    said = json.loads((tmp_path / "a.json").read_text())
    assert said["agreement"] == 1.0
    assert said["largest_change"] < 0.02
    assert said["anatomy"]["multiply_adds"] == 146 * 8 * 5 * 40 + 8 * 4
    other = ("--weights", given / "weights.pt", "--out", tmp_path / "b.tflite")
    done = convert(given / "make_torch.py:Net", *other)
    assert done.returncode == 0, done.stderr[-2000:]
    scores = [model_file.read(tmp_path / name).manifest.self_test.scores for name in ("a.tflite", "b.tflite")]
    assert scores[0] == pytest.approx(scores[1], abs=model.manifest.self_test.tolerance)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("make_torch.py:Recurrent", "has recurrent layers (lstm), which have no int8 form"),
        ("make_torch.py:five", "is (1, 5), model.json says (1, 4): one value a label"),
        ("make_torch.py:six", "has no function six; give FILE.py:FACTORY"),
        ("truncated.pt2", "is no PyTorch model: "),
    ],
)
def test_what_does_not_fit_is_refused(convert, given, tmp_path, model, said):
    done = convert(given / model, "--out", tmp_path / "m.tflite")
    assert done.returncode == 65, done.stderr[-2000:]
    assert said in done.stderr.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
