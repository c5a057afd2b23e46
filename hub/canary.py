"""A message that goes the way of every alert, once a minute: if it does not arrive, alerts may not either.

The web process sends it to the broker under an address of its own; ingest stores it, and the alert engine
takes it for a sign of life (hub.ledger), whose absence is an alarm (hub.faults). No board shows its device.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable

from edge.messages import Episode, Stamp, to_json
from edge.topics import Address
from edge.utc import utc_text
from hub.broker import RETRY_S, new_client
from hub.config import Settings
from hub.tables import CANARY

log = logging.getLogger(__name__)

EVERY_S = 60.0


class Canary:
    """Sends from `start` to `stop`; a broker that is down is for the alert engine to say."""

    def __init__(self, settings: Settings, clock: Callable[[], float], every_s: float = EVERY_S) -> None:
        self._broker, self._clock, self._every_s = settings.broker, clock, every_s
        self._address = Address(settings.site, CANARY, CANARY)
        self._boot_id, self._began = uuid.uuid4().hex, time.monotonic()
        self._seq = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="canary", daemon=True)
        self._client = new_client(self._broker, f"bedside-hub-{settings.site}-canary")
        self._client.reconnect_delay_set(*RETRY_S)

    def start(self) -> None:
        """Begins, in the background."""
        self._client.connect_async(self._broker.host, self._broker.port)
        self._client.loop_start()
        self._thread.start()

    def stop(self) -> None:
        """Ends both threads."""
        self._stopping.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def _run(self) -> None:
        while not self._stopping.is_set():
            pause = 1.0
            if self._client.is_connected():
                self._sing()
                pause = self._every_s
            self._stopping.wait(pause)

    def _sing(self) -> None:
        self._seq += 1
        message = Episode(
            id=uuid.uuid4().hex,
            seq=self._seq,
            episode=uuid.uuid4().hex,
            phase="end",
            emotion="none",
            distress=0.0,
            peak=0.0,
            duration_s=0.0,
            level_db=-100.0,
            reason="canary",
            stamp=Stamp(
                boot_id=self._boot_id,
                time=utc_text(self._clock()),
                mono_ms=int((time.monotonic() - self._began) * 1000),
                clock_synced=True,
            ),
        )
        self._client.publish(self._address.topic(Episode.kind), to_json(message), qos=1)
