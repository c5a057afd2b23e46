"""The device runs a network of each scheme, and its self-test finds one that computes something else."""

import base64
import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge import self_test
from edge.classifier import Classifier, dequantise, quantise, tensors
from edge.errors import ModelError
from edge.manifest import SCHEMES, Calibration, SelfTest, Tensor
from edge.model_description import describe
from edge.model_file import ModelFile, pack, unpack

# As calibration would find it for logits between -1 and 1 that are all a network says.
TEMPERATURE = 0.02
# Of such logits: int8 moves them by no more than two of its steps, the others by less.
LARGEST_CHANGE = {"int8": 0.008, "16x8": 0.005, "float16": 0.001, "dynamic": 0.005}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schemes")
    command = [sys.executable, Path(__file__).with_name("make_schemes.py"), folder]
    subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=240)
    return folder


def file_of(scheme, folder, manifest):
    """A model file of that scheme, without a self-test."""
    flatbuffer = (folder / f"{scheme}.flatbuffer").read_bytes()
    inputs, outputs = tensors(flatbuffer)
    digest = hashlib.sha256(flatbuffer).hexdigest()
    training = dataclasses.replace(manifest.training, temperature=TEMPERATURE)
    told = dataclasses.replace(
        manifest, sha256=digest, scheme=scheme, input=inputs, output=outputs, training=training
    )
    return unpack(pack(flatbuffer, told), scheme)


@pytest.fixture(scope="module", params=SCHEMES)
def model(request, folder, manifest):
    return file_of(request.param, folder, manifest)


@pytest.fixture(scope="module")
def judged(folder):
    """Windows, shape (n, frames, coefficients), and the float network's logits of them."""
    with np.load(folder / "float.npz") as data:
        return data["windows"], data["logits"]


def with_test(model, test):
    return ModelFile(dataclasses.replace(model.manifest, self_test=test), model.flatbuffer)


def test_it_says_what_the_float_network_says(model, judged):
    classifier, manifest = Classifier(model), model.manifest
    said = [
        dequantise(classifier.invoke(quantise(window, manifest.input)), manifest.output)
        for window in judged[0]
    ]
    change = np.abs(np.array(said) - judged[1]).max()
    assert 0 < change < LARGEST_CHANGE[manifest.scheme]
    assert manifest.input.dtype == manifest.output.dtype == SCHEMES[manifest.scheme]
    assert classifier.judge(judged[0][0]).probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert dict(describe(manifest))["scheme"] == manifest.scheme


def test_a_self_test_travels_in_the_file_and_passes(model, judged):
    test = self_test.make(Classifier(model), judged[0][0])
    again = unpack(pack(model.flatbuffer, dataclasses.replace(model.manifest, self_test=test)), "m")
    assert again.manifest.self_test == test
    self_test.check(Classifier(again))
    assert np.array(test.scores) == pytest.approx(judged[1][0], abs=LARGEST_CHANGE[model.manifest.scheme])
    assert "3 scores of a golden window" in dict(describe(again.manifest))["self-test"]


def test_what_is_as_far_off_as_may_be_passes_and_no_more(model, judged):
    test = self_test.make(Classifier(model), judged[0][0])
    furthest = self_test.allowed(model.manifest, test)
    assert furthest == max(2 * test.tolerance, 0.4 * TEMPERATURE)

    def moved(share):
        first, second, third = test.scores
        scores = (first, second + share * furthest, third)
        self_test.check(Classifier(with_test(model, dataclasses.replace(test, scores=scores))))

    moved(0.99)
    moved(-0.99)
    for share in (1.3, -1.3, 20):
        with pytest.raises(ModelError, match=r"fails its self-test: output 1 is .* copy the file again"):
            moved(share)


def test_other_features_give_other_scores(model, judged):
    test = self_test.make(Classifier(model), judged[0][0])
    other = self_test.make(Classifier(model), judged[0][1])
    swapped = dataclasses.replace(test, features=other.features)
    with pytest.raises(ModelError, match="off by"):
        self_test.check(Classifier(with_test(model, swapped)))


def test_an_answer_that_is_no_number_fails(folder, manifest, judged):
    model = file_of("float16", folder, manifest)
    test = self_test.make(Classifier(model), judged[0][0])
    nothing = np.full(model.manifest.input.shape, np.nan, "<f4").tobytes()
    hollow = dataclasses.replace(test, features=base64.b64encode(nothing).decode())
    with pytest.raises(ModelError, match="is nan where it must be"):
        self_test.check(Classifier(with_test(model, hollow)))


def test_a_scheme_that_is_not_the_networks_is_refused(model):
    taken = model.manifest
    for scheme, dtype in SCHEMES.items():
        if dtype == SCHEMES[taken.scheme]:
            continue
        with pytest.raises(ValueError, match=f"with the scheme {scheme} it must be {dtype}"):
            dataclasses.replace(taken, scheme=scheme)
        scale = 1.0 if dtype == "float32" else 0.1
        inputs, outputs = (Tensor(one.shape, scale, 0, dtype) for one in (taken.input, taken.output))
        told = dataclasses.replace(taken, scheme=scheme, input=inputs, output=outputs)
        with pytest.raises(ModelError, match="its manifest says"):
            Classifier(ModelFile(told, model.flatbuffer))


def test_what_a_self_test_and_a_calibration_may_hold(manifest):
    features = base64.b64encode(bytes(50 * 13)).decode()
    step = manifest.output.scale
    right = SelfTest(features=features, scores=(0.0, 0.1, 0.2), tolerance=step)
    assert dataclasses.replace(manifest, self_test=right).self_test == right
    for wrong, words in (
        ({"features": features[4:]}, "has 647 bytes; the input takes 650"),
        ({"scores": (0.0,)}, "has 1 values for 3 outputs"),
        ({"tolerance": 2 * step}, "one step of the output is 0.1"),
    ):
        with pytest.raises(ValueError, match=words):
            dataclasses.replace(manifest, self_test=dataclasses.replace(right, **wrong))
    with pytest.raises(ValueError, match="no base64"):
        dataclasses.replace(right, features="*")
    with pytest.raises(ValueError, match="1 digests for 2 clips"):
        Calibration(clips=2, sha256=("0" * 64,))
    told = dict(describe(dataclasses.replace(manifest, calibration=Calibration(1, ("0" * 64,)))))
    assert told["calibrated on"].startswith("1 recordings")
    assert (dict(describe(manifest))["calibrated on"], dict(describe(manifest))["self-test"]) == (
        "not told",
        "none",
    )
