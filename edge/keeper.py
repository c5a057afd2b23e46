"""The thread that holds the microphone: opens it, watches it, opens it again, lets go of it."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterator

from edge.config import Microphone as Settings
from edge.errors import MicrophoneError
from edge.inbox import Callback, Inbox
from edge.liveness import Condition, Limits, Liveness, Note, Reading
from edge.sound_devices import OpenStream, open_stream, sound_cards

log = logging.getLogger(__name__)

_TICK_S = 0.2
_FAILED_S = 1.0  # after what should not happen
_CLOSE_S = 0.4  # a device that is well is let go of by then; one that hangs may take for ever
Opener = Callable[[Settings, Callable[[int, int], Callback]], OpenStream]


class Keeper:
    """Keeps one microphone open, in a thread of its own: any call to the sound system may hang.

    `condition`, `muted` and `close` are for any thread and return at once, whatever the sound system does.
    """

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], float],
        *,
        opener: Opener = open_stream,
        cards: Callable[[], object] = sound_cards,
        limits: Limits | None = None,
        on_recording: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """`cards` tells which sound cards there are; a change of it is a reason to try at once.

        `on_recording` is told in the keeper's thread: true before the device is opened, false after it has
        been closed.
        """
        self.name = settings.device or "the default microphone"
        self.inbox = Inbox(now)
        self.is_clipping = False
        self._settings, self._now, self._opener, self._cards = settings, now, opener, cards
        self._liveness = Liveness(now(), limits)
        self._lock = threading.Lock()  # of the liveness; never held during a call to the sound system
        self._muted = False
        self._is_closing = False
        self._stream: OpenStream | None = None
        self._is_recording = False
        self._on_recording = on_recording
        self._called_s: float | None = None
        self._seen_cards: object = None
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="microphone", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Let go of the device, or of the thread where the device does not let go; at most half a second."""
        self._is_closing = self.inbox.is_deaf = True
        self._wake.set()
        if not self._thread.is_alive():
            self._let_go()
            return
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            log.warning("the sound system does not let go of %s; ending without it", self.name)

    @property
    def muted(self) -> bool:
        """Whether nobody may listen."""
        return self._muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self._muted = self.inbox.is_deaf = muted
        if muted:
            self.inbox.clear()
        self._wake.set()

    @property
    def condition(self) -> Condition:
        """How the microphone is doing, now."""
        with self._lock:
            reading = self._reading()
            condition, notes = self._liveness.look(self._now(), reading, muted=self._muted)
        _write(notes, condition.state)
        return dataclasses.replace(condition, recording=self._is_recording)

    def step(self) -> None:
        """Do what is due; called by the thread, several times a second."""
        now = self._now()
        if self._muted or self._is_closing:
            self._let_go()
            with self._lock:
                self._liveness.muted(now)
        elif self._stream is None:
            self._look_for_cards(now)
            if self._liveness.may_open(now):
                self._open()
        elif self._must_close(self._stream):
            _ = self.condition  # notes what is new, as below; closing may hang
            self._let_go()
        _ = self.condition

    def _run(self) -> None:
        while not self._is_closing:
            # Whatever happens in there, the microphone must be tried again.
            try:
                self.step()
                self._wake.wait(_TICK_S)
                self._wake.clear()
            except Exception as error:
                log.exception("the sound system failed")
                try:
                    self._let_go()
                    self._failed(f"the sound system failed: {error}")
                except Exception:
                    log.exception("letting go of %s failed too", self.name)
                time.sleep(_FAILED_S)
        self._let_go()

    def _open(self) -> None:
        try:
            with self._calling():
                stream = self._opener(self._settings, self._listen)
        except MicrophoneError as error:
            self._failed(str(error))
            return
        self._stream = stream
        self.name = stream.device.name
        form = f" at {stream.rate} Hz" + (", both channels" if stream.channels > 1 else "")
        with self._lock:
            self._liveness.opened(self._now(), self.name, form)

    def _listen(self, rate: int, channels: int) -> Callback:
        self._tell(is_recording=True)
        return self.inbox.listen(rate, channels)

    def _tell(self, *, is_recording: bool) -> None:
        if is_recording != self._is_recording:
            self._is_recording = is_recording
            try:
                self._on_recording(is_recording)
            except Exception:
                log.exception("the light cannot be told whether %s is recorded", self.name)

    def _failed(self, error: str) -> None:
        self._tell(is_recording=False)
        with self._lock:
            self.inbox.shut()
            self._liveness.failed(self._now(), error)

    def _must_close(self, stream: OpenStream) -> bool:
        with self._calling():
            is_active = stream.is_active()
        with self._lock:
            return self._liveness.must_close(self._now(), self._reading(), is_active=is_active)

    def _let_go(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with self._lock:
                self.inbox.shut()
                self._liveness.closed(self._now())
            with self._calling():
                stream.close()
        self._tell(is_recording=False)

    def _look_for_cards(self, now: float) -> None:
        cards = self._cards()
        if cards != self._seen_cards:
            self._seen_cards = cards
            with self._lock:
                self._liveness.hurry(now)

    @contextlib.contextmanager
    def _calling(self) -> Iterator[None]:
        self._called_s = self._now()
        try:
            yield
        finally:
            self._called_s = None

    def _reading(self) -> Reading:
        now, called_s = self._now(), self._called_s
        return dataclasses.replace(
            self.inbox.reading(now),
            clipping=self.is_clipping,
            stuck_s=0.0 if called_s is None else max(0.0, now - called_s),
        )


def _write(notes: list[Note], state: str) -> None:
    for note in notes:
        log.log(note.level, "%s", note.words, extra={"STATE": state})
