"""What is told of a conversion: on the terminal, to programs and on a page."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from convert.anatomy import Anatomy, Layer, layer_of
from convert.comparison import compare
from convert.judgement import Judgement
from convert.report_page import page
from convert.timing import estimate
from edge import model_file


@pytest.fixture(scope="module")
def judgement(device_model):
    """Three recordings of one window each; what the converted model says of the last is turned round."""
    training = model_file.read(device_model).manifest.training
    before = np.zeros((3, training.outputs), np.float32)
    before[[0, 1, 2], [0, 1, 2]] = 5
    before[:, -1] = (9, 9, -9)
    after = before.copy()
    after[2, [2, 3]] = after[2, [3, 2]]
    after[1, -1] = -9
    owner = np.arange(3)
    distressed = np.array([1, 1, 0])
    comparison = compare(before, after, owner, np.arange(3), distressed, training, (4096, 1024))
    layers = (Layer("first", "CONV_2D", 0.01), Layer("second <b>", "CONV_2D", 0.4))
    anatomy = Anatomy({"CONV_2D v3": 2}, 2_000_000, 5000)
    return Judgement("ward 1.0.0", "int8", comparison, anatomy, layers, "tflite_runtime 2.14.0", 2048)


def test_the_figures_of_a_comparison(judgement):
    one = judgement.comparison
    assert (one.float_uar, one.int8_uar) == (1.0, pytest.approx(2 / 3))
    assert one.drop == pytest.approx(100 / 3)
    assert one.worst == one.labels[2]
    assert (one.classes[one.worst].float_recall, one.classes[one.worst].int8_recall) == (1.0, 0.0)
    assert one.int8_confusion[2][3] == 1
    point = one.operating_point
    assert (point.float_found, point.int8_found, point.float_false, point.int8_false) == (1.0, 0.5, 0.0, 0.0)


def test_the_guilty_layer_is_named(judgement):
    rows = dict(judgement.rows())
    assert rows["guilty layer"].startswith("second <b> (CONV_2D) loses most: error 0.400")
    assert judgement.plain()["guilty_layer"] == "second <b>"
    assert json.loads(json.dumps(judgement.plain()))["anatomy"]["multiply_adds"] == 2_000_000


class Page(HTMLParser):
    """What a browser would load or show."""

    def __init__(self):
        super().__init__()
        self.sources, self.text, self.tags = [], "", []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


def test_the_page_needs_nothing_but_itself(judgement):
    text = page(judgement)
    read = Page()
    read.feed(text)
    assert "second <b>" in read.text  # as text: a name is no markup
    assert "b" not in read.tags
    assert len(read.sources) == 2
    assert all(source.startswith("data:image/png;base64,") for source in read.sources)
    assert not re.search(r"https?://", text)
    assert "33.33 points of UAR on 3 recordings" in read.text
    assert page(judgement) == text


def test_times_grow_with_the_work_and_are_told_of_counted_schemes_alone():
    assert estimate("int4", 10**6) == {}
    times, twice = estimate("int8", 10**7), estimate("int8", 2 * 10**7)
    assert list(times) == ["Pi Zero 2 W", "Pi 3B+", "Pi 4", "Pi 5"]
    assert times["Pi Zero 2 W"] > times["Pi 3B+"] > times["Pi 4"] > times["Pi 5"] > 0
    assert twice["Pi 4"] == pytest.approx(2 * times["Pi 4"], rel=0.01)


@pytest.mark.parametrize(
    ("tensor", "layer"),
    [
        ("net_1/conv_1/Relu;net_1/conv_1/Squeeze", "conv"),
        ("functional_5_1/net_1/bn_1_1/batchnorm/sub1", "bn_1"),
        ("net_1/bn_1/batchnorm/sub1", "bn"),
        ("StatefulPartitionedCall_1:0", "logits"),
        ("something/else", "something/else"),
    ],
)
def test_tensors_are_told_by_the_names_an_engineer_gave(tensor, layer):
    assert layer_of(tensor, ["input", "conv", "bn", "bn_1", "logits"]) == layer
