"""How the device is: its state message, when that must be told anew, and its health message."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from edge import __version__
from edge.capture import Source
from edge.certificates import Expiry
from edge.clock import Clock
from edge.config import Config
from edge.health import LoadMeter
from edge.messages import MAX_REASON, Health, Stamp, State
from edge.pipeline import Pipeline
from edge.renewal import Renewal

_REFUSED = "the configured model is refused; the one before runs on"
_MOST_DAYS = 1e5  # of edge.messages.Health


class Vitals:
    """What the publisher tells of the device itself; it is asked in the publisher's thread."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        pipeline: Pipeline,
        source: Source,
        waiting: Callable[[], int],
        dropped: Callable[[], int] = lambda: 0,
        muted: Callable[[], str | None] = lambda: None,
        refused: Callable[[], bool] = lambda: False,
        model_refused: Callable[[], str | None] = lambda: None,
        renewal: Renewal | None = None,
    ) -> None:
        """`waiting` counts the durable messages the hub has no receipt for, `dropped` those given up.

        `muted` tells in words why nobody may listen, None where one may; `refused`, whether the disk takes
        no messages; `model_refused`, why the configured model does not run, None where it does;
        `renewal`, which certificate is shown, without it the installed one.
        """
        self._config, self._clock, self._pipeline, self._source = config, clock, pipeline, source
        self._waiting, self._dropped, self._muted, self._refused = waiting, dropped, muted, refused
        self._model_refused = model_refused
        self._load = LoadMeter(clock.uptime_s())
        self._told = source.condition.state, muted(), model_refused()
        self._renewal = renewal
        self._expiry = Expiry(self._certificates)

    def state(self, status: str, reason: str) -> State:
        """The device's state message; online and muted, its reason is always who muted it."""
        if status == "online":
            reason = self._muted() or reason
        return State(
            status=status,
            reason=reason[:MAX_REASON],
            bed=self._config.bed,
            microphone=self._source.condition.state,
            model=self._pipeline.model[:80],
            software=__version__,
            stamp=self._clock.stamp(),
            model_refused=self._model_refused(),
            certificate_ends=None if self._renewal is None else self._renewal.ends,
        )

    def change(self) -> str | None:
        """Why the state must be told anew, None where nothing has changed since the call before."""
        condition, muted, refused = self._source.condition, self._muted(), self._model_refused()
        before, self._told = self._told, (condition.state, muted, refused)
        if self._told == before:
            return None
        if self._told[:2] == before[:2]:
            return _REFUSED if refused else "the configured model runs"
        return muted or condition.reason

    def health(self) -> Health:
        """The device's health message."""
        now = self._clock.uptime_s()
        condition, pipeline, load = self._source.condition, self._pipeline, self._load.read(now)
        return Health(
            microphone=condition.state,
            uptime_s=round(now, 1),
            frames=pipeline.frames,
            inferences=pipeline.inferences,
            overruns=condition.overruns,
            clipped=pipeline.clipped,
            outbox=self._waiting(),
            dropped=self._dropped(),
            storage="refused" if self._refused() else "ok",
            stalls=condition.stalls,
            silences=condition.silences,
            reopened=condition.reopened,
            lag_s=round(condition.lag_s, 2),
            drift_ppm=None if condition.drift_ppm is None else round(condition.drift_ppm),
            drifts=condition.drifts,
            disk_free_mb=self._disk_free_mb(),
            certificate_days=self._certificate_days(),
            cpu_percent=load.cpu_percent,
            rss_mb=load.rss_mb,
            temperature_c=load.temperature_c,
            bed_windows=0 if pipeline.bed is None else pipeline.bed.learnt.windows,
            stamp=self._clock.stamp(),
        )

    def stamp(self) -> Stamp:
        """Now, for a message of the publisher's own."""
        return self._clock.stamp()

    def _certificates(self) -> tuple[str, str]:
        """The files of the authority and of our own."""
        broker = self._config.broker
        return broker.ca_file, broker.cert_file if self._renewal is None else self._renewal.file

    def _certificate_days(self) -> float | None:
        days = self._expiry.days()
        return None if days is None else round(max(-_MOST_DAYS, min(_MOST_DAYS, days)), 1)

    def _disk_free_mb(self) -> float | None:
        try:
            return round(shutil.disk_usage(Path(self._config.storage.folder)).free / 1e6)
        except OSError:
            return None
