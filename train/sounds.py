"""Which recordings a simulated ward is made of: what each is at a bed, and how loud."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.errors import CorpusError
from edge.features import FloatArray
from edge.fields import FieldError, checked, decode
from train.corpus import read_audio, read_rows

ROLES = ("distress", "speech", "disturbance", "background")
SETTINGS = Path(__file__).with_name("ward.toml")
_QUIETEST = 1e-5
"""Root mean square; a recording below it holds nothing that could be brought to a level."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One [[sound]]: recordings of a corpus and what they are."""

    corpus: str = checked(minimum=1)
    emotions: tuple[str, ...] = checked(minimum=1)
    role: str = checked(choices=ROLES)
    kind: str = checked(maximum=40, default="")
    intensity: str = checked(maximum=20, default="")
    statement: str = checked(maximum=200, default="")
    """A regular expression for the whole first part of the manifest's `statement`, before its `;`."""
    ordinary: bool = checked(default=False)
    level_db: float = checked(minimum=-40, maximum=40, default=0.0)

    def __post_init__(self) -> None:
        """Refuse what is no regular expression."""
        try:
            re.compile(self.statement)
        except re.error as error:
            raise FieldError(f"statement {self.statement!r} is no regular expression: {error}") from error

    def takes(self, row: dict[str, str]) -> bool:
        """Whether this manifest row is one of these."""
        if row["emotion"] not in self.emotions:
            return False
        if self.intensity and row.get("intensity", "") != self.intensity:
            return False
        said = (row.get("statement") or "").partition(";")[0]
        return not self.statement or re.fullmatch(self.statement, said) is not None


@dataclass(frozen=True, slots=True)
class _File:
    sound: tuple[Entry, ...] = checked()


@dataclass(frozen=True, slots=True)
class Sound:
    """One recording at a bed. `speaker` is empty where nobody speaks."""

    path: Path
    speaker: str
    role: str
    kind: str
    ordinary: bool
    level_db: float
    corpus: Path
    """The folder of its manifest."""

    @property
    def owner(self) -> str:
        """Who must be on one side of a split only: the speaker, else the recording itself."""
        return self.speaker or str(self.path)


def entries(settings: Path = SETTINGS) -> tuple[Entry, ...]:
    """The [[sound]] tables. Raises CorpusError where the file cannot be used."""
    try:
        return decode(_File, tomllib.loads(settings.read_text(encoding="utf-8"))).sound
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, FieldError) as error:
        raise CorpusError(f"{settings} cannot be used: {error}; see train/ward.toml") from error


def sounds_in(corpora: Path, wanted: Sequence[Entry]) -> list[Sound]:
    """The recordings of each corpus in the folder, in the order of the manifests.

    Recordings whose speaker is "unknown" may be of anybody and are left out, but for backgrounds.
    Raises CorpusError where a corpus is missing or nothing is left.
    """
    found: list[Sound] = []
    for corpus in sorted({entry.corpus for entry in wanted}):
        mine = [entry for entry in wanted if entry.corpus == corpus]
        found += _of_corpus(corpora / corpus, mine)
    if not found:
        raise CorpusError(f"{corpora} holds no recording the ward could be made of; see train/ward.toml")
    return found


def _of_corpus(folder: Path, wanted: Sequence[Entry]) -> Iterable[Sound]:
    for row in read_rows(folder / "manifest.csv"):
        entry = next((one for one in wanted if one.takes(row)), None)
        if entry is None or (row["speaker"] == "unknown" and entry.role != "background"):
            continue
        speaker = f"{folder.name}/{row['speaker']}" if row["speaker"] else ""
        path = (folder / row["path"]).resolve()
        yield Sound(path, speaker, entry.role, entry.kind, entry.ordinary, entry.level_db, folder)


def unheard(sounds: Sequence[Sound], learnt: Collection[Path]) -> list[Sound]:
    """The sounds of speakers, and the recordings of nobody, that a model has not learnt from."""
    known = {sound.owner for sound in sounds if sound.path in learnt}
    return [sound for sound in sounds if sound.owner not in known]


class Loudness:
    """Brings recordings to one scale: a speaker's ordinary speech has a root mean square of 1 there.

    What a speaker shouts is as much louder than what the same speaker says as it was in the corpus.
    """

    def __init__(self, sounds: Sequence[Sound], sample_rate: int) -> None:
        self._rate = sample_rate
        self._ordinary: dict[str, list[Sound]] = {}
        for sound in sounds:
            if sound.ordinary and sound.speaker:
                self._ordinary.setdefault(sound.speaker, []).append(sound)
        self._known: dict[str, float] = {}

    def read(self, sound: Sound) -> FloatArray:
        """The recording's samples on that scale, shape (n,)."""
        samples = read_audio(sound.path, self._rate)
        if sound.speaker in self._ordinary:
            return samples / np.float32(self._reference(sound.speaker))
        return samples * np.float32(10 ** (sound.level_db / 20) / max(level(samples), _QUIETEST))

    def _reference(self, speaker: str) -> float:
        if speaker not in self._known:
            levels = [level(read_audio(one.path, self._rate)) for one in self._ordinary[speaker]]
            self._known[speaker] = max(float(np.median(levels)), _QUIETEST)
        return self._known[speaker]


def level(samples: FloatArray) -> float:
    """Root mean square of the louder half of a recording's 20 ms pieces: its pauses do not count."""
    size = samples.size // 320 * 320
    if size == 0:
        return float(np.sqrt(np.mean(samples**2))) if samples.size else 0.0
    powers = np.mean(samples[:size].reshape(-1, 320) ** 2, axis=1)
    return float(np.sqrt(np.mean(np.sort(powers)[powers.size // 2 :])))
