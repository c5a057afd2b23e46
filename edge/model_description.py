"""What a person wants to know of a model file."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge.manifest import Distress, EpisodePolicy, Manifest
from edge.self_test import allowed


def onset_rule(policy: EpisodePolicy) -> str:
    """Which windows begin an episode, such as `2 of 3 windows at 0.6 or more`."""
    lasting = f", for {policy.min_duration_s:g} s or more" if policy.min_duration_s else ""
    if policy.among is not None:
        return f"{policy.count} of {policy.among} windows at {policy.onset:g} or more{lasting}"
    return (
        f"windows that weigh {policy.count} together (each the log-odds of its score above those of"
        f" {policy.onset:g}, over {policy.saturation:g}, from -1 to 1; silence -1){lasting}"
    )


def describe(manifest: Manifest) -> list[tuple[str, Any]]:
    """What a person wants to know of a model, as (name, value) rows."""
    training, front_end = manifest.training, manifest.training.front_end
    seconds = training.window.frames * front_end.hop_length / front_end.sample_rate
    hop = training.window.hop_frames * front_end.hop_length / front_end.sample_rate
    policy = training.distress.policy
    bands = (
        f"{front_end.coefficients} MFCC from {front_end.mel_bins} mel bins,"
        f" {front_end.low_hz:g} to {front_end.high_hz:g} Hz, at {front_end.sample_rate} Hz"
    )
    alert = (
        f"{onset_rule(policy)}, until {policy.hold_off_s:g} s below {policy.offset:g};"
        f" a repeat within {policy.repeat_s:g} s"
    )
    level = "not known: a bed's own level is taken as it is"
    if training.speech_level is not None:
        level = f"{10 * np.log10(np.e) * training.speech_level:.1f} dB mean frame energy in ordinary speech"
    adaptation = "none; the level alone" if training.speech_level is not None else "none"
    if training.adaptation is not None:
        adaptation = (
            f"mean and deviation of speech over {training.adaptation.memory} windows;"
            f" training weighs as much as {training.adaptation.doubt:g},"
            f" the bed {training.adaptation.most:.0%} at most"
        )
    return [
        ("model", manifest.title),
        ("sha256", manifest.sha256),
        ("labels", ", ".join(training.labels)),
        ("front end", bands),
        ("window", f"{seconds:g} s every {hop:g} s, shape {'x'.join(map(str, manifest.input.shape))}"),
        ("distress", _source(training.distress)),
        ("alert", alert),
        ("chosen for", training.distress.chosen_for),
        ("speech level", level),
        ("adaptation", adaptation),
        (
            "learnt from",
            "; ".join(
                f"{c.name}, {c.clips} clips, {c.speakers} speakers, {c.licence}" for c in training.corpora
            ),
        ),
        ("scheme", manifest.scheme),
        ("calibrated on", _calibration(manifest)),
        ("self-test", _self_test(manifest)),
        *((f"evaluation {name}", f"{value:.3f}") for name, value in training.evaluation.items()),
        *((f"made with {name}", value) for name, value in manifest.tools.items()),
    ]


def _source(distress: Distress) -> str:
    if distress.temperature is None:
        return " + ".join(f"{weight:g} {name}" for name, weight in distress.weights.items())
    named = f"; episodes named after {', '.join(distress.causes)}" if distress.causes else ""
    return f"an output of its own, temperature {distress.temperature:g}{named}"


def _calibration(manifest: Manifest) -> str:
    if manifest.calibration is None:
        return "not told"
    epochs = manifest.calibration.fine_tuning_epochs
    tuned = "" if epochs is None else f"; fine-tuned on them for {epochs} epochs"
    return f"{manifest.calibration.clips} recordings, whose sha256 are in the file{tuned}"


def _self_test(manifest: Manifest) -> str:
    test = manifest.self_test
    if test is None:
        return "none"
    return f"{len(test.scores)} scores of a golden window, to within {allowed(manifest, test):.2g}"
