"""bedside-quantize as an engineer runs it, on networks that fit and networks that do not."""

import dataclasses
import hashlib
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge import model_file, self_test, signature
from edge.analyse import analyse
from edge.classifier import Classifier, normalise
from edge.config import Gate
from edge.episodes import EpisodeDetector
from edge.features import mfcc
from edge.manifest import Calibration
from edge.model_description import describe
from edge.pipeline import Pipeline
from edge.windows import recording_windows
from train import bed_conditions, level, metrics, scoring
from train.corpus import read_audio, read_manifest
from train.robustness import windows_in

DISTRESS_KERNEL, DISTRESS_BIAS = 2.0, 2.0  # as in make_networks.py, which loads TensorFlow
ROOT = Path(__file__).parents[2]


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


def test_the_file_names_what_set_its_scales_and_tests_itself(device_model, small_manifest):
    model = model_file.read(device_model)
    seen = [small_manifest.parent / f"{name}.wav" for name in ("angry", "fearful", "neutral", "sad")]
    digests = tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in seen)
    assert model.manifest.calibration == Calibration(clips=4, sha256=digests)
    assert model.manifest.scheme == "int8"
    assert model.manifest.self_test is not None
    self_test.check(Classifier(model))


def test_the_script_prints_float_beside_int8_and_the_same_inputs_give_the_same_bytes(
    quantize, fitted, small_manifest, device_model, tmp_path
):
    out, key = tmp_path / "again.tflite", tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    done = quantize(
        *(fitted / "model.keras", "--calibration", small_manifest),
        *("--out", out, "--json", tmp_path / "c.json", "--report", tmp_path / "c.html", "--sign", key),
        script=True,
    )
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == signature.sign(device_model.read_bytes(), key.read_bytes())
    assert "data:image/png;base64," in (tmp_path / "c.html").read_text()
    comparison = json.loads((tmp_path / "c.json").read_text())
    assert comparison["recordings"] == 4
    assert comparison["int8_bytes"] == device_model.stat().st_size <= 500 * 1024
    convolutions = [layer for layer in comparison["layers"] if layer["operator"] == "CONV_2D"]
    assert convolutions[0]["name"] == "member_1_undo_dct"
    assert all(0 < layer["error"] < 0.5 for layer in convolutions)
    assert comparison["arena_bytes"] > 150 * 40 * 2  # a window and what its first layer makes of it
    assert list(comparison["milliseconds"]) == ["Pi Zero 2 W", "Pi 3B+", "Pi 4", "Pi 5"]
    assert f"{comparison['float_uar']:.4f}" in done.stdout
    assert f"{comparison['int8_uar']:.4f}" in done.stdout
    assert comparison["largest_change"] < 0.1


def test_folders_named_like_our_packages_are_not_taken_for_them(quantize, networks, small_manifest, tmp_path):
    for name in ("convert", "edge", "train"):
        (tmp_path / name).mkdir()
    out = tmp_path / "model.tflite"
    done = quantize(
        *(networks / "separable.keras", "--calibration", small_manifest, "--out", out),
        *("--name", "separable", "--version", "2.0.1"),
        script=True,
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    manifest = model_file.read(out).manifest
    assert manifest.output.shape == (1, 4)
    assert manifest.title == "separable 2.0.1"


def test_a_network_that_does_not_fit_is_refused_in_one_sentence(quantize, networks, small_manifest, tmp_path):
    out = tmp_path / "model.tflite"
    done = quantize(networks / "lstm.keras", "--calibration", small_manifest, "--out", out)
    assert done.returncode == 65, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("bedside-quantize: ")
    assert "has recurrent layers (lstm" in last
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


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
def nine(quantize, networks, small_manifest, tmp_path_factory):
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
