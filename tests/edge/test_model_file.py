import dataclasses
import hashlib
import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.classifier import Classifier
from edge.errors import ModelError
from edge.fields import encode
from edge.model_description import describe
from edge.model_file import pack, read, unpack

FLATBUFFER = b"\x1c\0\0\0TFL3" + bytes(range(200))


@pytest.fixture(scope="module")
def packed(manifest):
    digest = hashlib.sha256(FLATBUFFER).hexdigest()
    return pack(FLATBUFFER, dataclasses.replace(manifest, sha256=digest))


def repack(data, **texts):
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        start = min(member.header_offset for member in old.infolist())
        contents = {name: old.read(name) for name in old.namelist()}
    contents |= {name.replace("_", "."): text for name, text in texts.items()}
    archive = io.BytesIO(data[:start])
    with zipfile.ZipFile(archive, "a") as new:
        for name, content in contents.items():
            if content is not None:
                new.writestr(name, content)
    return archive.getvalue()


def test_round_trip(packed, manifest):
    model = unpack(packed, "m.tflite")
    assert model.flatbuffer == FLATBUFFER
    assert model.manifest.training == manifest.training
    again = pack(model.flatbuffer, model.manifest)
    assert unpack(again, "m.tflite") == model
    assert pack(model.flatbuffer, model.manifest) == again


def test_a_manifest_that_no_device_would_read_is_not_written(manifest):
    tools = {f"tool {number}": "1.0.0" for number in range(15_000)}
    with pytest.raises(
        ModelError, match=r"has \d+ bytes, and devices read 262144 at most; calibrate on fewer"
    ):
        pack(FLATBUFFER, dataclasses.replace(manifest, tools=tools))


def test_lists_like_any_zip(packed):
    with zipfile.ZipFile(io.BytesIO(packed)) as members:
        assert sorted(members.namelist()) == ["labels.txt", "manifest.json"]
        assert members.read("labels.txt") == b"calm\nfearful\nangry\n"


@given(st.data())
def test_a_damaged_byte_never_goes_unnoticed_as_anything_but_a_model_error(packed, data):
    whole = packed
    damaged = bytearray(whole)
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged[at] ^= data.draw(st.integers(1, 255))
    try:
        model = unpack(bytes(damaged), "m.tflite")
    except ModelError:
        return
    assert model.flatbuffer == FLATBUFFER  # damage to the archive's decoration changes nothing


@given(st.integers(0, 1200), st.binary(max_size=40))
def test_cut_and_continued_with_anything(packed, length, tail):
    try:
        model = unpack(packed[:length] + tail, "m.tflite")
    except ModelError:
        return
    assert model.flatbuffer == FLATBUFFER


@given(st.binary(max_size=300))
def test_any_bytes(data):
    with pytest.raises(ModelError):
        unpack(b"\0\0\0\0TFL3" + data, "m.tflite")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"manifest_json": None}, "carries no manifest"),
        ({"labels_txt": None}, "carries no manifest"),
        ({"manifest_json": "{"}, "cannot be read"),
        ({"manifest_json": "[]"}, "is wrong"),
        ({"manifest_json": "[" * 100_000}, "cannot be read"),
        ({"manifest_json": " " * 2_000_000}, "too large"),
        ({"labels_txt": "calm\nangry\nfearful\n"}, "disagree"),
    ],
)
def test_wrong_manifests(packed, change, expected):
    with pytest.raises(ModelError, match=expected):
        unpack(repack(packed, **change), "m.tflite")


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("schema_version",), 2, "schema_version is 2"),
        (("sha256",), "0" * 64, "damaged"),
        (("input", "shape"), [1, 49, 13], r"the input is \(1, 49, 13\)"),
        (("output", "shape"), [1, 4], "for 3 labels"),
        (("training", "normalisation", "mean"), [0.0], "normalisation.mean has 1 values"),
        (("training", "labels"), ["calm", "calm", "angry"], "different names"),
        (("training", "window", "hop_frames"), 4000, "window.hop_frames makes 80 s; it must be 0.1 to 60 s"),
        (("training", "window", "hop_frames"), 4, "window.hop_frames makes 0.08 s"),
        (("training", "distress", "weights"), {"bored": 1}, "weights names bored"),
        (("training", "distress", "causes"), ["bored"], "causes names bored"),
        (("training", "distress", "weights"), {}, "temperature is None; give exactly one of them"),
        (("training", "distress", "temperature"), 1.5, "temperature is 1.5; give exactly one of them"),
        (("training", "distress", "temperature"), 0, "it must be a number from 0.01 to 100"),
        (
            ("training", "distress"),
            {"weights": {"calm": 1}, "chosen_for": "-"},
            "distress.policy is missing",
        ),
        (("training", "surprise"), 1, "unknown key training.surprise"),
    ],
)
def test_wrong_values_in_the_manifest(packed, path, value, expected):
    plain = encode(unpack(packed, "m").manifest)
    table = plain
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = value
    with pytest.raises(ModelError, match=expected):
        unpack(repack(packed, manifest_json=json.dumps(plain)), "m.tflite")


def test_a_distress_output_is_one_value_more(manifest):
    weighted = manifest.training.distress
    own = dataclasses.replace(weighted, weights={}, temperature=1.5, causes=("fearful", "angry"))
    training = dataclasses.replace(manifest.training, distress=own)
    output = dataclasses.replace(manifest.output, shape=(1, 4))
    wide = dataclasses.replace(
        manifest, sha256=hashlib.sha256(FLATBUFFER).hexdigest(), training=training, output=output
    )
    packed = pack(FLATBUFFER, wide)
    assert unpack(packed, "m.tflite").manifest == wide
    assert dict(describe(manifest))["distress"] == "1 fearful + 0.5 angry"
    assert (
        dict(describe(wide))["distress"]
        == "an output of its own, temperature 1.5; episodes named after fearful, angry"
    )
    plain = encode(wide) | {"output": encode(manifest.output)}
    with pytest.raises(ModelError, match=r"\(1, 3\) for 3 labels and a distress output; it must be \(1, 4\)"):
        unpack(repack(packed, manifest_json=json.dumps(plain)), "m.tflite")


def test_files_that_are_no_model(tmp_path):
    with pytest.raises(ModelError, match="No such file"):
        read(tmp_path / "none.tflite")
    with pytest.raises(ModelError, match="Is a directory"):
        read(tmp_path)
    text = tmp_path / "text.tflite"
    text.write_text("hello", encoding="utf-8")
    with pytest.raises(ModelError, match="no TFLite model"):
        read(text)


def test_the_shipped_model_runs(model):
    classifier = Classifier(read(model))
    training = classifier.manifest.training
    window = np.zeros((training.window.frames, training.front_end.coefficients), np.float32)
    said = classifier.judge(window)
    assert said.probabilities.shape == (len(training.labels),)
    assert said.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert 0 < said.distress < 1
    assert dict(describe(classifier.manifest))["labels"] == ", ".join(training.labels)


def test_a_manifest_that_contradicts_the_tensors(model):
    shipped = read(model)
    scale = shipped.manifest.input.scale * 2
    wrong = dataclasses.replace(
        shipped.manifest, input=dataclasses.replace(shipped.manifest.input, scale=scale)
    )
    with pytest.raises(ModelError, match="its manifest says"):
        Classifier(dataclasses.replace(shipped, manifest=wrong))


def test_a_model_with_a_distress_output_its_manifest_does_not_speak_of(model):
    shipped = read(model)
    training = shipped.manifest.training
    summed = dataclasses.replace(training.distress, weights={"sad": 1.0}, temperature=None, causes=())
    narrow = dataclasses.replace(
        shipped.manifest,
        training=dataclasses.replace(training, distress=summed),
        output=dataclasses.replace(shipped.manifest.output, shape=(1, len(training.labels))),
        self_test=None,
    )
    with pytest.raises(ModelError, match=r"output is Tensor\(shape=\(1, 9\).*its manifest says .*\(1, 8\)"):
        Classifier(dataclasses.replace(shipped, manifest=narrow))
