"""Model files made to hurt their reader: ZIPs that lie about sizes, manifests that never end.

python hostile_models.py PATH reads a file in a process of its own and prints what became of it as JSON: the
error, seconds of the processor, and megabytes beyond what the process had before.
"""

import dataclasses
import hashlib
import io
import json
import lzma
import struct
import sys
import time
import zipfile
import zlib
from pathlib import Path

from edge.errors import ModelError
from edge.fields import encode
from edge.model_file import LABELS, MANIFEST, MAX_BYTES, Parts, join, read, split, unpack

FLATBUFFER = b"\x1c\0\0\0TFL3" + bytes(range(200))
SHIPPED = Path(__file__).parents[2] / "model" / "bedside-ser.tflite"
_CENTRAL, _LOCAL, _END = b"PK\1\2", b"PK\3\4", b"PK\5\6"


def small():
    """A good file of a few kilobytes: the shipped manifest with a flatbuffer that no runtime takes."""
    shipped = unpack(SHIPPED.read_bytes(), "m").manifest
    digest = hashlib.sha256(FLATBUFFER).hexdigest()
    manifest = dataclasses.replace(shipped, sha256=digest, calibration=None, self_test=None)
    plain = encode(manifest)
    labels = "\n".join(manifest.training.labels) + "\n"
    return join(Parts(FLATBUFFER, {LABELS: labels.encode(), MANIFEST: json.dumps(plain).encode()}))


def with_manifest(text):
    """The small file with other bytes as its manifest."""
    parts = split(small(), "m")
    return join(Parts(parts.flatbuffer, {**parts.members, MANIFEST: text}))


def with_plain(change):
    """The small file with a manifest `change` has altered in place."""
    plain = json.loads(split(small(), "m").members[MANIFEST])
    change(plain)
    return with_manifest(json.dumps(plain).encode())


def bomb():
    """A manifest that says it has 100 bytes and inflates to 512 MB."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = bytes(2**24)
    squeezed = b"".join(deflate.compress(block) for _ in range(32)) + deflate.flush()
    labels = b"calm\n"
    members = {LABELS: (labels, labels, zipfile.ZIP_STORED), MANIFEST: (squeezed, b"x" * 100, 8)}
    return _by_hand(members)


def lzma_bomb():
    """A manifest whose LZMA stream asks for a dictionary of 3 GB."""
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 2**16}]
    raw = lzma.compress(b"{}" * 2000, lzma.FORMAT_RAW, filters=filters)
    head = struct.pack("<BBHBI", 9, 4, 5, 93, 3 * 2**30)
    return _by_hand({LABELS: (b"", b"", 0), MANIFEST: (head + raw, b"{}" * 2000, zipfile.ZIP_LZMA)})


def _by_hand(members, tail=b""):
    """A ZIP with whatever sizes and methods are given: name to (stored bytes, contents told of, method)."""
    body, directory = bytearray(FLATBUFFER), bytearray()
    for name, (stored, contents, method) in members.items():
        facts = (20, 0, method, 0, 33, zlib.crc32(contents), len(stored), len(contents), len(name), 0)
        directory += _CENTRAL + struct.pack("<HHHHHHIIIHH", 20, *facts)
        directory += struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name.encode()
        body += _LOCAL + struct.pack("<HHHHHIIIHH", *facts) + name.encode() + stored
    end = _END + struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(body), 0)
    return bytes(body + directory + tail + end)


def crowded():
    """A directory of a million members."""
    entry = (
        _CENTRAL
        + struct.pack("<HHHHHHIIIHHHHHII", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 208)
        + b"x"
    )
    directory = entry * 1_000_000
    end = _END + struct.pack("<HHHHIIH", 0, 0, 3, 3, len(directory), len(FLATBUFFER), 0)
    return FLATBUFFER + directory + end


def crowded_in_secret():
    """The same, with the true size where only readers of ZIP64 look."""
    crowd = crowded()
    directory = crowd[len(FLATBUFFER) : -22]
    long_end = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 3, 3, len(directory), len(FLATBUFFER))
    locator = b"PK\6\7" + struct.pack("<IQI", 0, len(FLATBUFFER) + len(directory), 1)
    end = _END + struct.pack("<HHHHIIH", 0, 0, 3, 3, 100, 0xFFFFFFFF, 0)
    return FLATBUFFER + directory + long_end + locator + end


def twice():
    """Two manifests: which of them counts depends on who reads."""
    parts = split(small(), "m")
    archive = io.BytesIO(parts.flatbuffer)
    with zipfile.ZipFile(archive, "a") as members:
        for name in (LABELS, MANIFEST, "manifest.jsom"):
            members.writestr(name, parts.members.get(name, parts.members[MANIFEST]))
    return archive.getvalue().replace(b"manifest.jsom", MANIFEST.encode())


def stranger():
    """A member nobody knows."""
    parts = split(small(), "m")
    return join(Parts(parts.flatbuffer, {**parts.members, "../../etc/passwd": b"root::0:0"}))


FILES = {
    "bomb": bomb,
    "lzma bomb": lzma_bomb,
    "crowded": crowded,
    "crowded in secret": crowded_in_secret,
    "twice": twice,
    "stranger": stranger,
    "nested lists": lambda: with_manifest(b"[" * 200_000),
    "nested tables": lambda: with_manifest(b'{"a":' * 40_000),
    "empty lists": lambda: with_manifest(b"[" + b"[]," * 80_000 + b"[]]"),
    "empty tables": lambda: with_manifest(b"[" + b"{}," * 80_000 + b"{}]"),
    "many keys": lambda: with_manifest(json.dumps({f"k{n}": n for n in range(15_000)}).encode()),
    "long key": lambda: with_plain(lambda plain: plain.update({"x" * 200_000: 1})),
    "long number": lambda: with_manifest(b'{"schema_version": ' + b"9" * 200_000 + b"}"),
    "long text": lambda: with_plain(lambda plain: plain["training"].update(version="1.1." + "1" * 200_000)),
    "long list": lambda: with_plain(
        lambda plain: plain["training"]["normalisation"].update(mean=[0] * 70_000)
    ),
    "many tools": lambda: with_plain(lambda plain: plain.update(tools={f"t{n}": "" for n in range(15_000)})),
    "large shape": lambda: with_plain(lambda plain: plain["input"].update(shape=[2**62] * 10_000)),
    "endless window": lambda: with_plain(lambda plain: plain["training"]["window"].update(frames=10_000)),
    "no text": lambda: with_manifest(b"\xff\xfe" + bytes(range(256)) * 100),
    "full size": lambda: small() + bytes(MAX_BYTES - len(small())),
    "full size, good end": lambda: bytes(4) + b"TFL3" + bytes(MAX_BYTES - 8 - 4096) + small()[-4096:],
}


def main(name):
    """Read the file of that name."""
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): forget the highest resident size so far
    before_mb, before_s = _highest_mb(), time.process_time()
    told = None
    try:
        read(Path(name))
    except ModelError as error:
        told = str(error)
    seconds = time.process_time() - before_s
    print(json.dumps({"error": told, "seconds": seconds, "mb": _highest_mb() - before_mb}))


def _highest_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main(sys.argv[1])
