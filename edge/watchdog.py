"""Whether the daemon still does its work: what systemd's watchdog is told. Pure; the clock is a parameter."""

from __future__ import annotations

from dataclasses import dataclass

FRAMES_S = 10.0
"""So long may a source that delivers bring no new frame of features."""
INFERENCES_S = 25.0
"""So long may it bring no inference: in a silent room every tenth window, one a second, is judged."""
STUCK_S = 300.0
"""So long may the sound system not come back from a call; only a new process can help then."""
PUBLISHER_S = 120.0
"""So long may the publisher's thread be busy with one thing, such as a name server that does not answer."""
_DELIVERING = ("healthy", "silent", "file")


@dataclass(frozen=True, slots=True)
class Progress:
    """What can be seen of the work at one moment; the counts only rise.

    `state` is the source's (edge.messages.MICROPHONE_STATES), `stuck_s` for how long the sound system has
    not come back from a call, `publisher_s` for how long the publisher's thread has not turned; None once
    it has ended.
    """

    frames: int
    inferences: int
    state: str
    stuck_s: float = 0.0
    publisher_s: float | None = 0.0


class Watchdog:
    """Compares each reading with those before it."""

    def __init__(self, now_s: float) -> None:
        """`now_s`: seconds on a monotonic clock, here and below."""
        self._frames = self._inferences = 0
        self._frames_s = self._inferences_s = now_s

    def problem(self, now_s: float, progress: Progress) -> str | None:
        """Why systemd should start the daemon anew, in words; None while the work goes on.

        A source that delivers nothing and says so (lost, stalled, recovering, muted) is no such reason:
        it is announced and looked after, and a new process would find the same microphone.
        """
        delivers = progress.state in _DELIVERING
        if progress.frames != self._frames or not delivers:
            self._frames, self._frames_s = progress.frames, now_s
        if progress.inferences != self._inferences or not delivers:
            self._inferences, self._inferences_s = progress.inferences, now_s
        if progress.publisher_s is None:
            return "the publisher's thread has ended"
        if progress.publisher_s > PUBLISHER_S:
            return f"the publisher's thread has not turned for {progress.publisher_s:.0f} s"
        if progress.stuck_s > STUCK_S:
            return f"the sound system has not answered for {progress.stuck_s:.0f} s"
        if now_s - self._frames_s > FRAMES_S:
            return f"no sound has been worked on for {now_s - self._frames_s:.0f} s"
        if now_s - self._inferences_s > INFERENCES_S:
            return f"the model has judged nothing for {now_s - self._inferences_s:.0f} s"
        return None
