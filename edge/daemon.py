"""`bedside-edge run`: puts source, pipeline, reporter and publisher together and keeps them going."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.capture import Microphone, Source
from edge.classifier import Classifier
from edge.clock import Clock
from edge.config import Config
from edge.model_file import read
from edge.outbox import Outbox
from edge.pipeline import Pipeline
from edge.playback import Playback
from edge.publisher import Publisher
from edge.reporter import Reporter
from edge.service import notify
from edge.vitals import Vitals

log = logging.getLogger(__name__)

_RECEIPTS_S = 10.0
"""After the end of a file, so long for the hub's receipts; what has none stays in the outbox."""
_STATUS_EVERY_S = 5.0


def run(
    config: Config,
    files: Sequence[Path],
    stopped: Callable[[], bool],
    *,
    fast: bool = False,
    repeat: bool = False,
) -> None:
    """Listen and tell until the files end or `stopped`; no files: the microphone.

    Raises a BedsideError for what keeps it from starting, and for a file that turns out damaged.
    """
    clock = Clock()
    classifier = Classifier(read(Path(config.model.path)))
    pipeline = Pipeline(classifier, config.gate)
    with contextlib.ExitStack() as ends:
        outbox = Outbox(Path(config.storage.folder), clock.boot_id)
        ends.callback(outbox.close)
        source: Source
        if files:
            source = Playback(files, stopped, fast=fast, repeat=repeat)
        else:
            source = Microphone(config.microphone, stopped)
        ends.callback(source.close)
        vitals = Vitals(config, clock, pipeline, source, lambda: reporter.waiting)
        publisher = Publisher(config.broker, config.address, outbox, vitals)
        reporter = Reporter(config, classifier.manifest, clock, outbox, publisher.live)
        waiting = reporter.waiting
        log.info("bed %s, model %s, %s", config.bed, classifier.manifest.title, source.name)
        if waiting:
            log.info("%d messages of earlier runs wait for the hub", waiting)
        publisher.start()
        goodbye = "stopped"
        try:
            _listen(source, pipeline, reporter, publisher)
            if not stopped():
                goodbye = "recording ended"
        except BaseException:
            goodbye = "failed"
            raise
        finally:
            notify("STOPPING=1")
            _end(pipeline, reporter, goodbye)
            if not stopped():
                _await_receipts(reporter, publisher, stopped)
            publisher.stop(goodbye)
            log.info("%s; %d messages wait for the hub", goodbye, reporter.waiting)


def _listen(source: Source, pipeline: Pipeline, reporter: Reporter, publisher: Publisher) -> None:
    is_ready, next_status_s = False, 0.0
    for chunk in source.chunks():
        for result in pipeline.feed(chunk.samples, chunk.position if chunk.samples.size else None):
            reporter.window(result)
        reporter.tick()
        if not is_ready and chunk.samples.size:
            is_ready = True
            notify("READY=1")
        now = time.monotonic()
        if now >= next_status_s:
            next_status_s = now + _STATUS_EVERY_S
            notify("WATCHDOG=1", f"STATUS={_status(source, reporter, publisher)}")


def _status(source: Source, reporter: Reporter, publisher: Publisher) -> str:
    broker = "connected" if publisher.connected else "no connection to the broker"
    return f"{source.name}: {source.condition.state}; {broker}; {reporter.waiting} messages wait for the hub"


def _end(pipeline: Pipeline, reporter: Reporter, why: str) -> None:
    for result in pipeline.flush():
        reporter.window(result)
    reporter.finish(why)


def _await_receipts(reporter: Reporter, publisher: Publisher, stopped: Callable[[], bool]) -> None:
    """Give the hub time to answer; none where there is no broker to carry the answer."""
    until = time.monotonic() + _RECEIPTS_S
    while reporter.waiting and time.monotonic() < until and not stopped():
        if publisher.problem is not None and not publisher.connected:
            return
        time.sleep(0.05)
