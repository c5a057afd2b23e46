"""`bedside-edge run`: puts source, pipeline, reporter and publisher together and keeps them going."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from edge import model_choice
from edge.bed import Bed
from edge.capture import Microphone, Source
from edge.classifier import Classifier
from edge.clock import Clock
from edge.commands import Gatekeeper, device_key
from edge.config import Config
from edge.errors import BedsideError, ConfigError, ModelError, StorageError
from edge.mute import Mute
from edge.panel import Panel
from edge.playback import Playback
from edge.service import Requests, notify, notify_reloading, tell_state
from edge.state_file import State, StateFile, own_folder
from edge.storage import Storage
from edge.watchdog import Progress, Watchdog

log = logging.getLogger(__name__)

_RECEIPTS_S = 10.0
"""After the end of a file, so long for the hub's receipts; what has none stays in the outbox."""
_STATUS_EVERY_S = 5.0
_FIXED = ("site", "ward", "device", "storage", "commands", "panel")
"""What only a restart can change: under another address or in another outbox, numbers would begin anew;
pins and the commands already obeyed are held from the start on."""


class Daemon:
    """One start of the daemon, from the first configuration to the last message."""

    def __init__(
        self,
        load: Callable[[], Config],
        files: Sequence[Path],
        requests: Requests,
        *,
        fast: bool = False,
        repeat: bool = False,
    ) -> None:
        """`load` reads the configuration, anew at each reload; no files: the microphone.

        Raises a BedsideError for what keeps it from starting.
        """
        self._load, self._requests = load, requests
        self._playback = (tuple(files), fast, repeat)
        self._clock = Clock()
        config = load()
        choice = model_choice.choose(config)
        storage = config.storage
        topic, key = config.address.topic("command"), device_key(config.commands.key_file)
        self._gatekeeper = Gatekeeper(key, topic, self._clock.boot_id)
        with ExitStack() as opened:  # closed again where a later step fails
            self._outbox = Storage(Path(storage.folder), self._clock.boot_id, storage.max_mb * 10**6)
            opened.callback(self._outbox.close)
            self._mute = Mute(Path(storage.folder), self._clock.uptime_s)
            # Before the microphone: it shall not be open for a moment where the switch says no.
            self._panel = Panel(config.panel, lambda is_on: self._mute.switch(is_on=is_on))
            opened.callback(self._panel.close)
            source = self._open_source(config)
            self._model_refused: str | None = None
            self._bed = self._make_bed(config, choice.classifier, source)
            model_choice.keep(choice, config)
            if choice.refused is not None:
                self._model_refused = model_choice.words(choice.refused, config)
                model = choice.classifier.manifest.title
                log.error("the model is refused, the last good one, %s, runs: %s", model, choice.refused)
            self._opened = opened.pop_all()
        self._chunks = source.chunks()
        self._watchdog = Watchdog(time.monotonic())
        self._state_file = StateFile(own_folder())
        self._is_ready = False
        self._next_status_s = 0.0

    def run(self) -> None:
        """Listen and tell until the files end or a stop is asked for.

        Raises AudioFileError for a file that turns out damaged.
        """
        bed = self._bed
        log.info("bed %s, model %s, %s", bed.config.bed, bed.pipeline.model, bed.source.name)
        if bed.reporter.waiting:
            log.info("%d messages of earlier starts wait for the hub", bed.reporter.waiting)
        bed.start()
        goodbye = "failed"
        try:
            self._listen()
            goodbye = "stopped" if self._requests.stop else "recording ended"
        finally:
            notify("STOPPING=1")
            self._end(goodbye)

    def _listen(self) -> None:
        while True:
            for chunk in self._chunks:
                self._bed.hear(chunk)
                self._look_after_mute()
                self._tell_systemd(heard=chunk.samples.size > 0)
                if self._requests.take_reload():
                    break
            else:
                return
            self._reload()

    def _look_after_mute(self) -> None:
        self._panel.look()
        try:
            self._mute.tick()
        except StorageError as error:
            log.error("%s", error)  # noqa: TRY400 - one sentence says it

    def _tell_systemd(self, *, heard: bool) -> None:
        condition = self._bed.source.condition
        tell_state(condition.state)
        # A microphone that is not there has been announced by then: listening for it is the work.
        if not self._is_ready and (heard or condition.state not in {"healthy", "recovering", "file"}):
            self._is_ready = notify("READY=1", f"STATUS={self._bed.status()}")
        now = time.monotonic()
        state = State(condition.state, self._bed.source.muted, self._bed.publisher.connected)
        self._state_file.tell(state, self._bed.status, now)
        if now < self._next_status_s:
            return
        self._next_status_s = now + _STATUS_EVERY_S
        progress = Progress(
            frames=self._bed.pipeline.frames,
            inferences=self._bed.pipeline.inferences,
            state=condition.state,
            stuck_s=condition.stuck_s,
            publisher_s=self._bed.publisher.idle_s(now),
        )
        problem = self._watchdog.problem(now, progress)
        if problem is None:
            notify("WATCHDOG=1", f"STATUS={self._bed.status()}")
        else:
            log.error("%s; systemd will start the daemon anew", problem)
            notify(f"STATUS={problem}")

    def _reload(self) -> None:
        """Take over the configuration as it is now; where it is wrong, go on with the old one."""
        notify_reloading()
        try:
            config = self._load()
            for name in _FIXED:
                if getattr(config, name) != getattr(self._bed.config, name):
                    raise ConfigError(f"{name} can only be changed by a restart")
            choice = model_choice.configured(config, model_choice.RELOAD_LIMIT_S)
            classifier = choice.classifier
            bed = self._make_bed(config, classifier, self._bed.source)
        except BedsideError as error:
            if isinstance(error, ModelError):
                self._model_refused = model_choice.words(error, config)
            log.error("not reloaded, the old settings stay in force: %s", error)  # noqa: TRY400
            self._is_ready = notify("READY=1", f"STATUS=not reloaded: {error}")
            self._next_status_s = time.monotonic() + 2 * _STATUS_EVERY_S  # long enough to be read
            return
        old = self._bed
        old.finish("settings reloaded")
        old.publisher.stop(None)
        if not self._playback[0] and config.microphone != old.config.microphone:
            old.source.close()
            source = self._open_source(config)
            bed = self._make_bed(config, classifier, source)
            self._chunks = source.chunks()
        bed.pipeline.continue_from(old.pipeline)
        self._bed = bed
        self._model_refused = None
        model_choice.keep(choice, config)
        bed.publisher.announce("settings reloaded")
        bed.start()
        log.info("settings reloaded: bed %s, model %s", config.bed, bed.pipeline.model)
        self._is_ready = notify("READY=1", f"STATUS={bed.status()}")

    def _open_source(self, config: Config) -> Source:
        files, fast, repeat = self._playback
        source: Source
        if files:
            source = Playback(files, lambda: self._requests.stop, fast=fast, repeat=repeat)
        else:
            source = Microphone(
                config.microphone,
                lambda: self._requests.stop,
                on_recording=self._panel.light,
                muted=self._mute.is_on,
            )
        self._mute.follow(lambda muted: setattr(source, "muted", muted))
        return source

    def _make_bed(self, config: Config, classifier: Classifier, source: Source) -> Bed:
        return Bed(
            config,
            classifier,
            self._clock,
            self._outbox,
            source,
            self._mute,
            self._gatekeeper,
            lambda: self._model_refused,
        )

    def _end(self, goodbye: str) -> None:
        bed = self._bed
        try:
            bed.finish(goodbye)
            if goodbye == "recording ended":
                self._await_receipts()
            bed.publisher.stop(goodbye)
            log.info("%s; %d messages wait for the hub", goodbye, bed.reporter.waiting)
        finally:
            bed.source.close()
            self._opened.close()

    def _await_receipts(self) -> None:
        """Give the hub time to answer; none where there is no broker to carry the answer."""
        bed = self._bed
        until = time.monotonic() + _RECEIPTS_S
        while bed.reporter.waiting and time.monotonic() < until and not self._requests.stop:
            if bed.publisher.problem is not None and not bed.publisher.connected:
                return
            time.sleep(0.05)
