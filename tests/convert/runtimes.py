"""TFLite runtimes beside the one of this environment, each at the version that constraints.txt names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache"
LITERT = "ai-edge-litert"
_LIMIT_S = 900


def pinned(names: Iterable[str], python: str) -> list[str]:
    """What constraints.txt asks of `names` for that Python on arm64, such as numpy==1.26.4."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    known = [Requirement(line) for line in lines if line and not line.startswith("#")]
    target = {"python_version": python, "platform_machine": "aarch64", "sys_platform": "linux"}
    found = {
        one.name: f"{one.name}{one.specifier}"
        for one in known
        if one.marker is None or one.marker.evaluate(target)
    }
    return [found[name] for name in names]


def litert() -> Path:
    """A Python, as old as this one, that has ai-edge-litert and numpy; made once and kept in .cache."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    wanted = pinned(["numpy", LITERT], python)
    folder = CACHE / "-".join(["runtime", python, *wanted])
    if not folder.exists():
        making = folder.with_name(f"{folder.name}.{os.getpid()}")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", making], check=True)
        install = [sys.executable, "-m", "pip", "--python", making / "bin/python", "install", "--quiet"]
        try:
            _pip([*install, "-c", ROOT / "constraints.txt", *wanted])
            making.rename(folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return folder / "bin/python"


def _pip(command: list[object]) -> None:
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=_LIMIT_S, check=False
    )
    assert done.returncode == 0, f"pip could not install ai-edge-litert: {done.stderr[-2000:]}"


def run_models(python: Path, out: Path, folder: Path, reference: Path | None = None) -> None:
    """Run run_models.py under that Python; see there."""
    command = [python, Path(__file__).with_name("run_models.py"), out, folder]
    command += [] if reference is None else [reference]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=240, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
