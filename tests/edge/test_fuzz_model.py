"""A few seconds of what `make fuzz` does for half an hour."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="there is no atheris for this processor and Python"
)
def test_whatever_the_bytes_a_model_or_a_model_error(tmp_path):
    command = [sys.executable, Path(__file__).with_name("fuzz_model.py"), tmp_path / "corpus"]
    command += ["-seed=1", "-runs=1000", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Done 1000 runs" in done.stderr
    assert list(tmp_path.glob("crash-*")) == []
