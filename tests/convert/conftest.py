"""The zoo of small networks, made once, and bedside-quantize as an engineer runs it."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # zoo.py and others beside this file
import zoo_parts
from zoo import FAILS_WHEN_RUN, LOSES, ZOO

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def quantize():
    """Run the command; four recordings are enough in these tests, and what is lost on them is no measure."""

    def run(*arguments, script=False, folder=None, max_drop=100):
        start = [ROOT / "convert/quantize.py"] if script else ["-m", "convert.quantize"]
        command = [sys.executable, *start, *arguments, "--least-clips", 4, "--max-drop", max_drop]
        return subprocess.run(
            list(map(str, command)), capture_output=True, text=True, timeout=240, check=False, cwd=folder
        )

    return run


@pytest.fixture(scope="session")
def networks(fitted, small_manifest, made_once):
    """A folder of small networks, each shrunk, beside the metadata of a real one."""

    def fill(folder):
        zoo_parts.shrink(folder, fitted, small_manifest, (*ZOO, LOSES, FAILS_WHEN_RUN))

    return made_once("networks", fill)
