"""`bedside-edge analyse`: what the daemon would make of recordings, for people and for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge import self_test
from edge.classifier import Classifier
from edge.config import Gate, Sound
from edge.errors import AudioFileError, BedsideError
from edge.model_file import read
from edge.pipeline import Judgement, Pipeline, WindowResult
from edge.sound_files import SoundFile
from edge.voice import Manner, manner

_BAR = 10
_CLIPPED = 1e-4  # of the samples: less is a peak or two


@dataclass(frozen=True, slots=True)
class Analysis:
    """A recording, window by window, and as a whole: its windows with speech together."""

    windows: tuple[WindowResult, ...]
    whole: Judgement | None
    manner: Manner
    seconds: float
    clipped_share: float
    """The share of samples at full scale."""
    shortfall: str | None
    """One sentence where the file is cut short."""


def analyse(path: Path, classifier: Classifier, gate: Gate) -> Analysis:
    """Judge the recording in `path`, at the level it has. Raises AudioFileError."""
    pipeline = Pipeline(classifier, gate, Sound(normalise_level=False))
    windows: list[WindowResult] = []
    samples = 0
    with SoundFile(path) as sound:
        for block in sound.blocks():
            samples += block.size
            windows += pipeline.feed(block)
        shortfall = sound.shortfall() if sound.is_cut_short else None
    windows += pipeline.flush()
    training = classifier.manifest.training
    return Analysis(
        windows=tuple(windows),
        whole=_whole(windows, training.labels),
        manner=manner([window.voice for window in windows if window.voice is not None]),
        clipped_share=pipeline.clipped / max(1, samples),
        seconds=samples / training.front_end.sample_rate,
        shortfall=shortfall,
    )


def _whole(windows: Sequence[WindowResult], labels: Sequence[str]) -> Judgement | None:
    spoken = [window.judgement for window in windows if window.judgement is not None]
    if not spoken:
        return None
    rows = np.array([[one.probabilities[label] for label in labels] for one in spoken], np.float32)
    mean = rows.mean(axis=0)
    return Judgement(
        emotion=labels[int(mean.argmax())],
        probabilities={label: float(share) for label, share in zip(labels, mean, strict=True)},
        distress=float(np.mean([one.distress for one in spoken])),
    )


def main(paths: Sequence[Path], model: Path, *, as_json: bool) -> int:
    """Analyse each file and print the result; the exit status is that of the last error, else 0.

    Raises ModelError where there is no model to analyse with.
    """
    classifier = Classifier(read(model))
    self_test.check(classifier)
    status = 0
    for path in paths:
        try:
            analysis = analyse(path, classifier, Gate())
        except BedsideError as error:
            print(f"bedside-edge: {error}", file=sys.stderr)
            status = error.exit_status
            continue
        for line in _json_lines(path, analysis) if as_json else _table(path, analysis):
            print(line, flush=as_json)
        if analysis.shortfall is not None:
            print(f"bedside-edge: {analysis.shortfall}", file=sys.stderr)
            status = AudioFileError.exit_status
    return status


def _json_lines(path: Path, analysis: Analysis) -> Iterator[str]:
    for window in analysis.windows:
        yield json.dumps(
            {
                "file": str(path),
                "kind": "window",
                "start_s": round(window.start_s, 3),
                "end_s": round(window.end_s, 3),
                "speech": window.is_speech,
                "speech_share": round(window.speech_share, 3),
                "level_db": round(window.level_db, 1),
                "clipped_share": round(window.clipped_share, 4),
                **_plain(window.judgement),
                **asdict(_manner(window)),
            }
        )
    spoken = [window for window in analysis.windows if window.is_speech]
    yield json.dumps(
        {
            "file": str(path),
            "kind": "recording",
            "start_s": 0.0,
            "end_s": round(analysis.seconds, 3),
            "speech": bool(spoken),
            "windows": len(analysis.windows),
            "speech_windows": len(spoken),
            "clipped_share": round(analysis.clipped_share, 4),
            **_plain(analysis.whole),
            **asdict(analysis.manner),
        }
    )


def _manner(window: WindowResult) -> Manner:
    return manner([window.voice] if window.voice is not None else [])


def _plain(judgement: Judgement | None) -> dict[str, Any]:
    if judgement is None:
        return {"emotion": None, "probabilities": None, "distress": None}
    return {
        "emotion": judgement.emotion,
        "probabilities": {label: round(share, 4) for label, share in judgement.probabilities.items()},
        "distress": round(judgement.distress, 4),
    }


def _table(path: Path, analysis: Analysis) -> Iterator[str]:
    yield f"{path}  {analysis.seconds:.1f} s"
    yield (
        f"  {'from':>7} {'to':>7} {'level':>7} {'speech':>7} {'pitch':>6} {'range':>8}"
        f" {'syll/s':>6} {'pauses':>6}  {'emotion':<18} distress"
    )
    for window in analysis.windows:
        yield (
            f"  {window.start_s:6.1f}s {window.end_s:6.1f}s {window.level_db:5.0f}dB"
            f" {window.speech_share:6.0%} {_how(_manner(window))}  {_words(window.judgement)}"
        )
    yield f"  {'the whole recording':<31} {_how(analysis.manner)}  {_words(analysis.whole)}"
    if analysis.clipped_share >= _CLIPPED:
        yield (
            f"  note: {analysis.clipped_share:.2%} of the samples stand at full scale: the microphone was"
            " too close or set too loud, and the judgement suffers"
        )


def _how(one: Manner) -> str:
    if one.f0_median_hz is None:
        pitch = f"{'-':>6} {'-':>8}"
    else:
        pitch = f"{one.f0_median_hz:4.0f}Hz {f'{one.f0_low_hz:.0f}-{one.f0_high_hz:.0f}':>8}"
    rate = "-" if one.speech_rate is None else f"{one.speech_rate:.1f}"
    pauses = "-" if one.pause_ratio is None else f"{one.pause_ratio:.0%}"
    return f"{pitch} {rate:>6} {pauses:>6}"


def _words(judgement: Judgement | None) -> str:
    if judgement is None:
        return "no speech"
    share = judgement.probabilities[judgement.emotion]
    bar = "#" * round(_BAR * judgement.distress)
    return f"{judgement.emotion:<12} {share:4.0%}  {judgement.distress:4.2f} {bar}".rstrip()
