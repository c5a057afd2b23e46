"""Labelled recordings: manifests in, clips and samples out."""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from edge.errors import AudioFileError, CorpusError
from edge.features import FloatArray
from edge.manifest import Corpus
from train.recipe import DISTRESS_EMOTIONS

REQUIRED_COLUMNS = ("path", "speaker", "emotion")
_TOLD = 5  # of a manifest's emotions, in an error


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled recording; `speaker` is unique across corpora.

    `distress`: whether a nurse would want to be called for it; None where that is not known. `intensity` and
    `sex` are the manifest's words, empty where it has none.
    """

    path: Path
    speaker: str
    emotion: str
    corpus: str
    licence: str
    distress: bool | None = None
    intensity: str = ""
    sex: str = ""


def read_rows(manifest: Path) -> list[dict[str, str]]:
    """The rows of one manifest.csv, a dict a recording by the names in the first line.

    Raises CorpusError where the file is missing, lacks a column or has no row.
    """
    try:
        with manifest.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in REQUIRED_COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise CorpusError(
                    f"{manifest} has no column {', '.join(missing)}; a manifest needs"
                    f" {', '.join(REQUIRED_COLUMNS)} in its first line"
                )
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(
            f"cannot read the manifest {manifest}: {error}; give a readable CSV file"
        ) from error
    for number, row in enumerate(rows, 2):
        if not all(row[name] for name in ("path", "emotion")) or row["speaker"] is None:
            raise CorpusError(f"line {number} of {manifest} lacks a path, speaker or emotion; complete it")
    if not rows:
        raise CorpusError(f"{manifest} lists no recording; give one row a recording")
    return rows


def read_manifest(manifest: Path) -> list[Clip]:
    """The clips of one manifest.csv, whose paths are relative to its folder; raises as `read_rows` does."""
    rows = read_rows(manifest)
    corpus, licence = manifest.resolve().parent.name, licence_in(manifest.parent)
    return [
        Clip(
            manifest.parent / row["path"],
            f"{corpus}/{row['speaker']}",
            row["emotion"],
            corpus,
            licence,
            distress_in(row["emotion"], row.get("intensity") or ""),
            row.get("intensity") or "",
            row.get("sex") or "",
        )
        for row in rows
    ]


def distress_in(emotion: str, intensity: str) -> bool | None:
    """Strong fear, sadness and anger are distress; what is acted with less of it is neither one nor none."""
    if emotion not in DISTRESS_EMOTIONS:
        return False
    return True if intensity in ("", "strong") else None


def read_manifests(manifests: Iterable[Path], label_map: Mapping[str, str] | None = None) -> list[Clip]:
    """The clips of several manifests with their emotions renamed; an emotion mapped to "" is left out."""
    clips = [clip for manifest in manifests for clip in read_manifest(manifest)]
    mapping = label_map or {}
    unknown = sorted(set(mapping) - {clip.emotion for clip in clips})
    if unknown:
        raise CorpusError(f"the label map names {', '.join(unknown)}, which no manifest has; check --map")
    return [
        _renamed(clip, mapping[clip.emotion]) if clip.emotion in mapping else clip
        for clip in clips
        if mapping.get(clip.emotion, clip.emotion)
    ]


def _renamed(clip: Clip, emotion: str) -> Clip:
    return replace(clip, emotion=emotion, distress=distress_in(emotion, clip.intensity))


def write_manifest(clips: Iterable[Clip], path: Path) -> None:
    """A manifest.csv of these clips with their absolute paths, for `read_manifest`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow((*REQUIRED_COLUMNS, "intensity", "sex"))
        rows.writerows(
            (clip.path.resolve(), clip.speaker, clip.emotion, clip.intensity, clip.sex) for clip in clips
        )


def parse_label_map(text: str) -> dict[str, str]:
    """`calm=neutral,none=` as a dict; raises argparse's error for anything else."""
    pairs = [item.partition("=") for item in text.split(",") if item]
    if not pairs or any(not old or not sign for old, sign, _ in pairs):
        raise argparse.ArgumentTypeError(f"{text!r} is no label map; write OLD=NEW,OLD=NEW")
    return {old: new for old, _, new in pairs}


def labels_of(clips: Iterable[Clip]) -> tuple[str, ...]:
    """The emotions of these clips in alphabetical order."""
    return tuple(sorted({clip.emotion for clip in clips}))


def targets_of(clips: Sequence[Clip], labels: Sequence[str]) -> npt.NDArray[np.intp]:
    """The index in `labels` of each clip's emotion, shape (clips,); else CorpusError."""
    unknown = sorted({clip.emotion for clip in clips} - set(labels))
    if unknown:
        more = f" and {len(unknown) - _TOLD} more" if len(unknown) > _TOLD else ""
        raise CorpusError(
            f"the manifest has {', '.join(unknown[:_TOLD])}{more}, the model knows {', '.join(labels)};"
            f" rename with --map {unknown[0]}=LABEL or leave out with --map {unknown[0]}="
        )
    return np.array([labels.index(clip.emotion) for clip in clips])


def corpora_of(clips: Iterable[Clip]) -> tuple[Corpus, ...]:
    """What a model learns from these clips; the licence is the "Licence" line of a corpus's SOURCE.md."""
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        groups.setdefault(clip.corpus, []).append(clip)
    return tuple(
        Corpus(name, len(group), len({clip.speaker for clip in group}), group[0].licence)
        for name, group in sorted(groups.items())
    )


def distress_truths(clips: Sequence[Clip]) -> npt.NDArray[np.intp]:
    """1 for distress, 0 for none, -1 where it is not known; shape (clips,)."""
    return np.array([-1 if clip.distress is None else int(clip.distress) for clip in clips], np.intp)


def licence_in(folder: Path) -> str:
    """What a corpus's SOURCE.md states on its "Licence" line."""
    try:
        text = (folder / "SOURCE.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return "not stated"
    stated = (line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("Licence"))
    return next(stated, "not stated")


def read_audio(path: Path, sample_rate: int) -> FloatArray:
    """One channel of float32 samples at `sample_rate` Hz, full scale 1, shape (samples,).

    Channels are averaged and other rates resampled with soxr. Raises AudioFileError.
    """
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioFileError(f"cannot read {path} as sound: {error}; give a WAV or FLAC file") from error
    mono = samples.mean(axis=1)
    if mono.size == 0:
        raise AudioFileError(f"{path} holds no sound; give a recording with at least one sample")
    resampled = mono if rate == sample_rate else soxr.resample(mono, rate, sample_rate, quality="VHQ")
    return np.ascontiguousarray(resampled, dtype=np.float32)


def listing(paths: Sequence[Path]) -> str:
    """A digest of which recordings these are and how long, for the name of what is kept of them.

    Raises AudioFileError where one is missing.
    """
    try:
        names = "\n".join(f"{path} {path.stat().st_size}" for path in paths)
    except OSError as error:
        raise AudioFileError(f"cannot read {error.filename}: {error.strerror}; mend the manifest") from error
    return hashlib.sha256(names.encode()).hexdigest()
