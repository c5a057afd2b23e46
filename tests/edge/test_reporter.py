import dataclasses

import pytest

from edge.clock import Clock
from edge.config import load
from edge.errors import ModelError, StorageError
from edge.messages import Episode, from_json
from edge.outbox import Outbox
from edge.pipeline import Judgement, WindowResult
from edge.reporter import Reporter


@pytest.fixture
def outbox(tmp_path):
    box = Outbox(tmp_path / "store", "a" * 32)
    yield box
    box.close()


def window(at, distress):
    judgement = Judgement("fearful", {"calm": 1 - distress, "fearful": distress, "angry": 0.0}, distress)
    return WindowResult(at, at + 1.0, True, 0.5, -20.0, judgement)


def test_a_full_disk_costs_no_episode(config_file, manifest, outbox, monkeypatch, caplog):
    reporter = Reporter(load(config_file()), manifest, Clock(), outbox, lambda _: None)
    append = outbox.append

    def refuse(_build):
        raise StorageError("cannot write: disk full")

    monkeypatch.setattr(outbox, "append", refuse)
    for at in range(12):
        reporter.window(window(float(at), 0.9))
    assert caplog.text.count("disk full") == 1
    assert len(outbox) == 0
    held = reporter.waiting
    assert held >= 2
    monkeypatch.setattr(outbox, "append", append)
    reporter.finish("stopped")
    entries = outbox.oldest(100)
    assert [entry.seq for entry in entries] == list(range(1, held + 3))
    assert from_json(Episode, entries[0].body).phase == "onset"


def test_labels_that_do_not_fit_into_a_message(config_file, manifest, outbox):
    labels = tuple(f"{n:030}" for n in range(30))
    training = dataclasses.replace(
        manifest.training,
        labels=labels,
        distress=dataclasses.replace(manifest.training.distress, weights={labels[0]: 1.0}),
    )
    output = dataclasses.replace(manifest.output, shape=(1, 30))
    wide = dataclasses.replace(manifest, training=training, output=output)
    with pytest.raises(ModelError, match="bytes of a message"):
        Reporter(load(config_file()), wide, Clock(), outbox, lambda _: None)
