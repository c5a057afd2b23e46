"""Messages of no importance, and a device to speak of, for tests of what keeps and carries them."""

import dataclasses

from edge.clock import Clock, new_id
from edge.messages import Episode, Health, State, Summary

CLOCK = Clock()


def summary(seq):
    return Summary(
        id=new_id(),
        seq=seq,
        seconds=60.0,
        speech_s=0.0,
        emotions={},
        distress_mean=0.0,
        distress_peak=0.0,
        level_mean_db=-90.0,
        level_peak_db=-90.0,
        stamp=CLOCK.stamp(),
    )


def episode(seq, name="1" * 32, phase="onset", boot_id=CLOCK.boot_id):
    return Episode(
        id=new_id(),
        seq=seq,
        episode=name,
        phase=phase,
        emotion="sad",
        distress=0.5,
        peak=0.5,
        duration_s=3.0,
        level_db=-30.0,
        reason="sad for 3 s",
        stamp=dataclasses.replace(CLOCK.stamp(), boot_id=boot_id),
    )


class SampleDevice:
    """A device that is always well."""

    def __init__(self):
        self.changed = None

    def state(self, status, reason):
        return State(
            status=status,
            reason=reason,
            bed="Bed 1",
            microphone="healthy",
            model="test 1.0.0",
            software="0.1.0",
            stamp=CLOCK.stamp(),
        )

    def change(self):
        reason, self.changed = self.changed, None
        return reason

    def health(self):
        return Health(
            microphone="healthy",
            uptime_s=1.0,
            frames=1,
            inferences=1,
            overruns=0,
            clipped=0,
            outbox=0,
            cpu_percent=1.0,
            rss_mb=50.0,
            stamp=CLOCK.stamp(),
        )

    def stamp(self):
        return CLOCK.stamp()
