"""`GET /metrics`: the hub in Prometheus' text format, read from the database when it is asked for.

Written by hand: the numbers come from three processes through their one database, so a library that counts
within a process would not see them, and what is left of its work is these few lines of text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from sqlalchemy import Connection, func, select, text

from hub import __version__, boards, deliveries
from hub.board import is_open, signs_of_life
from hub.config import Settings
from hub.store import Store, counter
from hub.tables import CANARY, AlertRow, Device

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_COUNTERS = {
    "records": "Durable messages kept.",
    "rejects": "Messages that broke the wire contract.",
    "dropped": "Live messages that a full inbox refused.",
    "given_up": "Durable messages that devices no longer had.",
    "pushes_delivered": "Messages that people outside were sent and took.",
    "pushes_failed": "Messages to people outside that were given up.",
    "push_failures": "Attempts to reach people outside that failed.",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric with its samples: labels and value."""

    name: str
    kind: str
    """`gauge` or `counter`."""
    help: str
    samples: tuple[tuple[Mapping[str, str], float], ...]


def exposition(metrics: Iterable[Metric]) -> str:
    """The metrics in Prometheus' text format 0.0.4."""
    lines: list[str] = []
    for metric in metrics:
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
        lines += [f"{metric.name}{_labels(labels)} {value!r}" for labels, value in metric.samples]
    return "".join(f"{line}\n" for line in lines)


def collect(connection: Connection, database_bytes: int | None, now: float) -> list[Metric]:
    """Every metric of the hub, as the database has it now."""
    signs = signs_of_life(connection)
    found = [
        _gauge("bedside_build_info", "The program's version; always 1.", ({"version": __version__}, 1.0)),
        Metric("bedside_devices", "gauge", "Devices by link and microphone.", _devices(connection)),
        Metric("bedside_alerts", "gauge", "Open alerts by priority and state.", _alerts(connection)),
        _gauge("bedside_calls", "Calls made for open alerts.", ({}, float(_calls(connection)))),
        Metric(
            "bedside_process_age_seconds",
            "gauge",
            "Since a process last gave a sign of life.",
            tuple(({"process": name}, max(0.0, now - at)) for name, (at, _) in sorted(signs.items())),
        ),
        Metric(
            "bedside_process_working",
            "gauge",
            "Whether a process said then that it can do its work.",
            tuple(({"process": name}, float(working)) for name, (_, working) in sorted(signs.items())),
        ),
        _gauge("bedside_inbox", "Messages that wait in ingest.", ({}, float(counter(connection, "inbox")))),
    ]
    found += _deliveries(connection, now)
    for name, words in _COUNTERS.items():
        value = float(counter(connection, name))
        found.append(Metric(f"bedside_{name}_total", "counter", words, (({}, value),)))
    if database_bytes is None:
        database_bytes = connection.scalar(text("SELECT pg_database_size(current_database())"))
    found.append(_gauge("bedside_database_bytes", "Size of the database.", ({}, float(database_bytes or 0))))
    return found


def router(settings: Settings, store: Store, clock: Callable[[], float]) -> APIRouter:
    """The page itself."""
    routes = APIRouter()

    @routes.get("/metrics")
    def metrics() -> PlainTextResponse:
        size = None if settings.database.url is not None else _size(settings.sqlite_file)
        with store.read() as connection:
            body = exposition(collect(connection, size, clock()))
        return PlainTextResponse(body, media_type=CONTENT_TYPE)

    return routes


def _gauge(name: str, words: str, *samples: tuple[Mapping[str, str], float]) -> Metric:
    return Metric(name, "gauge", words, samples)


def _devices(connection: Connection) -> tuple[tuple[Mapping[str, str], float], ...]:
    columns = (Device.status, Device.microphone)
    query = select(*columns, func.count()).where(Device.ward != CANARY).group_by(*columns).order_by(*columns)
    return tuple(
        ({"status": status, "microphone": microphone}, float(number))
        for status, microphone, number in connection.execute(query)
    )


def _alerts(connection: Connection) -> tuple[tuple[Mapping[str, str], float], ...]:
    accepted = AlertRow.accepted_at.is_not(None)
    columns = (AlertRow.priority, accepted)
    rows = connection.execute(select(*columns, func.count()).where(is_open()).group_by(*columns)).all()
    samples = (
        ({"priority": priority, "state": "accepted" if taken else "waiting"}, float(number))
        for priority, taken, number in rows
    )
    return tuple(sorted(samples, key=lambda sample: sorted(sample[0].items())))


def _deliveries(connection: Connection, now: float) -> list[Metric]:
    """Whether boards are seen and heard, and what waits to be told outside."""
    seen, sounding = boards.counts(connection, now)
    waiting, oldest_at = deliveries.waiting(connection)
    age = 0.0 if oldest_at is None else max(0.0, now - oldest_at)
    return [
        _gauge("bedside_boards_seen", "Boards that are in front and live.", ({}, float(seen))),
        _gauge("bedside_boards_sounding", "Boards whose sound is on.", ({}, float(sounding))),
        _gauge(
            "bedside_pushes_pending",
            "Calls that people outside are still to be told of.",
            ({}, float(waiting)),
        ),
        _gauge("bedside_pushes_oldest_seconds", "How long the oldest of these has waited.", ({}, age)),
    ]


def _calls(connection: Connection) -> int:
    query: Any = select(func.sum(AlertRow.calls)).where(is_open())
    return int(connection.scalar(query) or 0)


def _size(file: Path) -> int:
    """Of an SQLite file and its write-ahead log."""
    return sum(path.stat().st_size for path in (file, Path(f"{file}-wal")) if path.exists())


def _labels(labels: Mapping[str, str]) -> str:
    escaped = (
        '{}="{}"'.format(name, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n"))
        for name, value in labels.items()
    )
    return f"{{{','.join(escaped)}}}" if labels else ""
