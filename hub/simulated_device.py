"""A bedside device that is not there: makes the messages a real one makes, for simulations and tests."""

from __future__ import annotations

import time
from typing import Protocol

from edge.clock import new_id
from edge.messages import Emotion, Episode, Health, Message, Receipt, Stamp, State, Summary, to_json
from edge.topics import Address
from edge.utc import utc_text


class Publish(Protocol):
    """Sends a payload to the broker."""

    def __call__(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> None: ...  # noqa: D102


class SimulatedDevice:
    """One start of a device: makes messages, numbers the durable ones, keeps them until confirmed."""

    def __init__(self, address: Address, bed: str, publish: Publish) -> None:
        self.address = address
        self.bed = bed
        self.boot_id = new_id()
        self.started = time.monotonic()
        self.seq = 0
        self.sent: dict[int, Message] = {}
        self._publish = publish

    def stamp(self, ago: float = 0.0) -> Stamp:
        """So many seconds before now."""
        mono = max(0, int((time.monotonic() - self.started - ago) * 1000))
        return Stamp(boot_id=self.boot_id, time=utc_text(time.time() - ago), mono_ms=mono, clock_synced=True)

    def send(self, message: Message, *, retain: bool = False) -> None:
        """Once, on the topic of its kind."""
        qos = 0 if message.kind in ("emotion", "health") else 1
        self._publish(self.address.topic(message.kind), to_json(message), qos, retain=retain)

    def confirm(self, receipt: Receipt) -> list[int]:
        """Forgets what the hub has; the numbers."""
        held = [number for number in self.sent if receipt.confirms(self.boot_id, number)]
        for number in held:
            del self.sent[number]
        return held

    def state_message(
        self, status: str = "online", reason: str = "started", microphone: str = "healthy"
    ) -> State:
        """Birth, death or a change; also for the will."""
        return State(
            status=status,
            reason=reason,
            bed=self.bed,
            microphone=microphone,
            model="simulated 1",
            software="0.1.0",
            stamp=self.stamp(),
        )

    def state(self, status: str = "online", reason: str = "started", microphone: str = "healthy") -> None:
        """Sends a state, retained."""
        self.send(self.state_message(status, reason, microphone), retain=True)

    def emotion(self, name: str, distress: float, ago: float = 0.0) -> None:
        """Sends one window of speech."""
        self.send(
            Emotion(
                emotion=name,
                probabilities={name: 1.0},
                distress=distress,
                speech=0.8,
                level_db=-30.0,
                window_s=3.0,
                stamp=self.stamp(ago),
            )
        )

    def health(self, microphone: str = "healthy", *, outbox: int = 0) -> None:
        """Sends the heartbeat."""
        self.send(
            Health(
                microphone=microphone,
                uptime_s=60.0,
                frames=6000,
                inferences=60,
                overruns=0,
                clipped=0,
                outbox=outbox,
                cpu_percent=3.0,
                rss_mb=45.0,
                stamp=self.stamp(),
            )
        )

    def episode(
        self,
        episode: str,
        phase: str,
        duration: float,
        *,
        emotion: str = "fearful",
        distress: float = 0.8,
        reason: str = "frightened, loud",
        ago: float = 0.0,
        send: bool = True,
    ) -> int:
        """A message of an episode, `duration` seconds after its onset; its number."""
        self.seq += 1
        message = Episode(
            id=new_id(),
            seq=self.seq,
            episode=episode,
            phase=phase,
            emotion=emotion,
            distress=distress,
            peak=distress,
            duration_s=duration,
            level_db=-22.0,
            reason=reason,
            stamp=self.stamp(ago),
        )
        return self._keep(message, send=send)

    def summary(self, *, send: bool = True) -> int:
        """The summary of a minute; its number."""
        self.seq += 1
        message = Summary(
            id=new_id(),
            seq=self.seq,
            seconds=60.0,
            speech_s=12.0,
            emotions={"neutral": 12},
            distress_mean=0.1,
            distress_peak=0.2,
            level_mean_db=-40.0,
            level_peak_db=-30.0,
            stamp=self.stamp(),
        )
        return self._keep(message, send=send)

    def _keep(self, message: Message, *, send: bool) -> int:
        self.sent[self.seq] = message
        if send:
            self.send(message)
        return self.seq
