"""Every network of the zoo, shrunk and run as a device runs it, or refused for its reason."""

import importlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from zoo import BLAMED, ZOO
from zoo_parts import packed

from convert import workers
from convert.anatomy import Anatomy, Layer
from convert.device_worker import in_words, judge
from convert.judgement import GUILTY
from convert.workers import Job
from edge import model_file, self_test
from edge.classifier import Classifier, dequantise, quantise, runtime_name
from edge.errors import ModelError
from edge.fields import decode
from edge.manifest import SelfTest, Tensor

PRODUCTS = {"BATCH_MATMUL", "FULLY_CONNECTED"}


@pytest.mark.parametrize("specimen", ZOO, ids=lambda one: one.folder)
def test_what_comes_of_each_network(networks, specimen):
    shrunk = networks / specimen.folder
    if specimen.refusal is not None:
        said = (shrunk / "refusal.txt").read_text()
        assert specimen.refusal in said
        assert "\n" not in said
        assert ";" in said  # after it, the way out
        assert not (shrunk / "model.tflite").exists()
        return
    assert not (shrunk / "refusal.txt").exists(), (shrunk / "refusal.txt").read_text()
    data = packed(networks, (shrunk / "model.tflite").read_bytes(), specimen.scheme, specimen.outputs)
    classifier = Classifier(model_file.unpack(data, specimen.network))
    manifest = classifier.manifest
    windows, expected = np.load(networks / "windows.npy"), np.load(shrunk / "float.npy")
    said = np.array([classifier.invoke(quantise(window, manifest.input)) for window in windows])
    off = np.abs(dequantise(said, manifest.output) - expected)[:-3]  # those of voices
    assert off.max() < 0.05 * (expected.max() - expected.min())
    anatomy = decode(Anatomy, json.loads((shrunk / "anatomy.json").read_text()))
    assert anatomy.multiply_adds > 0
    assert sum(anatomy.operators.values()) >= 3


def test_the_cost_is_counted(networks):
    anatomy = json.loads((networks / "shrunk-conv1d.keras-int8/anatomy.json").read_text())
    assert anatomy["multiply_adds"] == 146 * 8 * 5 * 40 + 8 * 4
    assert anatomy["parameters"] == 8 * 5 * 40 + 8 * 4  # biases are not weights of 8 bits
    assert anatomy["operators"]["CONV_2D v3"] == 1


def observed(flatbuffer):
    """An interpreter of the device's runtime, all of whose tensors can be read after a window."""
    runtime = importlib.import_module(runtime_name().split()[0] + ".interpreter")
    interpreter = runtime.Interpreter(
        model_content=flatbuffer,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=runtime.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    return interpreter


def quantised(window, given):
    """The window as the input whose details are given takes it."""
    scale, zero = given["quantization"]
    return quantise(window, Tensor(tuple(given["shape"]), scale, zero))[np.newaxis]


def answers_and_kinds(flatbuffer, windows):
    """What each output says of the windows, shape (windows, ...), and the kinds of the operators."""
    interpreter = observed(flatbuffer)
    (given,), answers = interpreter.get_input_details(), interpreter.get_output_details()
    said = [[] for _ in answers]
    for window in windows:
        interpreter.set_tensor(given["index"], quantised(window, given))
        interpreter.invoke()
        for values, one in zip(said, answers, strict=True):
            scale, zero = one["quantization"]
            values.append(scale * (interpreter.get_tensor(one["index"])[0].astype(np.float64) - zero))
    return [np.array(values) for values in said], [one["op_name"] for one in interpreter._get_ops_details()]


def lowest_on_both_sides(flatbuffer, windows):
    """How many products of two tensors of int8 there are, and in how many windows both have a -128."""
    interpreter = observed(flatbuffer)
    (given,), found = interpreter.get_input_details(), []
    operators = [one for one in interpreter._get_ops_details() if one["op_name"] in PRODUCTS]
    for window in windows:
        interpreter.set_tensor(given["index"], quantised(window, given))
        interpreter.invoke()
        for one in operators:
            factors = [interpreter.get_tensor(index) for index in one["inputs"][:2]]
            assert all(factor.dtype == np.int8 for factor in factors)
            found.append(all((factor == -128).any() for factor in factors))
    return len(operators), sum(found)


@pytest.mark.parametrize(("name", "products"), [("attention", 3), ("heads", 7)])
def test_of_two_activations_that_are_multiplied_one_has_no_value_that_overflows_on_arm64(
    networks, name, products
):
    windows = np.load(networks / "windows.npy")
    mended = (networks / f"shrunk-{name}.keras-int8/model.tflite").read_bytes()
    assert lowest_on_both_sides(mended, windows) == (products, 0)


def test_without_that_both_have_it_in_every_window_of_a_voice(networks):
    windows = np.load(networks / "windows.npy")[:-3]
    unmended = (networks / "unmended.tflite").read_bytes()
    assert lowest_on_both_sides(unmended, windows) == (3, len(windows))


def test_what_another_converter_made_is_mended_as_well(networks, tmp_path):
    """As a flatbuffer that comes from PyTorch is looked through."""
    shutil.copy(networks / "unmended.tflite", tmp_path / "model.tflite")
    shutil.copy(networks / "windows.npy", tmp_path / "calibration.npy")
    Job("attention", 150, 40, outputs=4).write(tmp_path)
    workers.run("convert.tensorflow_worker", tmp_path, "inspect")
    windows = np.load(networks / "windows.npy")
    assert lowest_on_both_sides((tmp_path / "model.tflite").read_bytes(), windows) == (3, 0)
    assert json.loads((tmp_path / "anatomy.json").read_text())["operators"]["QUANTIZE v1"] == 1


def fully_connected(flatbuffer):
    """Of each such layer the details of inputs and output, None where it has no bias, and a reader."""
    interpreter = observed(flatbuffer)
    details = {one["index"]: one for one in interpreter.get_tensor_details()}
    for one in interpreter._get_ops_details():
        if one["op_name"] == "FULLY_CONNECTED":
            yield [details.get(index) for index in (*one["inputs"], *one["outputs"])], interpreter.get_tensor


def test_a_layer_without_a_bias_gets_the_one_that_arm64_needs(networks):
    found = list(fully_connected((networks / "shrunk-per_frame.keras-int8/model.tflite").read_bytes()))
    assert len(found) == 3
    given, weights, bias, answer = found[1][0]
    steps = found[1][1](bias["index"]) * bias["quantization_parameters"]["scales"] / answer["quantization"][0]
    assert np.abs(steps).max() < 2  # of the answer's: what the weights' rounding loses in the mean
    scales = given["quantization"][0] * weights["quantization_parameters"]["scales"]
    assert bias["quantization_parameters"]["scales"] == pytest.approx(scales)


def test_layers_of_every_frame_answer_two_axes_in_16x8(networks):
    found = list(fully_connected((networks / "shrunk-per_frame.keras-16x8/model.tflite").read_bytes()))
    assert [tuple(tensors[-1]["shape"]) for tensors, _ in found] == [(150, 8), (1, 150, 6), (1, 4)]
    assert [tensors[2] is not None for tensors, _ in found] == [True, False, False]


def layer_errors(networks, name):
    return [
        decode(Layer, one)
        for one in json.loads((networks / f"shrunk-{name}.keras-int8/layers.json").read_text())
    ]


@pytest.mark.parametrize("name", [name for name in BLAMED if name != "lopsided"])
def test_no_layer_is_blamed_of_a_network_that_converts_well(networks, name):
    found = layer_errors(networks, name)
    assert len(found) >= 4
    assert max(layer.error for layer in found) < GUILTY
    assert all(layer.error > 0 for layer in found if layer.operator == "FULLY_CONNECTED")


def test_the_error_of_a_layer_applied_to_every_frame_is_that_of_its_steps(networks):
    errors = {layer.name: layer.error for layer in layer_errors(networks, "lopsided")}
    values = np.load(networks / "lopsided.npy")
    step = (max(values.max(), 0) - min(values.min(), 0)) / 255
    evenly = step**2 / 12 / values.reshape(-1, values.shape[-1]).var(axis=0)  # off by half a step at most
    assert errors["lopsided"] == pytest.approx(np.sqrt(evenly.mean()), rel=0.1)
    assert errors["lopsided"] > 5 * errors["per_frame"] > 0


def test_an_operator_newer_than_the_runtime_is_named(networks):
    flatbuffer = (networks / "newer.tflite").read_bytes()
    with pytest.raises(ModelError) as refused:
        Classifier(model_file.unpack(packed(networks, flatbuffer, "int8"), "newer"))
    said = in_words(refused.value)
    assert "the model needs version 99 of CONV_2D, which the device's tflite_runtime 2.14" in said
    assert "\n" not in said


def test_a_kernel_that_fails_only_when_it_runs_is_refused(networks, tmp_path):
    shrunk = networks / "shrunk-gelu.keras-16x8"
    (tmp_path / "model.tflite").write_bytes(packed(networks, (shrunk / "model.tflite").read_bytes(), "16x8"))
    np.save(tmp_path / "evaluation.npy", np.load(networks / "windows.npy"))
    with pytest.raises(ModelError) as refused:
        judge(tmp_path / "model.tflite", tmp_path)
    said = in_words(refused.value)
    assert "refuses the model (Only float32, int8 and uint8 supported currently, got INT16" in said
    assert "or try another --scheme" in said


def test_the_self_test_made_here_is_one_the_device_passes(networks, tmp_path):
    data = packed(networks, (networks / "shrunk-conv1d.keras-int8/model.tflite").read_bytes(), "int8")
    (tmp_path / "model.tflite").write_bytes(data)
    np.save(tmp_path / "evaluation.npy", np.load(networks / "windows.npy"))
    np.save(tmp_path / "golden.npy", np.load(networks / "windows.npy")[0])
    judge(tmp_path / "model.tflite", tmp_path)
    test = decode(SelfTest, json.loads((tmp_path / "self_test.json").read_text()))
    model = model_file.unpack(data, "model")
    self_test.check(Classifier(replace(model, manifest=replace(model.manifest, self_test=test))))
    furthest = self_test.allowed(model.manifest, test)
    off = replace(test, scores=(test.scores[0] + 1.5 * furthest, *test.scores[1:]))
    with pytest.raises(ModelError, match="fails its self-test: output 0"):
        self_test.check(Classifier(replace(model, manifest=replace(model.manifest, self_test=off))))


def test_a_limit_is_folded_into_its_convolution_and_a_leaky_relu_is_the_larger_of_two(networks):
    windows = np.load(networks / "windows.npy")
    folded = (networks / "shrunk-limited.keras-int8/model.tflite").read_bytes()
    (left,), before = answers_and_kinds((networks / "limited-plain.tflite").read_bytes(), windows)
    (scores,), kinds = answers_and_kinds(folded, windows)
    assert (before.count("ADD"), before.count("LEAKY_RELU")) == (2, 2)
    assert not {"ADD", "LEAKY_RELU"} & set(kinds)
    assert kinds.count("MAXIMUM") == 2
    truth = np.load(networks / "shrunk-limited.keras-int8/float.npy")
    assert np.abs(scores - truth).mean() <= np.abs(left - truth).mean()


def test_the_larger_of_x_and_slope_times_x_is_rounded_to_nearest(networks):
    interpreter = observed((networks / "shrunk-limited.keras-int8/model.tflite").read_bytes())
    (given,) = interpreter.get_input_details()
    zeros = {one["index"]: one["quantization"][1] for one in interpreter.get_tensor_details()}
    larger = [one for one in interpreter._get_ops_details() if one["op_name"] == "MAXIMUM"]
    for window in np.load(networks / "windows.npy"):
        interpreter.set_tensor(given["index"], quantised(window, given))
        interpreter.invoke()
        for one in larger:
            x, answer = (
                interpreter.get_tensor(index).astype(int) - zeros[index]
                for index in (one["inputs"][0], one["outputs"][0])
            )
            assert np.array_equal(answer, np.maximum(x, np.rint(0.2 * x)))
            assert (x < 0).any()


@pytest.mark.parametrize(("way", "added"), [("padded", 1), ("seen", 1), ("leaky", 0)])
def test_what_something_else_is_told_of_is_not_folded(networks, way, added):
    windows = np.load(networks / "windows.npy")
    plain, folded = ((networks / f"limited_{way}-{name}.tflite").read_bytes() for name in ("plain", "folded"))
    expected, before = answers_and_kinds(plain, windows)
    said, kinds = answers_and_kinds(folded, windows)
    assert (before.count("ADD"), kinds.count("ADD")) == (1, added)
    for one, other in zip(expected, said, strict=True):
        assert np.abs(one - other).max() <= 0.05 * np.ptp(one)
    scales = [
        [one["quantization"] for one in observed(made).get_output_details()] for made in (plain, folded)
    ]
    assert scales[0] == scales[1]
