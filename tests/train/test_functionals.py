"""openSMILE's functionals, where it is installed (the extra `compare`), and a sentence where it is not."""

import importlib.util
import re
import subprocess
import sys

import pytest

from edge.errors import AudioFileError, CorpusError
from train.corpus import Clip
from train.functionals import functionals

needs_opensmile = pytest.mark.skipif(
    importlib.util.find_spec("opensmile") is None, reason="openSMILE is not installed"
)
BESIDE_TENSORFLOW = """
import sys
from pathlib import Path
import keras
from train.corpus import read_manifest
from train.functionals import functionals
clips = read_manifest(Path(sys.argv[1]))
found = functionals(clips, "eGeMAPSv02", Path(sys.argv[2]))
assert found.shape == (4, 88), found.shape
pitch = found[:, 0]  # mean F0 in semitones above 27.5 Hz
assert ((10 < pitch) & (pitch < 60)).all(), pitch
"""


def test_without_opensmile_it_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", None)
    clips = [Clip(tmp_path / f"{number}.wav", "x/a", "sad", "x", "-") for number in range(2)]
    with pytest.raises(AudioFileError, match=f"cannot read {re.escape(str(clips[0].path))}"):
        functionals(clips, "eGeMAPSv02", tmp_path)
    for clip in clips:
        clip.path.touch()
    with pytest.raises(CorpusError, match="openSMILE is not installed; pip install"):
        functionals(clips, "eGeMAPSv02", tmp_path)


@needs_opensmile
def test_a_file_it_cannot_read_is_one_sentence(tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    with pytest.raises(CorpusError, match=r"openSMILE failed with eGeMAPSv02 \(status \d+\)"):
        functionals([Clip(broken, "x/a", "sad", "x", "-")], "eGeMAPSv02", tmp_path)


@needs_opensmile
def test_it_is_heard_beside_tensorflow(small_manifest, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", BESIDE_TENSORFLOW, str(small_manifest), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
