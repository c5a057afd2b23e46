from dataclasses import replace
from types import SimpleNamespace

import pytest
from certificate_parts import Authority

from edge.clock import Clock
from edge.config import load
from edge.messages import Health, from_json, to_json
from edge.playback import Playback
from edge.vitals import Vitals


@pytest.fixture
def health(config_file, scene):
    def make(**broker):
        config = load(config_file())
        config = replace(config, broker=replace(config.broker, **broker))
        pipeline = SimpleNamespace(frames=1, inferences=1, clipped=0, model="test 1.0.0", bed=None)
        source = Playback((scene,), lambda: True)
        told = Vitals(config, Clock(), pipeline, source, waiting=lambda: 3).health()
        source.close()
        return from_json(Health, to_json(told))

    return make


def test_certificate_days_are_those_of_the_first_to_expire(health, tmp_path):
    authority = Authority(tmp_path)  # 30 days
    cert, key = authority.sign("device", "demo/ward-1/bed-1", days=12)
    assert health(ca_file=str(authority.file)).certificate_days == pytest.approx(30, abs=0.2)
    both = health(ca_file=str(authority.file), cert_file=cert, key_file=key)
    assert both.certificate_days == pytest.approx(12, abs=0.2)
    assert both.outbox == 3


def test_no_certificate_days_without_tls_or_from_a_file_that_cannot_be_read(health, tmp_path):
    assert health().certificate_days is None
    assert health(ca_file=str(tmp_path / "missing.crt")).certificate_days is None
