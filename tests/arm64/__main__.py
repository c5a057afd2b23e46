"""The same model files on every runtime and processor of a bed: `make test-arm64`.

This machine's own runtime is the reference. Under ai-edge-litert here, and under both runtimes on the
processors of the Raspberry Pis, emulated, every score must be the reference's, and that of tests/golden; of
networks with operators that runtimes round each in its own way, as near to it as a device's self-test asks.
Then the instructions of a window are held against those of convert/timing.py.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convert.timing import INSTRUCTIONS
from tests.arm64 import models
from tests.arm64.emulator import PROCESSORS, Emulator, Processor
from tests.arm64.userland import DEBIAN_12, DEBIAN_13, UserlandError, made
from tests.convert import runtimes
from tests.convert.agreement import LARGEST_FEATURE_CHANGE, Arrays, agreements

WRONG = {
    (models.UNMENDED, "cortex-a53, Debian 12, tflite_runtime 2.14.0"),
    (models.UNMENDED, "cortex-a72, Debian 12, tflite_runtime 2.14.0"),
}
"""What is computed wrongly of a file that convert/mending.py has not mended.

No device may take such a file: its self-test must refuse it there.
"""
LARGEST_SHARE = 0.02
"""Of a count, by which it may be off what convert/timing.py says."""
LARGEST_DISTRESS = 0.02
"""Of the distress score of a recording, whose features processors round differently."""
GOLDEN = runtimes.ROOT / "tests/golden/golden.json"
Counts = dict[str, dict[str, float]]
"""Instructions per multiply-add, by scheme and processor."""


def main() -> int:
    """Exit status 0 where everything agrees, 1 where not, 69 where this machine cannot compare."""
    if platform.machine() != "x86_64":
        print("make test-arm64 compares arm64 with x86-64; run it on an x86-64 machine", file=sys.stderr)
        return 69
    try:
        flaws = _compare()
    except UserlandError as error:
        print(f"test-arm64: {error}", file=sys.stderr)
        return 69
    for flaw in flaws:
        print(f"test-arm64: {flaw}", file=sys.stderr)
    print(f"{len(flaws)} disagree" if flaws else "all agree")
    return 1 if flaws else 0


def _compare() -> list[str]:
    """Everything compared and printed; a sentence for each thing that disagrees."""
    emulator, folder = Emulator.made(), models.made()
    reference_file, out = folder / "reference.npz", folder / "other.npz"
    runtimes.run_models(Path(sys.executable), reference_file, folder)
    reference = _read(reference_file)
    print(f"{'':<46}{'model':<20}{'scores':>7}{'steps':>8}{'features':>10}")
    flaws, alike = _golden("x86-64", reference), models.alike(folder)
    if sys.version_info < (3, 12):  # else it is the reference
        runtimes.run_models(runtimes.litert(), out, folder, reference_file)
        flaws += _told("x86-64", reference, _read(out), alike)
    script = Path(runtimes.__file__).with_name("run_models.py")
    for system in (DEBIAN_12, DEBIAN_13):
        counts: Counts = {}
        for processor in PROCESSORS:
            where = f"{processor.name}, {system.name}"
            userland = made(system)
            _, counted = emulator.run(processor, userland, [script, out, folder, reference_file])
            found = _read(out)
            flaws += _told(where, reference, found, alike)
            flaws += _golden(where, found)
            for scheme, count in _per_multiply_add(folder, found, counted).items():
                counts.setdefault(scheme, {})[processor.name] = count
        flaws += _verbs(emulator, PROCESSORS[0], made(system))
        flaws += _told_counts(system.wheels[0], counts, INSTRUCTIONS if system == DEBIAN_12 else {})
    return flaws


def _read(file: Path) -> Arrays:
    with np.load(file) as arrays:
        return dict(arrays)


def _told(where: str, reference: Arrays, other: Arrays, alike: Collection[str]) -> list[str]:
    flaws = []
    name, beside = f"{where}, {other['runtime']}", f"x86-64, {reference['runtime']}"
    for one in agreements(reference, other):
        print(f"{name:<46}{one.model:<20}{one.scores:>7}{one.steps:>8.3f}{one.features:>10.1e}", flush=True)
        allowed = 0 if one.model in alike else one.allowed
        if (one.model, name) in WRONG:
            if not one.refusal:
                flaws.append(
                    f"{one.model} on {name} passes its self-test {one.steps:.3g} steps off; make it stricter"
                )
        elif one.refusal or not one.is_good or (one.model in alike and one.steps):
            flaws.append(
                f"{one.model} on {name} is {one.steps:.3g} steps off its scores on {beside}, at most"
                f" {allowed:.3g} are allowed, its features {one.features:.2g}, at most"
                f" {LARGEST_FEATURE_CHANGE:g}, and its self-test says {one.refusal or 'nothing'};"
                " pin another runtime"
            )
    return flaws


def _golden(where: str, found: Arrays) -> list[str]:
    """The shipped model's scores of each recording's first window, against those frozen with it."""
    clips = json.loads(GOLDEN.read_text())["clips"]
    windows = found["shipped/features"]
    flaws = []
    for clip, golden in sorted(clips.items()):
        first = np.array(golden["mfcc"]["0"])
        (at,) = np.flatnonzero(np.abs(windows[:, 0] - first).max(axis=1) < 2e-3)
        off = np.abs(found["shipped/scores"][at].astype(int) - golden["scores"]).max()
        if off:
            flaws.append(
                f"the shipped model on {where} is {off} steps off golden.json at {clip}.wav;"
                " pin another runtime"
            )
    return flaws


def _verbs(emulator: Emulator, processor: Processor, userland: Path) -> list[str]:
    """`bedside-edge model` says the same to a letter, `bedside-edge analyse` judges the same."""
    flaws = []
    verb = ["-m", "edge", "model", models.SHIPPED]
    here, (there, _) = _native(verb), emulator.run(processor, userland, verb)
    if here != there:
        flaws.append(f"bedside-edge model says something else on {userland.name}: {there}")
    recordings = sorted((runtimes.ROOT / "tests/data").glob("[afns]*.wav"))[:2]
    verb = ["-m", "edge", "analyse", "--json", *recordings]
    here, (there, _) = _native(verb), emulator.run(processor, userland, verb)
    for ours, theirs in zip(here.splitlines(), there.splitlines(), strict=True):
        if not _same(json.loads(ours), json.loads(theirs)):
            flaws.append(f"bedside-edge analyse says {theirs} on {userland.name} and {ours} here")
    return flaws


def _native(arguments: list[Any]) -> str:
    command = list(map(str, [sys.executable, *arguments]))
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=runtimes.ROOT).stdout


def _same(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    for name in ("kind", "start_s", "end_s", "speech", "emotion"):
        if ours[name] != theirs[name]:
            return False
    scores = [one["distress"] for one in (ours, theirs)]
    return scores[0] == scores[1] or abs(scores[0] - scores[1]) <= LARGEST_DISTRESS


def _per_multiply_add(folder: Path, found: Arrays, counted: list[int]) -> dict[str, float]:
    """The median window's instructions of the recipe's network in each scheme, per multiply-add."""
    names = [key for key in found if key.endswith("/scores")]  # in the order in which they ran
    assert len(counted) == sum(len(found[name]) for name in names)
    result, at = {}, 0
    for name in names:
        mine, at = counted[at : at + len(found[name])], at + len(found[name])
        network, _, scheme = name.removesuffix("/scores").partition("-")
        if network == "recipe":
            result[scheme] = statistics.median(mine) / models.multiply_adds(folder, scheme)
    return {scheme: result[scheme] for scheme in models.COUNTED}


def _told_counts(runtime: str, counts: Counts, known: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Prints the counts; `known` are those they should be."""
    print(f"instructions per multiply-add, {runtime}")
    flaws = []
    for scheme, by_processor in counts.items():
        for name, count in by_processor.items():
            expected = known.get(scheme, {}).get(name)
            beside = "" if expected is None else f"   convert/timing.py: {expected:.4f}"
            print(f"    {scheme:<10}{name:<14}{count:8.4f}{beside}", flush=True)
            if expected is not None and abs(count / expected - 1) > LARGEST_SHARE:
                flaws.append(
                    f"convert/timing.py says {expected:.4f} instructions per multiply-add of {scheme} on"
                    f" {name} where {count:.4f} are counted; write that there"
                )
            elif known and expected is None:
                flaws.append(f"convert/timing.py lacks {scheme} on {name}; write {count:.4f} there")
    return flaws


if __name__ == "__main__":
    sys.exit(main())
