"""`bedside-edge` with a witness, and on request with leaks, for the privacy test.

Usage: witnessed_daemon.py WITNESS LEAKS run ... WITNESS is a file that gets a copy of the sound and the
features the daemon has in memory: what must be found nowhere else. LEAKS is `none`, or names of leaks joined
by commas that the test has to find: file, storage, log, message, features.
"""

from __future__ import annotations

import base64
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from edge import cli
from edge.classifier import Classifier
from edge.connection import Connection
from edge.pipeline import Pipeline

log = logging.getLogger(__name__)
_SAMPLES = 400


class Witness:
    """Stands between the daemon and its own methods; copies what passes, and leaks where told to."""

    def __init__(self, path: Path, leaks: set[str]) -> None:
        self._leaks = leaks
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        self._sound = b""

    def feed(self, pipeline: Pipeline, samples: Any, *rest: Any) -> Any:
        self._keep(b"s", samples.astype("<i2").tobytes())
        # Something worth stealing, as loud as speech.
        if not self._sound and samples.size >= _SAMPLES and abs(samples[:_SAMPLES]).mean() > 300:
            self._sound = samples[:_SAMPLES].astype("<i2").tobytes()
            self._leak(samples[:_SAMPLES])
        return _feed(pipeline, samples, *rest)

    def judge(self, classifier: Classifier, window: Any) -> Any:
        self._keep(b"f", window.astype("<f4").tobytes())
        if "features" in self._leaks:
            self._leaks.discard("features")
            log.info("features %s", window[:8].astype("<f4").tobytes().hex())
        return _judge(classifier, window)

    def publish(self, connection: Connection, kind: str, body: bytes, **options: Any) -> Any:
        if "message" in self._leaks and self._sound:
            body = b'{"note":"' + base64.b64encode(self._sound) + b'"}'
            self._leaks.discard("message")
        return _publish(connection, kind, body, **options)

    def _leak(self, samples: Any) -> None:
        if "file" in self._leaks:
            (Path(tempfile.gettempdir()) / "leak.raw").write_bytes(self._sound)
        if "storage" in self._leaks:
            store = Path(sys.argv[sys.argv.index("--config") + 1]).parent / "store"
            (store / "outbox.sqlite-more").write_bytes((samples / 32768).astype("<f4").tobytes())
        if "log" in self._leaks:
            log.info("heard %s", samples[:60].tolist())

    def _keep(self, kind: bytes, data: bytes) -> None:
        os.write(self._file, kind + len(data).to_bytes(4, "little") + data)


_feed, _judge, _publish = Pipeline.feed, Classifier.judge, Connection.publish


def main() -> int:
    """The daemon itself; only what it calls is watched."""
    witness = Witness(Path(sys.argv[1]), set(sys.argv[2].split(",")))
    Pipeline.feed = lambda *all_: witness.feed(*all_)  # noqa: PLW0108 - a function becomes a method
    Classifier.judge = lambda *all_: witness.judge(*all_)  # noqa: PLW0108 - a function becomes a method
    Connection.publish = lambda *all_, **more: witness.publish(*all_, **more)  # noqa: PLW0108 - a function becomes a method
    return cli.main(sys.argv[3:])


if __name__ == "__main__":
    sys.exit(main())
