"""From what was heard to what is told: window results become messages, each on its way."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import asdict

from edge.clock import Clock, new_id
from edge.config import Config
from edge.episodes import EpisodeDetector, EpisodeEvent
from edge.errors import ModelError, StorageError
from edge.manifest import Manifest
from edge.messages import Durable, Emotion, Episode, Summary
from edge.pipeline import Judgement, WindowResult
from edge.storage import AnyOutbox
from edge.summary import Minute, MinuteSummary

log = logging.getLogger(__name__)

_LABEL_BYTES = 600


class Reporter:
    """Tells the hub: the live view, episodes and summaries."""

    def __init__(
        self,
        config: Config,
        manifest: Manifest,
        clock: Clock,
        outbox: AnyOutbox,
        live: Callable[[Emotion], None],
    ) -> None:
        """`live` takes what is worth nothing later.

        Raises ConfigError where the bed's episode settings contradict the model's, or ModelError.
        """
        check_labels(manifest)
        training = manifest.training
        self._clock, self._outbox = clock, outbox
        front_end, window = training.front_end, training.window
        self._window_s = window.frames * front_end.hop_length / front_end.sample_rate
        policy = config.episodes.policy(training.distress.policy)
        self._episodes = EpisodeDetector(policy, training.distress, new_id)
        self._minute = MinuteSummary(window.hop_frames * front_end.hop_length / front_end.sample_rate)
        self._held: deque[Callable[[int], Durable]] = deque()  # what the disk has refused so far
        self._disk_refused = False
        self._live = live

    def window(self, result: WindowResult) -> None:
        """Tell of one window."""
        if result.judgement is not None:
            self._live(self._emotion(result, result.judgement))
        for event in self._episodes.update(result):
            self._tell_episode(event)
        minute = self._minute.add(result)
        if minute is not None:
            self._tell_minute(minute)

    def finish(self, why: str) -> None:
        """Listening ends: tell the end of an open episode and the minute begun."""
        for event in self._episodes.finish(why):
            self._tell_episode(event)
        minute = self._minute.finish()
        if minute is not None:
            self._tell_minute(minute)

    def tick(self) -> None:
        """What is due by the clock: messages the disk has refused so far."""
        self._write_held()

    @property
    def waiting(self) -> int:
        """Durable messages the hub has no receipt for, as far as the disk can tell."""
        try:
            return len(self._outbox) + len(self._held)
        except StorageError:
            return len(self._held)

    def _emotion(self, result: WindowResult, judgement: Judgement) -> Emotion:
        return Emotion(
            emotion=judgement.emotion,
            probabilities={label: round(share, 3) for label, share in judgement.probabilities.items()},
            distress=round(judgement.distress, 3),
            speech=round(result.speech_share, 3),
            level_db=round(result.level_db, 1),
            window_s=self._window_s,
            stamp=self._clock.stamp(),
        )

    def _tell_episode(self, event: EpisodeEvent) -> None:
        log.info("episode %s: %s", event.phase, event.reason, extra={"EPISODE": event.episode})
        stamp = self._clock.stamp()
        self._store(
            lambda seq: Episode(
                id=new_id(),
                seq=seq,
                episode=event.episode,
                phase=event.phase,
                emotion=event.emotion,
                distress=round(event.distress, 3),
                peak=round(event.peak, 3),
                duration_s=event.duration_s,
                level_db=round(event.level_db, 1),
                reason=event.reason,
                stamp=stamp,
            )
        )

    def _tell_minute(self, minute: Minute) -> None:
        stamp = self._clock.stamp()
        self._store(lambda seq: Summary(id=new_id(), seq=seq, **asdict(minute), stamp=stamp))

    def _store(self, build: Callable[[int], Durable]) -> None:
        self._held.append(build)
        self._write_held()

    def _write_held(self) -> None:
        """Put on disk what waits for it, in order; a full disk must not end the listening."""
        while self._held:
            try:
                self._outbox.append(self._held[0])
            except StorageError as error:
                if not self._disk_refused:
                    log.error("%s; messages are held in memory until it takes them", error)  # noqa: TRY400
                self._disk_refused = True
                return
            self._held.popleft()
            self._disk_refused = False


def check_labels(manifest: Manifest) -> None:
    """Each message that lists the emotions must fit into 1 KiB."""
    labels = manifest.training.labels
    size = sum(len(label.encode()) + len('"":0.123,') for label in labels)
    if size > _LABEL_BYTES:
        raise ModelError(
            f"the labels of the model {manifest.title} take {size} bytes of a message;"
            f" at most {_LABEL_BYTES} fit: use fewer or shorter ones"
        )
