"""Durable messages of no importance, for tests of what keeps and carries them."""

import dataclasses

from edge.clock import Clock, new_id
from edge.messages import Episode, Summary

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
