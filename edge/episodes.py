"""When single windows become an episode of distress, and when it is over.

Pure: the clock is the windows' own time. Windows without speech neither raise nor lower the score;
they count as quiet. Distress that comes back soon after an end is an episode of its own whose reason
says "again": the hub makes one alert of both, unless somebody has closed the first meanwhile. Under one
name the second would stay hidden behind the closed alert.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.evidence import evidence_of
from edge.manifest import Distress, EpisodePolicy
from edge.messages import MAX_REASON
from edge.pipeline import WindowResult

UPDATE_EVERY_S = 5.0
_ROUNDING_S = 1e-6  # window times are sums of floats
_LOUD_DB, _QUIET_DB = -25.0, -45.0
_ADJECTIVES = {"anger": "angry", "fear": "fearful", "disgust": "disgusted", "sadness": "sad"}


@dataclass(frozen=True, slots=True)
class EpisodeEvent:
    """An episode begins, goes on or ends; times are seconds since the start of the stream."""

    episode: str
    phase: str
    emotion: str
    distress: float
    peak: float
    duration_s: float
    level_db: float
    reason: str
    at_s: float


@dataclass(slots=True)
class _Open:
    """The episode that is going on."""

    episode: str
    start_s: float
    active_s: float  # end of the last window that was still distressed
    told_s: float  # when the last event went out
    peak: float
    emotion: str
    level_db: float
    again: bool  # it began soon after another one's end


class EpisodeDetector:
    """Turns window results, in order, into onset, update and end."""

    def __init__(self, policy: EpisodePolicy, distress: Distress, new_id: Callable[[], str]) -> None:
        """`distress` says which emotions may be named as the cause; `new_id` names episodes."""
        self.policy = policy
        self._weights = distress.naming
        self._new_id = new_id
        self._score: float | None = None
        self._heard_s = 0.0  # end of the last window with speech
        self._recent: deque[WindowResult] = deque(maxlen=policy.among or policy.count)
        self._evidence = evidence_of(policy)
        self._open: _Open | None = None
        self._ended_s: float | None = None  # when the episode before was over

    @property
    def score(self) -> float:
        """The smoothed distress score; 0 while nobody has spoken for the hold-off."""
        return self._score or 0.0

    @property
    def is_open(self) -> bool:
        """Whether an episode is going on."""
        return self._open is not None

    def update(self, result: WindowResult) -> list[EpisodeEvent]:
        """What this window brings about: nothing or one event."""
        self._smooth(result)
        self._recent.append(result)
        if self._open is not None:
            return self._go_on(self._open, result)
        score = None if result.judgement is None else self.score
        since_s = self._evidence.hear(score, result.start_s)
        if since_s is None or score is None or score < self.policy.onset:
            return []
        if result.end_s - since_s < self.policy.min_duration_s - _ROUNDING_S:
            return []
        return [self._begin(since_s, result)]

    def finish(self, why: str) -> list[EpisodeEvent]:
        """Listening stops: the end of the open episode, if there is one, with `why` in its reason."""
        if self._open is None:
            return []
        event = self._event("end", self._open, self._open.active_s, prefix=f"{why} while ")
        self._close()
        self._ended_s = None  # listening has been broken off: what comes next is no repeat
        return [event]

    def _close(self) -> None:
        self._open = None
        self._recent.clear()
        self._evidence = evidence_of(self.policy)  # the windows of one episode must not begin the next

    def _smooth(self, result: WindowResult) -> None:
        if result.judgement is None:
            if result.end_s - self._heard_s >= self.policy.hold_off_s:
                self._score = None  # what was said before a long silence says nothing about now
            return
        self._heard_s = result.end_s
        new = result.judgement.distress
        old = new if self._score is None else self._score
        self._score = self.policy.smoothing * old + (1 - self.policy.smoothing) * new

    def _begin(self, since_s: float, result: WindowResult) -> EpisodeEvent:
        emotion, level = self._cause()
        self._open = _Open(
            episode=self._new_id(),
            start_s=since_s,
            active_s=result.end_s,
            told_s=result.end_s,
            peak=self.score,
            emotion=emotion,
            level_db=level,
            again=self._ended_s is not None and since_s - self._ended_s < self.policy.repeat_s,
        )
        return self._event("onset", self._open, result.end_s)

    def _go_on(self, episode: _Open, result: WindowResult) -> list[EpisodeEvent]:
        if result.judgement is not None and self.score >= self.policy.offset:
            episode.active_s = result.end_s
            episode.peak = max(episode.peak, self.score)
            if result.judgement.distress > 0:  # else no emotion in it is a cause: the score is an echo
                episode.emotion, episode.level_db = self._cause()
        if result.end_s - episode.active_s >= self.policy.hold_off_s:
            event = self._event("end", episode, result.end_s)
            self._close()
            self._ended_s = result.end_s
            return [event]
        if result.end_s - episode.told_s >= UPDATE_EVERY_S:
            episode.told_s = result.end_s
            return [self._event("update", episode, result.end_s)]
        return []

    def _cause(self) -> tuple[str, float]:
        """The emotion that weighs most in the recent windows with speech, and their loudest level."""
        spoken = [one for one in self._recent if one.judgement is not None]
        return leading_emotion(spoken, self._weights), max(one.level_db for one in spoken)

    def _event(self, phase: str, episode: _Open, at_s: float, prefix: str = "") -> EpisodeEvent:
        duration = max(0.0, episode.active_s - episode.start_s)
        reason = prefix + describe(episode.emotion, episode.level_db, duration, again=episode.again)
        return EpisodeEvent(
            episode=episode.episode,
            phase=phase,
            emotion=episode.emotion,
            distress=self.score,
            peak=episode.peak,
            duration_s=round(duration, 2),
            level_db=episode.level_db,
            reason=reason[:MAX_REASON],
            at_s=at_s,
        )


def leading_emotion(results: Sequence[WindowResult], weights: dict[str, float]) -> str:
    """The emotion with the largest weight * probability over windows with speech, else `distressed`."""
    totals: dict[str, float] = {}
    for result in results:
        if result.judgement is not None:
            for label, probability in result.judgement.probabilities.items():
                weight = weights.get(label, 0.0)
                if weight > 0:  # one that is no distress is never the cause of it
                    totals[label] = totals.get(label, 0.0) + weight * probability
    return max(totals, key=totals.__getitem__, default="distressed")


def describe(emotion: str, level_db: float, duration_s: float, *, again: bool = False) -> str:
    """An episode in a nurse's words, such as `fearful and loud for 9 s`.

    `again`: another one had just ended.
    """
    loudness = " and loud" if level_db >= _LOUD_DB else " and quiet" if level_db < _QUIET_DB else ""
    seconds = round(duration_s)
    length = f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
    return f"{_ADJECTIVES.get(emotion, emotion)}{' again' if again else ''}{loudness} for {length}"
