"""The metrics, read back by Prometheus' own parser."""

import httpx
import pytest
from engine_parts import T0, Clock, hear, put, raised
from hub_parts import Hub, until
from prometheus_client.parser import text_string_to_metric_families
from simulate import Device

from hub import board
from hub.arrivals import Arrival
from hub.audit import Actor
from hub.metrics import Metric, collect, exposition
from hub.store import Store


def read(store: Store, now: float = T0) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    with store.read() as connection:
        size = 4096 if connection.dialect.name == "sqlite" else None
        text = exposition(collect(connection, size, now))
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_devices_alerts_counters_and_ages(store: Store, device: Device) -> None:
    clock = Clock()
    alert = raised(store, device, clock)
    put(store, Arrival("ser/v1/no/where", b"", retained=False, at=T0))
    hear(store, clock)
    found = read(store, T0 + 7)
    assert found["bedside_devices", (("microphone", "unknown"), ("status", "unknown"))] == 1
    assert found["bedside_alerts", (("priority", "medium"), ("state", "waiting"))] == 1
    assert found["bedside_records_total", ()] == 1
    assert found["bedside_rejects_total", ()] == 1
    assert found["bedside_dropped_total", ()] == found["bedside_given_up_total", ()] == 0
    assert found["bedside_process_age_seconds", (("process", "ingest"),)] == 7
    assert found["bedside_process_working", (("process", "ingest"),)] == 1
    assert found["bedside_database_bytes", ()] >= 4096
    with store.write() as connection:
        board.accept(connection, alert, Actor("Amara"), T0 + 1)
    assert read(store)["bedside_alerts", (("priority", "medium"), ("state", "accepted"))] == 1


def test_every_family_is_named_and_typed_once(store: Store) -> None:
    with store.read() as connection:
        metrics = collect(connection, 1 if connection.dialect.name == "sqlite" else None, T0)
    text = exposition(metrics)
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families) == len(metrics)
    assert all(family.documentation for family in families)
    assert {family.type for family in families} == {"gauge", "counter"}
    assert all(metric.name.endswith("_total") == (metric.kind == "counter") for metric in metrics)


@pytest.mark.parametrize("value", ['a "quoted" one', "back\\slash", "two\nlines", "Zoë"])
def test_any_label_comes_back_as_it_was(value: str) -> None:
    (family,) = text_string_to_metric_families(
        exposition([Metric("m", "gauge", "M.", (({"l": value}, 1.5),))])
    )
    assert [(sample.labels, sample.value) for sample in family.samples] == [({"l": value}, 1.5)]


def test_the_page(hub: Hub) -> None:
    hub.start("web")
    until(hub.answers, 20, "the web process")
    answer = httpx.get(f"{hub.url}/metrics", timeout=10)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    names = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"bedside_build_info", "bedside_records", "bedside_database_bytes"} <= names
