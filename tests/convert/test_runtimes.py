"""The same model files under the other TFLite runtime: the same scores, or as near as a self-test asks.

`make test-arm64` does the same on the processors of Raspberry Pis, emulated.
"""

import fcntl
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import runtimes
from agreement import agreements
from zoo import ZOO
from zoo_parts import packed

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests/data"
CLIPS = ("angry", "fearful", "neutral", "sad")

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 12),
    reason="this Python has ai-edge-litert itself, and no wheel of tflite-runtime; make test-arm64 has both",
)


@pytest.fixture(scope="module")
def litert(tmp_path_factory):
    """The Python of an environment of its own; workers wait for the one that makes it."""
    runtimes.CACHE.mkdir(exist_ok=True)
    with (runtimes.CACHE / "runtime.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return runtimes.litert()


@pytest.fixture(scope="module")
def runs(litert, networks, device_model, tmp_path_factory):
    """What this runtime and the other one say of the same models and recordings."""
    folder = tmp_path_factory.mktemp("runtimes")
    for clip in CLIPS:
        shutil.copy(DATA / f"{clip}.wav", folder)
    shutil.copy(ROOT / "model/bedside-ser.tflite", folder / "shipped.tflite")
    shutil.copy(device_model, folder / "recipe.tflite")
    for one in ZOO:
        if one.refusal is None:
            shrunk = networks / one.folder / "model.tflite"
            data = packed(networks, shrunk.read_bytes(), one.scheme, one.outputs)
            (folder / f"{one.folder.removeprefix('shrunk-')}.tflite").write_bytes(data)
    here, there = folder / "here.npz", folder / "there.npz"
    runtimes.run_models(Path(sys.executable), here, folder)
    runtimes.run_models(litert, there, folder, here)
    with np.load(here) as ours, np.load(there) as theirs:
        return dict(ours), dict(theirs)


def test_the_runtimes_are_two(runs):
    ours, theirs = (str(run["runtime"]) for run in runs)
    assert ours == "tflite_runtime 2.14.0"
    assert theirs.startswith("ai_edge_litert 2.")


def test_every_model_scores_the_same_within_the_steps_allowed(runs):
    found = agreements(*runs)
    assert {one.model for one in found} > {"shipped", "recipe", "conv2d.keras-int8", "conv1d.keras-16x8"}
    assert not [one for one in found if not one.is_good]
    assert all(one.scores >= 4 * 8 for one in found)
    assert all(np.unique(runs[0][f"{one.model}/scores"]).size > 8 for one in found)


def test_where_sums_are_rounded_alike_every_score_is_the_same(runs, networks):
    told = {
        path.parent.name.removeprefix("shrunk-"): json.loads(path.read_text())
        for path in networks.glob("shrunk-*/anatomy.json")
    }
    alike = {name for name, one in told.items() if one.get("rounded_apart") == []} | {"shipped", "recipe"}
    found = {one.model: one.steps for one in agreements(*runs) if one.model in alike}
    assert len(found) >= 9
    assert set(found.values()) == {0}
