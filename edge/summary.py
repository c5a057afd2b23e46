"""One minute of a bed in numbers: what was heard, without what was said. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass

import numpy as np

from edge.pipeline import WindowResult
from edge.speech_gate import LOWEST_DB
from edge.voice import manner

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Minute:
    """The figures of a summary message; from `f0_median_hz` on those of edge.voice.Manner.

    Windows overlap: what lies in several of them counts in each.
    """

    seconds: float
    speech_s: float
    emotions: dict[str, int]
    distress_mean: float
    distress_peak: float
    level_mean_db: float
    level_peak_db: float
    f0_median_hz: float | None = None
    f0_low_hz: float | None = None
    f0_high_hz: float | None = None
    speech_rate: float | None = None
    pause_ratio: float | None = None


class MinuteSummary:
    """Collects window results and hands them out a minute at a time."""

    def __init__(self, hop_s: float) -> None:
        """`hop_s` is the new sound each window brings, in seconds."""
        self._hop_s = hop_s
        self._results: list[WindowResult] = []
        self._end_s = MINUTE_S

    def add(self, result: WindowResult) -> Minute | None:
        """Take one result; the finished minute where it belongs to the next one, else None."""
        minute = None
        if result.end_s > self._end_s:
            minute = self.finish()
            self._end_s = (result.end_s // MINUTE_S + 1) * MINUTE_S
        self._results.append(result)
        return minute

    def finish(self) -> Minute | None:
        """What has been collected since the last minute, None if there is nothing."""
        if not self._results:
            return None
        results, self._results = self._results, []
        spoken = [result for result in results if result.judgement is not None]
        scores = [result.judgement.distress for result in spoken if result.judgement is not None]
        emotions = Counter(result.judgement.emotion for result in spoken if result.judgement is not None)
        levels = np.array([max(result.level_db, LOWEST_DB) for result in results])
        return Minute(
            seconds=round(len(results) * self._hop_s, 2),
            speech_s=round(sum(result.speech_share for result in results) * self._hop_s, 2),
            emotions=dict(emotions),
            distress_mean=round(float(np.mean(scores)) if scores else 0.0, 3),
            distress_peak=round(max(scores, default=0.0), 3),
            level_mean_db=round(float(10 * np.log10(np.mean(10 ** (levels / 10)))), 1),
            level_peak_db=round(float(levels.max()), 1),
            **asdict(manner([result.voice for result in results if result.voice is not None])),
        )
