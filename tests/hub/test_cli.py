"""What the command drags in: each process only what its verb needs, and nothing that only a device has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hub_parts import ROOT

# What `pip install '.[hub]'` leaves out, as if it were not here.
ABSENT = ("webrtcvad", "tflite_runtime", "ai_edge_litert", "pyaudio", "systemd", "soundfile", "tensorflow")


def run(code: str) -> subprocess.CompletedProcess[str]:
    before = f"import sys\nsys.modules.update(dict.fromkeys({ABSENT!r}))\n"
    command = [sys.executable, "-c", before + code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("process", ["hub.ingest", "hub.engine"])
def test_without_a_web_server_where_none_is_needed(process: str) -> None:
    done = run(f"import hub.cli, {process}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))")
    assert done.returncode == 0, done.stderr
    assert {"fastapi", "uvicorn", "numpy", "argon2"} & set(done.stdout.split()) == set()


@pytest.mark.parametrize("module", ["hub.web", "hub.simulate", "hub.backup", "hub.commands"])
def test_a_hub_needs_nothing_of_a_device(module: str) -> None:
    done = run(f"import {module}")
    assert done.returncode == 0, done.stderr


def test_check_on_a_machine_that_is_only_a_hub(tmp_path: Path) -> None:
    config = tmp_path / "hub.toml"
    config.write_text(f'site = "demo"\ndata = "{tmp_path}"\n[broker]\nport = 1\n')
    done = run(f"from hub.cli import main\nsys.exit(main(['check', '--config', {str(config)!r}]))")
    assert done.returncode == 69, done.stderr
    assert "!!  broker" in done.stdout
    assert "Traceback" not in done.stderr
