"""How a microphone is doing: pure; what is seen goes in, a state in words comes out.

The clock is a parameter (monotonic seconds). Nothing here has to be called in time for the state to be
right: it follows from the reading and from the moment at which somebody asks.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""From one attempt to open the device to the next; the last goes on."""
SILENT_PAUSES_S = (30.0, 60.0, 120.0, 300.0, 600.0)
"""The same while only zeros come: some drivers deliver them until opened again, but a microphone may be
muted at its own switch for hours."""
_FAST_PPM, _STEADY_PPM = 10_000, 8_000  # from here on noted, below here over
_DRIFT, _CLIPPING = "its clock is off", "too loud"


@dataclass(frozen=True, slots=True)
class Condition:
    """A source's state and what has happened to it since the daemon's start.

    `state` is one of edge.messages.MICROPHONE_STATES, `reason` says in words why; `overruns` to
    `drift_ppm` are what edge.messages.Health publishes. `drifts`: times the microphone's clock was found to
    be more than 1 % off; `stuck_s`: for how long the sound system has not
    come back from a call, 0 where none is under way; `recording`: whether the device is open or being
    opened, so that sound may be taken in.
    """

    state: str
    reason: str
    overruns: int = 0
    stalls: int = 0
    silences: int = 0
    reopened: int = 0
    lag_s: float = 0.0
    drift_ppm: float | None = None
    drifts: int = 0
    stuck_s: float = 0.0
    recording: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How long what may last, in seconds, before it is called by its name."""

    stall_s: float = 3.0
    """No frame: the stream is taken for dead."""
    silent_s: float = 10.0
    """Only zeros; a real room, however quiet, has noise."""
    lag_s: float = 4.0
    """The age of the oldest sound that waits: this box is too slow. A slow card may cost a second or two."""
    answer_s: float = 4.0
    """The sound system has not come back from a call."""
    steady_s: float = 10.0
    """Of delivering; only then do pauses start again from the shortest."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What can be seen of the open stream at one moment.

    `frames`: delivered so far; `age_s`: since the last of them, None before the first; `zeros_s`: of sound
    since the last sample that was no zero, also across streams; `lag_s`: age of the oldest sound nobody has
    taken; `lost`: chunks lost since the start; `drift_ppm`: how much too fast, None where unknown;
    `clipping`: whether much of it is at full scale; `stuck_s`: since a call to the sound system began.
    """

    frames: int = 0
    age_s: float | None = None
    zeros_s: float = 0.0
    lag_s: float = 0.0
    lost: int = 0
    drift_ppm: float | None = None
    clipping: bool = False
    stuck_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the log."""

    level: int
    words: str


class Liveness:
    """One microphone: healthy, silent, stalled, lost, recovering or muted.

    Whoever handles the device tells what happens to it, whoever wants to know asks `look`. Every spell of
    trouble is counted once and noted once; it is over when the microphone is healthy again.
    """

    def __init__(self, now: float, limits: Limits | None = None) -> None:
        self.name, self._form = "the microphone", ""
        self._limits = limits or Limits()
        self._is_open = False
        self._since = now  # it was opened or shut
        self._trouble = ""  # the state while no frames come
        self._error = ""  # of the last attempt
        self._is_fruitless = False  # it was opened in this spell, and nothing came
        self._is_slow = False  # the box, not the microphone
        self._was_opened = False
        self._attempts = 0  # since it was last steady
        self._next_s = now
        self._silent_attempts = 0
        self._silent_next_s = now
        self._state = "recovering"
        self._told: set[str] = set()  # states of this spell
        self._flaws: set[str] = set()
        self._losses_told = 0
        self._stalls = self._silences = self._reopened = self._drifts = 0

    def opened(self, now: float, name: str, form: str = "") -> None:
        """The device is open, in a form such as ` at 16000 Hz`; nothing has come from it yet."""
        self.name, self._form = name, form
        self._error = ""
        self._reopened += self._was_opened
        self._was_opened = True
        self._attempted(now)
        self._is_open, self._since = True, now

    def failed(self, now: float, error: str) -> None:
        """The device could not be opened."""
        self._trouble, self._error = "lost", error
        self._is_fruitless = False
        self._attempted(now)
        self.closed(now)

    def closed(self, now: float) -> None:
        """The device has been closed; it is to be opened again."""
        self._is_open, self._since = False, now

    def muted(self, now: float) -> None:
        """The device has been closed because nobody may listen; what comes after begins afresh."""
        self.closed(now)
        self._trouble = self._error = ""
        self._is_fruitless = self._was_opened = False
        self.hurry(now)

    def hurry(self, now: float) -> None:
        """No reason to wait with the next attempt: another sound card is there, or all was well for long."""
        self._attempts, self._next_s = 0, now

    def may_open(self, now: float) -> bool:
        """Whether a shut device is to be opened now."""
        return not self._is_open and now >= self._next_s

    def must_close(self, now: float, reading: Reading, *, is_active: bool) -> bool:
        """Whether an open device is to be closed and opened again; if so, it counts as closed from now on.

        `is_active`: its driver says it runs.
        """
        must = self._is_open and self._is_past_use(now, reading, is_active=is_active)
        if must:
            self.closed(now)
        return must

    def _is_past_use(self, now: float, reading: Reading, *, is_active: bool) -> bool:
        if not is_active or self._waited(now, reading) >= self._limits.stall_s:
            self._trouble = "stalled"
            self._is_fruitless = reading.frames == 0
            return not is_active or now >= self._next_s
        if self._state == "silent" and now >= self._silent_next_s:
            self._silent_attempts += 1
            self._silent_next_s = now + _pause(SILENT_PAUSES_S, self._silent_attempts)
            return True
        return False

    def look(self, now: float, reading: Reading, *, muted: bool = False) -> tuple[Condition, list[Note]]:
        """The state at `now`, and what is new enough to be noted."""
        self._is_slow = reading.lag_s >= self._limits.lag_s * (0.25 if self._is_slow else 1.0)
        state, reason = ("muted", "muted") if muted else self._judge(now, reading)
        notes = [*self._changes(now, state, reason), *self._flaws_of(reading), *self._losses(reading.lost)]
        condition = Condition(
            state=state,
            reason=reason
            + ("".join(f", but {flaw}" for flaw in sorted(self._flaws)) if state == "healthy" else ""),
            overruns=reading.lost,
            stalls=self._stalls,
            silences=self._silences,
            reopened=self._reopened,
            lag_s=reading.lag_s,
            drift_ppm=reading.drift_ppm,
            drifts=self._drifts,
            stuck_s=reading.stuck_s,
        )
        return condition, notes

    def _judge(self, now: float, reading: Reading) -> tuple[str, str]:
        was_silent = reading.zeros_s >= self._limits.silent_s
        if not self._is_open:
            return self._judge_shut(now, reading, was_silent=was_silent)
        if self._waited(now, reading) >= self._limits.stall_s:
            return "stalled", self._stalled(reading)
        if not reading.frames and self._trouble == "stalled" and self._is_fruitless:
            return "stalled", f"{self.name} delivers nothing, even opened again"
        if reading.frames:
            self._trouble, self._is_fruitless = "", False
            if self._attempts and now - self._since >= self._limits.steady_s:
                self.hurry(now)
        if self._is_slow:
            return "stalled", f"this box is too slow: sound waits {reading.lag_s:.0f} s to be judged"
        if was_silent:
            return "silent", f"{self.name} delivers only zeros: dead, or muted at its own switch"
        if not reading.frames:
            return "recovering", f"{self.name} has been opened; no sound yet"
        return "healthy", f"listening to {self.name}{self._form}"

    def _judge_shut(self, now: float, reading: Reading, *, was_silent: bool) -> tuple[str, str]:
        if self._trouble == "stalled":
            return "stalled", self._stalled(reading)
        if self._trouble:
            return self._trouble, self._error
        if max(reading.stuck_s, now - self._since) >= self._limits.answer_s:
            return "lost", f"the sound system does not answer; {self.name} cannot be opened"
        if was_silent:
            return "silent", f"{self.name} delivers only zeros; it is opened again"
        return "recovering", f"{self.name} is being opened"

    def _stalled(self, reading: Reading) -> str:
        if reading.stuck_s >= self._limits.answer_s:
            return f"{self.name} stopped delivering, and the sound system does not answer"
        return f"{self.name} stopped delivering; it is opened again"

    def _waited(self, now: float, reading: Reading) -> float:
        return now - self._since if reading.age_s is None else reading.age_s

    def _attempted(self, now: float) -> None:
        self._next_s = now + _pause(PAUSES_S, self._attempts)
        self._attempts += 1

    def _changes(self, now: float, state: str, reason: str) -> list[Note]:
        was, self._state = self._state, state
        if state in {was, "recovering"}:
            return []
        if state in {"healthy", "muted"}:
            is_over = bool(self._told)
            self._told.clear()
            words = f"{self.name} delivers again" if is_over and state == "healthy" else reason
            return [Note(logging.INFO, words)]
        if state in self._told:
            return []
        self._told.add(state)
        self._stalls += state == "stalled"
        if state == "silent":
            self._silences += 1
            self._silent_attempts = 0
            self._silent_next_s = now + SILENT_PAUSES_S[0]
        return [Note(logging.WARNING, reason)]

    def _flaws_of(self, reading: Reading) -> list[Note]:
        notes = []
        if reading.drift_ppm is not None:
            is_far = abs(reading.drift_ppm) >= (_STEADY_PPM if _DRIFT in self._flaws else _FAST_PPM)
            if is_far and _DRIFT not in self._flaws:
                self._drifts += 1
                percent = reading.drift_ppm / 10_000
                notes.append(
                    f"{self.name} delivers {percent:+.1f} % more sound than its rate says: wrong or lossy"
                )
            self._set_flaw(_DRIFT, is_on=is_far)
        if reading.clipping and _CLIPPING not in self._flaws:
            notes.append(f"{self.name} is clipped: it is too close, or set too loud")
        self._set_flaw(_CLIPPING, is_on=reading.clipping)
        return [Note(logging.WARNING, words) for words in notes]

    def _set_flaw(self, flaw: str, *, is_on: bool) -> None:
        (self._flaws.add if is_on else self._flaws.discard)(flaw)

    def _losses(self, lost: int) -> list[Note]:
        if not lost or (self._losses_told and lost < self._losses_told + 100):
            return []
        self._losses_told = lost
        return [Note(logging.WARNING, f"{lost} chunks of sound lost so far: this box is too slow")]


def _pause(pauses_s: tuple[float, ...], attempts: int) -> float:
    return pauses_s[min(attempts, len(pauses_s) - 1)]
