"""Sums of int8 that every runtime rounds alike: what is made of networks, and that kernels then agree."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from run_models import samples_of
from test_zoo import observed, quantised

from edge import model_file
from edge.classifier import normalise, runtime_name
from edge.features import mfcc
from edge.windows import recording_windows

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "model/bedside-ser.tflite"
SUMS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
"""By the name of an operator, the axis of its weights along which its outputs lie."""
APART = {
    "attention": {"BATCH_MATMUL", "QUANTIZE", "SOFTMAX"},
    "conv1d": set(),
    "conv2d": set(),
    "gelu": {"GELU"},
    "limited": set(),
    "nested": {"TANH"},
    "per_frame": set(),
    "residual": {"ADD"},
    "separable": set(),
}


def shrunk(networks, name):
    return (networks / f"shrunk-{name}.keras-int8/model.tflite").read_bytes()


@pytest.mark.parametrize(("name", "apart"), APART.items())
def test_what_each_runtime_still_rounds_in_its_own_way_is_told(networks, name, apart):
    anatomy = json.loads((networks / f"shrunk-{name}.keras-int8/anatomy.json").read_text())
    assert set(anatomy["rounded_apart"]) == apart


@pytest.mark.parametrize("folder", ["shrunk-conv1d.keras-16x8", "shrunk-conv2d.keras-int8-2"])
def test_other_schemes_and_what_was_fine_tuned_are_left_to_the_runtimes(networks, folder):
    assert "rounded_apart" not in json.loads((networks / folder / "anatomy.json").read_text())


def sums_of(flatbuffer, windows):
    """Of every sum of products and window: the exact sums, the factors they are brought to the output's scale
    by, shape (outputs,), the output's zero, and what the runtime made of it.

    A sum is (positions, outputs), and of 1x1 convolutions, depthwise ones and products alone.
    """
    interpreter = observed(flatbuffer)
    (given,) = interpreter.get_input_details()
    details = {one["index"]: one for one in interpreter.get_tensor_details()}
    for window in windows:
        interpreter.set_tensor(given["index"], quantised(window, given))
        interpreter.invoke()
        for one in interpreter._get_ops_details():
            if one["op_name"] not in SUMS:
                continue
            x, weights, bias = (
                interpreter.get_tensor(index).astype(np.int64) if index >= 0 else 0 for index in one["inputs"]
            )
            scale, zero = details[one["inputs"][0]]["quantization"]
            answer_scale, answer_zero = details[one["outputs"][0]]["quantization"]
            scales = details[one["inputs"][1]]["quantization_parameters"]["scales"].astype(np.float64)
            factors = scale * scales / answer_scale
            if weights.ndim == 2 or weights.shape[1:3] == (1, 1):
                x = x.reshape(-1, weights.shape[-1]) - zero
                kernel = weights.reshape(-1, weights.shape[-1])
                totals = x * kernel if one["op_name"] == "DEPTHWISE_CONV_2D" else x @ kernel.T
                answer = interpreter.get_tensor(one["outputs"][0]).reshape(totals.shape)
                yield totals + bias, factors, answer_zero, answer


def once(totals, factors):
    """Halves go to the even number, as numpy and XNNPACK do it."""
    return np.rint(totals * factors)


def in_floating_point(totals, factors):
    """The same in 32 bits."""
    return np.rint(totals.astype(np.float32) * factors.astype(np.float32)).astype(np.float64)


def twice(totals, factors):
    """After a product with 31 bits of the factor, halves up, and after the shift, halves away from zero."""
    part, power = np.frexp(factors)
    product = np.floor(totals * np.rint(part * 2**31) / 2**31 + 0.5)
    shifted = product * 2.0**power
    return np.sign(shifted) * np.floor(np.abs(shifted) + 0.5)


ROUNDINGS = [once, in_floating_point, twice]


@pytest.fixture(scope="module")
def windows(networks):
    return np.load(networks / "windows.npy")


def disagreements(flatbuffer, windows):
    """How many values two ways of rounding make different things of, and how many there are."""
    different = values = 0
    for totals, factors, _, _ in sums_of(flatbuffer, windows):
        found = [rounding(totals, factors) for rounding in ROUNDINGS]
        different += int(sum((found[0] != other).sum() for other in found[1:]))
        values += totals.size
    return different, values


@pytest.mark.parametrize("name", ["per_frame", "separable"])
def test_all_ways_of_rounding_give_the_same_and_the_runtime_gives_it_too(networks, windows, name):
    checked = 0
    for totals, factors, zero, answer in sums_of(shrunk(networks, name), windows):
        for rounding in ROUNDINGS:
            wanted = np.clip(rounding(totals, factors) + zero, -128, 127)
            bounded = answer == zero  # by a ReLU of its own, which raises what is less
            np.testing.assert_array_equal(np.where(bounded & (wanted < zero), zero, wanted), answer)
        checked += totals.size
    assert checked > 1000
    assert disagreements(shrunk(networks, name), windows)[0] == 0


def test_of_what_tensorflow_makes_they_give_different_things(networks, windows):
    different, values = disagreements((networks / "per_frame-plain.tflite").read_bytes(), windows)
    assert different > values / 2000


@pytest.fixture(scope="module")
def shipped():
    return model_file.read(SHIPPED).flatbuffer


def test_the_shipped_models_weights_are_even_its_biases_odd_and_its_factors_powers_of_two(shipped):
    interpreter = observed(shipped)
    details = {one["index"]: one for one in interpreter.get_tensor_details()}
    found = [one for one in interpreter._get_ops_details() if one["op_name"] in SUMS]
    assert len(found) > 20
    for one in found:
        weights, bias = (interpreter.get_tensor(index).astype(int) for index in one["inputs"][1:])
        assert not (weights % 2).any()
        assert (bias % 2).all()
        scales = details[one["inputs"][1]]["quantization_parameters"]["scales"].astype(np.float64)
        given, answer = (details[one[side][0]]["quantization"][0] for side in ("inputs", "outputs"))
        part, _ = np.frexp(given * scales / answer)
        assert (part < 1).all()
        assert part == pytest.approx(1, abs=3e-7)
        limits = np.abs(np.moveaxis(weights, SUMS[one["op_name"]], 0).reshape(len(scales), -1)).max(axis=1)
        assert (limits <= 126).all()
        assert np.median(limits) > 63  # no bit is given away that need not be


def test_kernels_of_every_kind_give_the_shipped_model_the_same_scores(shipped):
    """Those that come first, and the reference's, which are written another way."""
    runtime = importlib.import_module(runtime_name().split()[0] + ".interpreter")
    training = model_file.read(SHIPPED).manifest.training
    windows = [
        normalise(window, training.normalisation)
        for clip in ("angry", "fearful", "neutral", "sad")
        for window in recording_windows(
            mfcc(samples_of(ROOT / f"tests/data/{clip}.wav"), training.front_end),
            training.window,
            training.front_end,
        )
    ]
    scores = {}
    for kernels in ("BUILTIN_WITHOUT_DEFAULT_DELEGATES", "BUILTIN_REF", "AUTO"):
        interpreter = runtime.Interpreter(
            model_content=shipped,
            experimental_op_resolver_type=getattr(runtime.OpResolverType, kernels),
        )
        interpreter.allocate_tensors()
        (given,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()
        for window in windows:
            interpreter.set_tensor(given["index"], quantised(window, given))
            interpreter.invoke()
            scores.setdefault(kernels, []).append(interpreter.get_tensor(answer["index"])[0])
    first, *others = (np.array(one, int) for one in scores.values())
    assert np.ptp(first) > 50
    for other in others:
        np.testing.assert_array_equal(first, other)


def test_eight_bit_weights_are_left_as_they_were(quantize, networks, small_manifest, tmp_path):
    given = ("--calibration", small_manifest, "--json", tmp_path / "m.json", "--out", tmp_path / "m.tflite")
    done = quantize(networks / "separable.keras", *given)
    assert done.returncode == 0, done.stderr
    assert "alike on every runtime" in done.stdout
    assert json.loads((tmp_path / "m.json").read_text())["anatomy"]["rounded_apart"] == []
    done = quantize(networks / "separable.keras", *given, "--per-tensor")
    assert done.returncode == 0, done.stderr
    assert "alike on every runtime" in done.stdout
    done = quantize(networks / "separable.keras", *given, "--eight-bit-weights")
    assert done.returncode == 0, done.stderr
    assert "each runtime in its own way" in done.stdout
    interpreter = observed(model_file.read(tmp_path / "m.tflite").flatbuffer)
    odd = [
        (interpreter.get_tensor(one["inputs"][1]) % 2).any()
        for one in interpreter._get_ops_details()
        if one["op_name"] in SUMS
    ]
    assert all(odd)
    assert len(odd) == 3
