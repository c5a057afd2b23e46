"""Which recordings the converter sees to choose its scales, and whether they can be trusted with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from edge.config import Gate
from edge.errors import AudioFileError, ConversionError, CorpusError
from edge.features import FloatArray, mfcc
from edge.manifest import Calibration, Training
from edge.sound_files import to_int16
from edge.speech_gate import SAMPLE_RATE, SpeechGate
from edge.windows import recording_windows, silence_frame
from train.beds import after
from train.corpus import Clip, read_audio, read_manifests

LEAST_CLIPS = 32
_SUFFIXES = {".wav", ".flac", ".ogg"}
_SILENT = 1e-3  # -60 dBFS at the loudest sample of all
_SPEECH_SHARE = 0.5


def find_clips(sources: Sequence[Path], label_map: Mapping[str, str]) -> list[Clip]:
    """The recordings of manifests and of folders of sound files, whose subfolders stand for classes.

    Raises CorpusError where there are none.
    """
    folders = [source for source in sources if source.is_dir()]
    manifests = [source for source in sources if not source.is_dir()]
    clips = read_manifests(manifests, label_map) if manifests else []
    for folder in folders:
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
        if not files:
            raise CorpusError(f"{folder} has no WAV, FLAC or OGG file; give a folder of speech or a manifest")
        clips += [
            Clip(path, "", path.parent.relative_to(folder).as_posix(), folder.name, "not stated")
            for path in files
        ]
    return clips


def choose_clips(clips: Sequence[Clip], count: int) -> list[Clip]:
    """At most `count` clips: of each class the same share, from its quietest to its loudest."""
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        groups.setdefault(clip.emotion, []).append(clip)
    share = max(1, count // len(groups))
    chosen: list[Clip] = []
    for _, group in sorted(groups.items()):
        if len(group) > share:
            group.sort(key=lambda clip: (_power(clip.path), str(clip.path)))
        places = np.linspace(0, len(group) - 1, min(share, len(group))).round().astype(int)
        chosen.extend(group[place] for place in places)
    return chosen


def refuse_unfit(clips: Sequence[Clip], least: int) -> None:
    """Raises ConversionError where scales chosen from these recordings would fit no voice.

    The device's own speech gate, as it is set by default, says what is speech.
    """
    loudest, spoken = 0.0, 0
    for clip in tqdm(clips, desc="speech in calibration", unit="clip"):
        samples = read_audio(clip.path, SAMPLE_RATE)
        loudest = max(loudest, float(np.abs(samples).max()))
        gate = SpeechGate(Gate())
        gate.feed(to_int16(samples))
        spoken += gate.stretch(0, samples.size).is_speech
    if loudest < _SILENT:
        raise ConversionError(
            f"all {len(clips)} calibration recordings are silent; give recordings of speech"
        )
    if spoken < _SPEECH_SHARE * len(clips):
        raise ConversionError(
            f"the speech gate hears speech in {spoken} of {len(clips)} calibration recordings;"
            " give recordings of speech, at a level as at a bed"
        )
    if spoken < least:
        raise ConversionError(
            f"{spoken} calibration recordings have speech in them; give {least} or more, or see how the model"
            f" fares with --least-clips {spoken}"
        )


def raw_windows(clip: Clip, training: Training) -> FloatArray:
    """The clip's windows as the device adapts them, not normalised, shape (k, frames, coefficients).

    Each clip is the first thing its bed hears.
    """
    samples = read_audio(clip.path, training.front_end.sample_rate)
    windows = recording_windows(mfcc(samples, training.front_end), training.window, training.front_end)
    return after(training.adaptation, [], windows)


def extremes(training: Training) -> FloatArray:
    """What the front end makes of silence and of full scale, shape (3, frames, coefficients).

    Full scale is noise without a quiet sample and a 100 Hz square wave: nothing is louder. The scales must
    reach both ends, or a scream would be cut off.
    """
    front_end, frames = training.front_end, training.window.frames
    length = (frames - 1) * front_end.hop_length + front_end.frame_length
    noise = np.random.default_rng(0).choice(np.array([-1, 1], np.float32), length)
    square = np.where(np.arange(length) * 200 // front_end.sample_rate % 2, -1, 1).astype(np.float32)
    silence = np.tile(silence_frame(front_end), (frames, 1))
    return np.stack([silence, mfcc(noise, front_end)[:frames], mfcc(square, front_end)[:frames]])


def record(clips: Sequence[Clip], fine_tuning_epochs: int = 0) -> Calibration:
    """What the manifest says of the recordings that set the scales, and were trained on if any were."""
    digests = tuple(hashlib.sha256(clip.path.read_bytes()).hexdigest() for clip in clips)
    return Calibration(len(digests), digests, fine_tuning_epochs or None)


def _power(path: Path) -> float:
    """The mean square of a recording, full scale being 1."""
    try:
        samples, _ = soundfile.read(path, dtype="float32")
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioFileError(f"cannot read {path} as sound: {error}; give a WAV or FLAC file") from error
    return float(np.mean(np.square(samples))) if samples.size else 0.0
