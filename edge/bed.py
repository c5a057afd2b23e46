"""What is made of one configuration: the parts between sound and broker, put together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.bed_memory import BedMemory
from edge.capture import Chunk, Microphone, Source
from edge.classifier import Classifier
from edge.clock import Clock
from edge.commands import CommandDesk, Gatekeeper
from edge.config import Config
from edge.mute import Mute
from edge.pipeline import Pipeline
from edge.publisher import Publisher
from edge.renewal import Renewal
from edge.reporter import Reporter
from edge.storage import Storage
from edge.vitals import Vitals


class Bed:
    """What is made of one configuration: from sound to messages. A reload makes a new one."""

    def __init__(
        self,
        config: Config,
        classifier: Classifier,
        clock: Clock,
        outbox: Storage,
        source: Source,
        mute: Mute,
        gatekeeper: Gatekeeper,
        model_refused: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`model_refused` says why `classifier` is not the configured model, None where it is.

        Raises ConfigError or ModelError where configuration and model do not go together.
        """
        self.config = config
        self._mute = mute
        self._was_muted = False
        self.source = source
        self._outbox = outbox
        self.pipeline = Pipeline(classifier, config.gate, config.sound)
        self._memory: BedMemory | None = None
        # A recording that is played is not heard by the microphone.
        if self.pipeline.bed is not None and isinstance(source, Microphone):
            self._memory = BedMemory(
                Path(config.storage.folder),
                config.microphone.device,
                self.pipeline.model,
                self.pipeline.bed,
                clock.uptime_s,
            )
        self._renewal = Renewal(config.broker, config.address, Path(config.storage.folder))
        self.vitals = Vitals(
            config,
            clock,
            self.pipeline,
            source,
            waiting=lambda: self.reporter.waiting,
            dropped=lambda: self._outbox.dropped,
            refused=lambda: self._outbox.refused,
            muted=lambda: mute.words,
            model_refused=model_refused,
            renewal=self._renewal,
        )
        desk = CommandDesk(gatekeeper, mute, self._forget, clock.uptime_s, self._renewal.take)
        self.publisher = Publisher(
            config.broker, config.address, outbox, self.vitals, desk.take, self._renewal
        )
        self.reporter = Reporter(config, classifier.manifest, clock, outbox, self.publisher.live)

    def start(self) -> None:
        """Recall what was learnt here before, and begin to connect."""
        if self._memory is not None:
            self._memory.recall()
        self.publisher.start()

    def hear(self, chunk: Chunk) -> None:
        """Tell what is in the sound; once muted, nothing of what has been heard and not been told yet."""
        if self.source.muted:
            if not self._was_muted:
                self.pipeline.forget()
                self.reporter.finish("muted")
        else:
            position = chunk.position if chunk.samples.size else None
            for result in self.pipeline.feed(chunk.samples, position):
                self.reporter.window(result)
        self._was_muted = self.source.muted
        self.reporter.tick()
        if self._memory is not None:
            self._memory.tick()

    def finish(self, why: str) -> None:
        """The end of what was being heard: the open episode and the minute begun are told."""
        for result in self.pipeline.flush():
            self.reporter.window(result)
        self.reporter.finish(why)
        if self._memory is not None:
            self._memory.save()

    def _forget(self) -> None:
        if self._memory is not None:
            self._memory.forget()

    def status(self) -> str:
        """One line for people."""
        condition = self.source.condition
        sound = self._mute.words or condition.reason
        broker = self.publisher.problem or (
            "connected" if self.publisher.connected else "no connection to the broker"
        )
        waiting = f"{self.reporter.waiting} messages wait for the hub"
        if self._outbox.dropped:
            waiting += f", {self._outbox.dropped} summaries given up because the outbox is full"
        if self._outbox.refused:
            waiting += ", in memory only because the disk takes none"
        return f"{self.source.name}: {sound}; {broker}; {waiting}"
