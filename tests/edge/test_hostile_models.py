"""Files made to hurt their reader are refused at once, in one sentence, and with little memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import hostile_models
import pytest

from edge.errors import ModelError
from edge.model_file import read, unpack

MOST_MB, MOST_S, LONGEST = 256, 1.0, 800
HARMLESS = {"many tools"}
"""What may be: fifteen thousand lines about tools are odd, but hurt nobody."""


def test_the_small_file_is_a_good_one():
    assert unpack(hostile_models.small(), "m").flatbuffer == hostile_models.FLATBUFFER


@pytest.mark.parametrize("kind", hostile_models.FILES)
def test_it_is_refused_at_once_and_with_little_memory(tmp_path, kind):
    path = tmp_path / "m.tflite"
    path.write_bytes(hostile_models.FILES[kind]())
    command = [sys.executable, hostile_models.__file__, path]
    done = subprocess.run(list(map(str, command)), capture_output=True, check=False, timeout=60, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["mb"] < MOST_MB
    assert told["seconds"] < MOST_S
    if kind in HARMLESS:
        assert told["error"] is None
        return
    assert len(told["error"]) < LONGEST
    assert told["error"].isprintable()
    assert "; c" in told["error"], "it says what to do"


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.tflite")
    for path in (tmp_path / "pipe.tflite", Path("/dev/zero")):
        with pytest.raises(ModelError, match="is no regular file; give"):
            read(path)
