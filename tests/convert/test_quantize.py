"""bedside-quantize as an engineer runs it, on networks that fit and networks that do not."""

import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge import model_file
from edge.analyse import analyse
from edge.classifier import Classifier, normalise
from edge.config import Gate
from edge.episodes import EpisodeDetector
from edge.features import mfcc
from edge.model_description import describe
from edge.pipeline import Pipeline
from edge.windows import recording_windows
from train import bed_conditions, level, metrics, scoring
from train.corpus import read_audio, read_manifest
from train.robustness import windows_in

DISTRESS_KERNEL, DISTRESS_BIAS = 2.0, 2.0  # as in make_networks.py, which loads TensorFlow
ROOT = Path(__file__).parents[2]


def quantize(*arguments, script=False, folder=None):
    start = [ROOT / "convert/quantize.py"] if script else ["-m", "convert.quantize"]
    command = [sys.executable, *start, *arguments]
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=240, check=False, cwd=folder
    )


@pytest.fixture(scope="session")
def networks(fitted, tmp_path_factory):
    """A folder of small networks beside the metadata of a real one."""
    folder = tmp_path_factory.mktemp("networks")
    command = [sys.executable, Path(__file__).with_name("make_networks.py"), folder]
    subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=240)
    described = json.loads((fitted / "model.json").read_text())
    policy = described["distress"]["policy"]
    weighted = {"weights": {"sad": 1, "angry": 1}, "policy": policy, "chosen_for": "tests"}
    (folder / "model.json").write_text(json.dumps(described | {"distress": weighted}))
    return folder


def test_the_file_is_whole_and_runs_on_the_device_side(device_model, fitted, small_manifest):
    model = model_file.read(device_model)
    training = model.manifest.training
    assert json.loads((fitted / "model.json").read_text())["labels"] == list(training.labels)
    assert model.manifest.sha256 == hashlib.sha256(model.flatbuffer).hexdigest()
    assert zipfile.ZipFile(device_model).namelist() == ["labels.txt", "manifest.json"]
    samples, _ = soundfile.read(small_manifest.parent / "sad.wav", dtype="int16")
    window = recording_windows(mfcc(samples, training.front_end), training.window, training.front_end)[0]
    probabilities = Classifier(model).judge(window).probabilities
    assert probabilities.shape == (4,)
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_the_script_prints_float_beside_int8_and_the_same_inputs_give_the_same_bytes(
    fitted, small_manifest, device_model, tmp_path
):
    out = tmp_path / "again.tflite"
    done = quantize(
        *(fitted / "model.keras", "--calibration", small_manifest),
        *("--out", out, "--json", tmp_path / "c.json"),
        script=True,
    )
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == device_model.read_bytes()
    comparison = json.loads((tmp_path / "c.json").read_text())
    assert comparison["recordings"] == 4
    assert comparison["int8_bytes"] == out.stat().st_size <= 500 * 1024
    assert f"{comparison['float_uar']:.4f}" in done.stdout
    assert f"{comparison['int8_uar']:.4f}" in done.stdout
    assert comparison["largest_change"] < 0.1


def test_other_convolutional_networks_convert(networks, small_manifest, tmp_path):
    out = tmp_path / "model.tflite"
    done = quantize(
        *(networks / "separable.keras", "--calibration", small_manifest, "--out", out),
        *("--name", "separable", "--version", "2.0.1"),
    )
    assert done.returncode == 0, done.stderr
    assert model_file.read(out).manifest.title == "separable 2.0.1"


def test_folders_named_like_our_packages_are_not_taken_for_them(networks, small_manifest, tmp_path):
    for name in ("convert", "edge", "train"):
        (tmp_path / name).mkdir()
    out = tmp_path / "model.tflite"
    arguments = (networks / "conv1d.keras", "--calibration", small_manifest, "--out", out)
    done = quantize(*arguments, script=True, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert model_file.read(out).manifest.output.shape == (1, 4)


REFUSALS = {
    "lstm": "has recurrent layers (lstm",
    "bidirectional": "has recurrent layers",
    "nested_lstm": "has recurrent layers",
    "any_length": "is (None, 40), model.json says (150, 40)",
    "other_window": "is (100, 40), model.json says (150, 40)",
    "five_classes": "is (5,), model.json says (4,): one value a label, and one more where it has distress",
    "not_numbers": "weights that are not numbers",
    "two_outputs": "1 inputs and 2 outputs",
}


def test_a_network_that_does_not_fit_is_refused_in_one_sentence(networks, small_manifest, tmp_path):
    out = tmp_path / "model.tflite"
    done = quantize(networks / "lstm.keras", "--calibration", small_manifest, "--out", out)
    assert done.returncode == 65, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("bedside-quantize: ")
    assert REFUSALS["lstm"] in last
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_whatever_does_not_fit_is_named(networks):
    command = [sys.executable, Path(__file__).with_name("refusals.py"), networks, *REFUSALS, "conv1d"]
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, timeout=240)
    said = json.loads(done.stdout.splitlines()[-1])
    assert said.pop("conv1d") is None
    assert "is (4,), model.json says (5,): one value a label, and one more" in said.pop("no_distress_output")
    assert {name: REFUSALS[name] in sentence for name, sentence in said.items()} == dict.fromkeys(
        REFUSALS, True
    )
    assert not [sentence for sentence in said.values() if "\n" in sentence]


def test_files_that_are_not_what_they_should_be_are_refused(networks, small_manifest, tmp_path):
    shutil.copy(networks / "model.json", tmp_path)
    (tmp_path / "text.keras").write_text("no model")
    done = quantize(tmp_path / "text.keras", "--calibration", small_manifest)
    assert (done.returncode, "text.keras is no Keras model" in done.stderr) == (65, True)
    done = quantize(tmp_path / "missing.keras", "--calibration", small_manifest)
    assert (done.returncode, "missing.keras is no file" in done.stderr) == (65, True)
    (tmp_path / "model.json").write_text("{}")
    done = quantize(tmp_path / "text.keras", "--calibration", small_manifest)
    assert (done.returncode, "name is missing" in done.stderr) == (66, True)
    assert not list(tmp_path.glob("*.tflite*"))


def test_silent_calibration_is_refused(networks, tmp_path):
    soundfile.write(tmp_path / "silent.wav", np.zeros(48000), 16000)
    (tmp_path / "manifest.csv").write_text("path,speaker,emotion\nsilent.wav,1,sad\n")
    done = quantize(
        networks / "conv1d.keras", "--calibration", tmp_path / "manifest.csv", "--out", tmp_path / "m.tflite"
    )
    assert done.returncode == 65
    assert "are silent" in done.stderr
    assert not (tmp_path / "m.tflite").exists()


def test_evaluation_labels_the_model_lacks_are_refused(networks, small_manifest, tmp_path):
    done = quantize(
        *(networks / "conv1d.keras", "--calibration", small_manifest),
        *("--map", "sad=weary", "--out", tmp_path / "m.tflite"),
    )
    assert done.returncode == 65
    assert "has weary" in done.stderr


LABELS = ("angry", "calm", "disgust", "fearful", "happy", "neutral", "sad", "surprised")
CAUSES = ("angry", "fearful", "sad")


@dataclasses.dataclass
class Nine:
    """The converted network of eight emotions and a distress output, and what was said of it."""

    model: model_file.ModelFile
    path: Path
    printed: str
    comparison: dict[str, float]


@pytest.fixture(scope="session")
def nine(networks, small_manifest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nine")
    described = json.loads((networks / "model.json").read_text())
    policy = {"smoothing": 0.3, "onset": 0.6, "offset": 0.4, "count": 2, "among": 3, "hold_off_s": 3}
    distress = {"policy": policy, "chosen_for": "tests", "temperature": 2.0, "causes": CAUSES}
    (folder / "model.json").write_text(json.dumps(described | {"labels": LABELS, "distress": distress}))
    path = folder / "nine.tflite"
    done = quantize(
        *(networks / "nine.keras", "--metadata", folder / "model.json", "--calibration", small_manifest),
        *("--out", path, "--json", folder / "comparison.json"),
    )
    assert done.returncode == 0, done.stderr
    comparison = json.loads((folder / "comparison.json").read_text())
    return Nine(model_file.read(path), path, done.stdout, comparison)


def test_a_distress_output_is_converted_and_compared(nine):
    assert nine.model.manifest.output.shape == (1, 9)
    largest, mean = (nine.comparison[f"{name}_distress_change"] for name in ("largest", "mean"))
    assert 0 < mean <= largest < 0.05
    assert f"{largest:.3f} is a window's largest change, {mean:.3f} the mean" in nine.printed
    assert nine.comparison["agreement"] == 1.0  # happy is likeliest everywhere, whatever the distress output
    assert (
        "an output of its own, temperature 2; episodes named after angry"
        in dict(describe(nine.model.manifest))["distress"]
    )


def test_the_device_says_of_distress_what_the_network_says(nine, small_manifest):
    classifier, training = Classifier(nine.model), nine.model.manifest.training
    for clip in read_manifest(small_manifest):
        samples, _ = soundfile.read(clip.path, dtype="int16")
        frames = mfcc(samples, training.front_end)
        for window in recording_windows(frames, training.window, training.front_end):
            said = classifier.judge(window)
            assert said.probabilities.shape == (8,)
            loudness = normalise(window, training.normalisation)[:, 0].mean()
            logit = DISTRESS_KERNEL * loudness + DISTRESS_BIAS
            assert said.distress == pytest.approx(1 / (1 + np.exp(-logit / 2)), abs=0.05)


def test_a_distress_output_makes_episodes(nine):
    samples, _ = soundfile.read(ROOT / "tests/data/scene.wav", dtype="int16")
    classifier, training = Classifier(nine.model), nine.model.manifest.training
    pipeline = Pipeline(classifier, Gate())
    results = [*pipeline.feed(samples), *pipeline.flush()]
    judged = [result.judgement for result in results if result.judgement is not None]
    assert {judgement.emotion for judgement in judged} == {"happy"}
    assert all(set(judgement.probabilities) == set(LABELS) for judgement in judged)
    # The network scores loudness: half of what is heard shall be too loud.
    onset = float(np.median([judgement.distress for judgement in judged]))
    policy = dataclasses.replace(training.distress.policy, onset=onset, offset=onset / 2, min_duration_s=0)
    detector = EpisodeDetector(policy, training.distress, lambda: "0" * 32)
    events = [event for result in results for event in detector.update(result)]
    events += detector.finish("the end")
    assert [event.phase for event in events if event.phase != "update"][:2] == ["onset", "end"]
    assert {event.emotion for event in events} == {"fearful"}  # the likeliest of those that may be a cause
    whole = analyse(ROOT / "tests/data/scene.wav", classifier, Gate())
    scores = [window.judgement.distress for window in whole.windows if window.judgement is not None]
    assert whole.whole.distress == pytest.approx(np.mean(scores))


def test_training_measures_the_distress_output(nine, small_manifest, tmp_path):
    classifier, clips = Classifier(nine.model), read_manifest(small_manifest)
    said = scoring.score(classifier, clips)
    positive = np.array([clip.emotion in CAUSES for clip in clips])
    _, report = scoring.evaluate(classifier, clips)
    assert report.distress_auc == metrics.auc(said.distress, positive)
    (tmp_path / "fold-1").mkdir()
    shutil.copy(nine.path, tmp_path / "fold-1/model.tflite")
    rows = "".join(f"{clip.path},{clip.speaker},{clip.emotion}\n" for clip in clips)
    for name in ("train.csv", "test.csv"):
        (tmp_path / "fold-1" / name).write_text("path,speaker,emotion\n" + rows)
    cold = bed_conditions.measure(tmp_path)[1]
    assert cold.figures["distress_auc"] == [pytest.approx(report.distress_auc, abs=1e-4)]
    plain = {row.condition: row.figures for row in level.measure(tmp_path) if row.policy == "none"}
    heard = [windows_in(read_audio(clip.path, 16000), classifier) for clip in clips]
    raised = np.array([scoring.judge(classifier, windows).distress >= 0.5 for windows in heard])
    assert plain["+0 dB"]["found"] == [pytest.approx(raised[positive].mean(), abs=1e-4)]
    assert plain["-30 dB"]["found"] == [0.0]  # its distress output is the loudness
