"""A broker that comes and goes costs the daemon nothing for good."""

from __future__ import annotations

import gc
from pathlib import Path

from broker_parts import ADDRESS, Broker
from resources import assert_steady, watch

from edge.config import Broker as BrokerSettings
from edge.connection import Connection


def test_reconnects_leave_no_descriptor_and_no_thread_behind(tmp_path: Path) -> None:
    moments = watch(tmp_path, rounds=3, up_s=2.0, down_s=0.5)
    assert moments[0].descriptors > 3
    assert moments[0].threads >= 2
    assert_steady(moments, memory_kb=8000)


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_closed_connection_holds_no_descriptor_until_some_later_time(broker: Broker) -> None:
    gc.collect()
    gc.disable()
    try:
        before = descriptors()
        for _ in range(20):
            connection = Connection(BrokerSettings(host="127.0.0.1", port=broker.port), ADDRESS)
            connection.open()
            connection.close()
            del connection
        assert descriptors() <= before + 2
    finally:
        gc.enable()
