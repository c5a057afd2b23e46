"""Model files that are bad each in its own way, made from a good one."""

import dataclasses
import hashlib
import struct

import numpy as np

from edge import self_test
from edge.classifier import Classifier
from edge.model_file import MANIFEST, Parts, join, pack, split, unpack

FAR = 0x7FFFFFF0


def packed(flatbuffer, manifest):
    """A file whose sha256 is right, whatever the flatbuffer is."""
    return pack(flatbuffer, dataclasses.replace(manifest, sha256=hashlib.sha256(flatbuffer).hexdigest()))


def untested(data):
    """The same without a self-test."""
    model = unpack(data, "m")
    return packed(model.flatbuffer, dataclasses.replace(model.manifest, self_test=None))


def tested(data):
    """The same with a self-test, which passes."""
    model = unpack(data, "m")
    window = np.random.default_rng(3).normal(0, 5, model.manifest.input.shape[1:]).astype(np.float32)
    test = self_test.make(Classifier(model), window)
    return packed(model.flatbuffer, dataclasses.replace(model.manifest, self_test=test))


def renamed(data, version):
    """The same under another version."""
    model = unpack(data, "m")
    training = dataclasses.replace(model.manifest.training, version=version)
    return packed(model.flatbuffer, dataclasses.replace(model.manifest, training=training))


def failing(data):
    """A self-test that some other machine passed."""
    manifest = unpack(tested(data), "m").manifest
    test = manifest.self_test
    scores = (test.scores[0] + 1.5 * self_test.allowed(manifest, test), *test.scores[1:])
    return packed(
        unpack(data, "m").flatbuffer,
        dataclasses.replace(manifest, self_test=dataclasses.replace(test, scores=scores)),
    )


def crashing(data):
    """The root table lies far beyond the end: the runtime follows the offset, and dies of it."""
    model = unpack(data, "m")
    return packed(struct.pack("<I", FAR) + model.flatbuffer[4:], model.manifest)


def of_the_future(data):
    """Its last operator has a version that no runtime knows yet."""
    model = unpack(data, "m")
    flatbuffer = bytearray(model.flatbuffer)
    struct.pack_into("<i", flatbuffer, _last_version(flatbuffer), 99)
    return packed(bytes(flatbuffer), model.manifest)


def at_another_rate(data):
    """A front end the daemon does not have sound for."""
    model = unpack(data, "m")
    front_end = dataclasses.replace(model.manifest.training.front_end, sample_rate=32000)
    training = dataclasses.replace(model.manifest.training, front_end=front_end)
    return packed(model.flatbuffer, dataclasses.replace(model.manifest, training=training))


def without_front_end(data):
    """A manifest that lacks what the features are made with."""
    parts = split(data, "m")
    text = parts.members[MANIFEST].replace(b'"front_end"', b'"back_end"')
    return join(Parts(parts.flatbuffer, {**parts.members, MANIFEST: text}))


def with_long_labels(data):
    """Names that fit into no message."""
    model = unpack(data, "m")
    old = model.manifest.training
    long = {label: label + "\U0001f600" * 20 for label in old.labels}
    weights = {long[name]: weight for name, weight in old.distress.weights.items()}
    causes = tuple(long[name] for name in old.distress.causes)
    distress = dataclasses.replace(old.distress, weights=weights, causes=causes)
    training = dataclasses.replace(old, labels=tuple(long.values()), distress=distress)
    return packed(model.flatbuffer, dataclasses.replace(model.manifest, training=training))


def with_other_tensors(data):
    """A manifest that belongs to another network."""
    manifest = unpack(data, "m").manifest
    output = dataclasses.replace(manifest.output, scale=manifest.output.scale * 2)
    wrong = dataclasses.replace(manifest, output=output, self_test=None)
    return packed(unpack(data, "m").flatbuffer, wrong)


def _last_version(data):
    """Where the version of the last of the operator codes is, by the layout of flatbuffers' tables."""
    codes = _field(data, struct.unpack_from("<I", data, 0)[0], 1)
    codes += struct.unpack_from("<I", data, codes)[0]
    last = codes + 4 * struct.unpack_from("<I", data, codes)[0]
    return _field(data, last + struct.unpack_from("<I", data, last)[0], 2)


def _field(data, table, number):
    """Where a table's field is."""
    layout = table - struct.unpack_from("<i", data, table)[0]
    return table + struct.unpack_from("<H", data, layout + 4 + 2 * number)[0]
