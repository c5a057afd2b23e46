"""`bedside-edge model --diff A B`, as diff(1): what differs, and 0 or 1."""

import dataclasses
import hashlib
import io
import zipfile

import broken_models
import pytest

from edge.errors import ModelError
from edge.model_diff import Difference, differences, lines
from edge.model_file import MANIFEST, pack, read, split, unpack

FLATBUFFER = b"\x1c\0\0\0TFL3" + bytes(range(200))


def file_of(manifest, flatbuffer=FLATBUFFER):
    return pack(flatbuffer, dataclasses.replace(manifest, sha256=hashlib.sha256(flatbuffer).hexdigest()))


def changed(manifest, **values):
    return dataclasses.replace(manifest, training=dataclasses.replace(manifest.training, **values))


def test_the_same_file_has_no_differences(manifest):
    data = file_of(manifest)
    assert differences(data, data, ("a", "b")) == []


def test_each_thing_that_differs_is_named_with_both_values(manifest):
    training = manifest.training
    labels = ("calm", "fearful", "cross")
    policy = dataclasses.replace(training.distress.policy, onset=0.7)
    other = changed(
        manifest,
        labels=labels,
        version="1.0.1",
        front_end=dataclasses.replace(training.front_end, high_hz=7600),
        distress=dataclasses.replace(training.distress, policy=policy, weights={"fearful": 1.0}),
        evaluation={"uar": 0.525, "recall": 0.25},
        normalisation=dataclasses.replace(training.normalisation, mean=(0.0,) * 12 + (0.25,)),
    )
    before, after = file_of(manifest), file_of(other, FLATBUFFER + b"more")
    found = {one.name: one for one in differences(before, after, ("a", "b"))}
    sizes = (len(before), len(after))
    assert set(found) == {
        *("file bytes", "file sha256", "network bytes", "network sha256", "version", "labels"),
        *("front_end.high_hz", "normalisation.mean", "distress.policy.onset", "distress.weights.angry"),
        *("evaluation.uar", "evaluation.recall"),
    }
    assert found["file bytes"] == Difference("file bytes", *map(str, sizes), f"{sizes[1] - sizes[0]:+d}")
    assert found["network bytes"].change == "+4"
    assert found["version"] == Difference("version", "1.0.0", "1.0.1")
    assert found["labels"] == Difference("labels", "calm, fearful, angry", "calm, fearful, cross", "1 differ")
    assert found["front_end.high_hz"] == Difference("front_end.high_hz", "8000", "7600", "-400")
    assert found["distress.policy.onset"].change == "+0.1"
    assert found["distress.weights.angry"] == Difference("distress.weights.angry", "0.5", "-")
    assert found["evaluation.uar"] == Difference("evaluation.uar", "0.5", "0.525", "+0.025")
    assert found["evaluation.recall"] == Difference("evaluation.recall", "-", "0.25")
    assert found["normalisation.mean"].change == "largest difference 0.25"
    assert found["file sha256"].before.startswith(hashlib.sha256(before).hexdigest()[:16])


def test_what_only_one_of_them_has(model):
    plain = broken_models.untested(model.read_bytes())
    found = {one.name: one for one in differences(plain, broken_models.tested(plain), ("a", "b"))}
    assert set(found) == {
        *("file bytes", "file sha256"),
        *("self_test.features", "self_test.scores", "self_test.tolerance"),
    }
    assert {one.before for name, one in found.items() if name.startswith("self_test")} == {"-"}
    assert max(len(one.after) for one in found.values()) <= 44


def test_the_same_contents_packed_otherwise(manifest):
    data = file_of(manifest)
    parts = split(data, "m")
    archive = io.BytesIO(parts.flatbuffer)
    with zipfile.ZipFile(archive, "a") as members:
        for name, content in parts.members.items():
            members.writestr(name, content)
    again = archive.getvalue()
    assert unpack(again, "m") == unpack(data, "m")
    found = differences(data, again, ("a", "b"))
    assert [one.name for one in found] == ["file bytes", "file sha256"]


def test_a_table_of_lines():
    found = [Difference("labels", "a, b", "a", ""), Difference("x", "1", "2", "+1")]
    assert lines(found, ("old.tflite", "new.tflite")) == [
        "        old.tflite  new.tflite",
        "labels  a, b        a",
        "x       1           2           +1",
    ]


def test_the_command(edge, model, tmp_path):
    other, bad = tmp_path / "other.tflite", tmp_path / "bad.tflite"
    other.write_bytes(broken_models.renamed(model.read_bytes(), "9.9.9"))
    bad.write_bytes(model.read_bytes().replace(MANIFEST.encode(), b"manifest.jsom"))
    assert edge("model", "--diff", model, model) == (0, "", "")
    status, out, err = edge("model", "--diff", model, other)
    assert (status, err) == (1, "")
    assert [line.split() for line in out.splitlines() if line.startswith("version")] == [
        ["version", read(model).manifest.training.version, "9.9.9"]
    ]
    status, out, err = edge("model", "--diff", model, bad)
    assert (status, out) == (65, "")
    assert "bad.tflite carries no manifest" in err
    status, _, err = edge("model", "--diff", model)
    assert status == 64
    assert edge("model")[0] == 64
    status, out, _ = edge("model", other)
    assert (status, out.splitlines()[0].split()[-1]) == (0, "9.9.9")
    assert out.splitlines()[-1].split() == ["signature:", "none"]


def test_a_file_that_is_no_model_is_refused(manifest):
    with pytest.raises(ModelError, match="b is no TFLite model"):
        differences(file_of(manifest), b"text", ("a", "b"))
