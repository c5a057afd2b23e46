"""openSMILE's functionals of recordings: what the support vector machines we are compared with hear.

Run as a program it is the process openSMILE works in: loaded beside TensorFlow it ends both.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.errors import CorpusError
from edge.features import FloatArray
from train import kept
from train.corpus import Clip, listing


def functionals(clips: Sequence[Clip], feature_set: str, cache: Path) -> FloatArray:
    """Those of a set such as eGeMAPSv02, shape (clips, features); kept in the folder `cache`.

    Raises CorpusError where openSMILE is not installed or fails.
    """
    paths = [clip.path for clip in clips]
    file = cache / f"opensmile-{feature_set}-{listing(paths)[:16]}.npz"
    found = kept.made_once(file, lambda: {"features": _extracted(paths, feature_set)})
    return found["features"]


def _extracted(paths: Sequence[Path], feature_set: str) -> FloatArray:
    if importlib.util.find_spec("opensmile") is None:
        raise CorpusError("openSMILE is not installed; pip install 'bedside-ser[compare]'")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "features.npy"
        command = [sys.executable, "-P", "-m", __name__, "--set", feature_set, "--out", str(out)]
        text = "\n".join(str(path.resolve()) for path in paths)
        done = subprocess.run(command, input=text, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise CorpusError(
                f"openSMILE failed with {feature_set} (status {done.returncode}); what it says is above"
            )
        features: FloatArray = np.nan_to_num(np.load(out))
    return features


def _main() -> None:
    import opensmile  # noqa: PLC0415 - its licence is for research: nothing else needs it

    parser = argparse.ArgumentParser(
        description="openSMILE's functionals of the files named on standard input"
    )
    parser.add_argument("--set", required=True, metavar="NAME", help="of opensmile.FeatureSet")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .npy, a row a file")
    options = parser.parse_args()
    extractor = opensmile.Smile(
        opensmile.FeatureSet[options.set],
        opensmile.FeatureLevel.Functionals,
        num_workers=os.cpu_count(),
        verbose=True,
    )
    rows = extractor.process_files(sys.stdin.read().splitlines())
    np.save(options.out, rows.to_numpy(np.float32))


if __name__ == "__main__":
    _main()
