"""Fuzzes the reader of model files, as the device reads them: whatever the bytes, a model or a ModelError.

    python fuzz_model.py FOLDER [LIBFUZZER OPTIONS]

Atheris keeps what it learns in FOLDER; one that is not there is made of real files first. An error of another
kind, more than a second of the processor for one file, 256 MB beyond what Python itself takes, or an error
message that is not one short line ends it with the bytes in a file named crash-*.
"""

import base64
import json
import resource
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["edge.model_file", "edge.fields", "edge.manifest", "zipfile"]):
    import hostile_models

    from edge.errors import ModelError
    from edge.model_file import LABELS, MANIFEST, SIGNATURE, Parts, join, split, unpack

MOST_S, LONGEST = 1.0, 800
MOST_BYTES = 256 * 1024 * 1024
PARTS = split(hostile_models.small(), "m")
OUTPUTS = json.loads(PARTS.members[MANIFEST])["output"]["shape"][1]
ODD = (
    None,
    True,
    -1,
    0,
    1,
    255,
    2**31,
    2**63,
    10**300,
    1e-308,
    1e308,
    "",
    "0",
    "\ud800",
    "\x1b[2J\n",
    [],
    {},
    [[]],
)
RAW, TEXT, FIELDS = range(3)


def file_of(data):
    """A file of the fuzzer's bytes: they are all of it, or its members, or choose changes of a good one."""
    kind, rest = data[0] % 3, data[1:]
    if kind == RAW:
        return rest
    if kind == TEXT:
        manifest, _, labels = rest.partition(b"\0")
        return join(Parts(PARTS.flatbuffer, {MANIFEST: manifest, LABELS: labels or PARTS.members[LABELS]}))
    choices = atheris.FuzzedDataProvider(rest)
    plain = json.loads(PARTS.members[MANIFEST])
    for _ in range(choices.ConsumeIntInRange(1, 4)):
        alter(plain, choices)
    members = {**PARTS.members, MANIFEST: json.dumps(plain).encode()}
    if choices.ConsumeBool():
        members[SIGNATURE] = choices.ConsumeBytes(70)
    return join(Parts(PARTS.flatbuffer, members))


def alter(plain, choices):
    """Puts something odd somewhere in a manifest, or takes something away, or adds what does not belong."""
    place = plain
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = keys[choices.ConsumeIntInRange(0, len(keys) - 1)]
        if not isinstance(place[key], (dict, list)) or choices.ConsumeIntInRange(0, 3) == 0:
            break
        place = place[key]
    what = choices.ConsumeIntInRange(0, 6)
    if what == 0:
        del place[key]
    elif what == 1:
        place[key] = choices.ConsumeInt(9)
    elif what == 2:
        place[key] = choices.ConsumeFloat()
    elif what == 3:
        place[key] = choices.ConsumeUnicode(60)
    elif what == 4:
        most = (
            20_000 if len(json.dumps(place[key])) < 100 else 200
        )  # what is written out must fit into memory
        place[key] = [place[key]] * choices.ConsumeIntInRange(0, most)
    elif what == 5:
        self_test = {
            "features": base64.b64encode(choices.ConsumeBytes(40)).decode(),
            "scores": [0.0] * OUTPUTS,
        }
        plain["self_test"] = self_test | {"tolerance": choices.ConsumeFloat()}
    else:
        place[key] = ODD[choices.ConsumeIntInRange(0, len(ODD) - 1)]


def one_input(data):
    """What the fuzzer calls for each file."""
    if not data:
        return
    file = file_of(data)
    start = time.process_time()
    try:
        unpack(file, "m")
    except ModelError as error:
        said = str(error)
        if len(said) > LONGEST or not said.isprintable():
            raise AssertionError(f"no sentence: {said[:2000]!r}") from error
    took = time.process_time() - start
    if took > MOST_S:
        raise AssertionError(f"it took {took:.1f} s")


def plant(folder):
    """The first corpus: good files, hostile ones that are small enough to be changed, and their parts."""
    folder.mkdir(parents=True)
    seeds = [bytes([RAW]) + hostile_models.SHIPPED.read_bytes(), bytes([RAW]) + hostile_models.small()]
    seeds += [bytes([TEXT]) + PARTS.members[MANIFEST] + b"\0" + PARTS.members[LABELS]]
    seeds += [bytes([FIELDS]) + bytes([number]) * 40 for number in range(0, 256, 16)]
    small = (
        make()
        for name, make in hostile_models.FILES.items()
        if not name.startswith(("full", "crowd", "bomb"))
    )
    seeds += [bytes([RAW]) + data for data in small if len(data) < 10_000]
    for number, seed in enumerate(seeds):
        (folder / f"seed-{number:02}").write_bytes(seed)


def main():
    """Fuzz; the arguments are libFuzzer's, the first of them the corpus."""
    folder = Path(sys.argv[1])
    if not folder.exists():
        plant(folder)
    taken = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()  # data and stack
    resource.setrlimit(resource.RLIMIT_DATA, (taken + MOST_BYTES, taken + MOST_BYTES))
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
