"""Reading and writing the self-describing model: a TFLite flatbuffer with a ZIP appended to it.

The ZIP (the TFLite metadata convention: `unzip -l` lists it, every runtime ignores it) holds
labels.txt and manifest.json.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ModelError
from edge.fields import FieldError, decode, encode
from edge.manifest import Manifest

MAX_BYTES = 64 * 1024 * 1024
_MAX_MANIFEST_BYTES = 1024 * 1024
_MANIFEST, _LABELS = "manifest.json", "labels.txt"
_TFLITE_IDENTIFIER = b"TFL3"  # file_identifier of the TFLite schema, at byte 4
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a ZIP can hold: same inputs, same bytes


# What zipfile and json raise for bytes that are damaged in one way or another.
_UNREADABLE = (ValueError, RuntimeError, NotImplementedError, OSError, EOFError, zlib.error, struct.error)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A checked model file: what it says of itself, and the flatbuffer a runtime takes."""

    manifest: Manifest
    flatbuffer: bytes


def pack(flatbuffer: bytes, manifest: Manifest) -> bytes:
    """The bytes of a model file; the same inputs give the same bytes."""
    # Appending makes the offsets count from the start of the file, as unzip expects.
    archive = io.BytesIO(flatbuffer)
    texts = {
        _LABELS: "\n".join(manifest.training.labels) + "\n",
        _MANIFEST: json.dumps(encode(manifest), indent=1, ensure_ascii=False) + "\n",
    }
    with zipfile.ZipFile(archive, "a") as members:
        for name, text in texts.items():
            member = zipfile.ZipInfo(name, _EPOCH)
            member.external_attr = 0o644 << 16
            members.writestr(member, text.encode(), zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def read(path: Path) -> ModelFile:
    """The model in `path`. Raises ModelError saying what is wrong with the file and what to do."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_BYTES else b""
    except OSError as error:
        raise ModelError(f"cannot read the model {path}: {error.strerror}; give a .tflite file") from error
    if size > MAX_BYTES:
        raise ModelError(f"the model {path} has {size} bytes; at most {MAX_BYTES} are accepted")
    return unpack(data, str(path))


def unpack(data: bytes, name: str) -> ModelFile:
    """The model in the bytes of the file `name`. Raises ModelError."""
    if data[4:8] != _TFLITE_IDENTIFIER:
        raise ModelError(f"{name} is no TFLite model; make one with bedside-quantize")
    remedy = "convert the model again with bedside-quantize"
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as members:
            start = min((member.header_offset for member in members.infolist()), default=len(data))
            if max(members.getinfo(one).file_size for one in (_MANIFEST, _LABELS)) > _MAX_MANIFEST_BYTES:
                raise ModelError(f"the manifest in {name} is too large; {remedy}")
            plain = json.loads(members.read(_MANIFEST))
            labels = tuple(members.read(_LABELS).decode().split("\n")[:-1])
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(f"{name} carries no manifest; {remedy}") from error
    except _UNREADABLE as error:
        raise ModelError(f"the manifest in {name} cannot be read: {error}; {remedy}") from error
    try:
        manifest = decode(Manifest, plain)
    except FieldError as error:
        raise ModelError(f"the manifest in {name} is wrong: {error}; {remedy}") from error
    flatbuffer = data[:start]
    if hashlib.sha256(flatbuffer).hexdigest() != manifest.sha256:
        raise ModelError(f"{name} is damaged: its sha256 is not the one in its manifest; copy it again")
    if labels != manifest.training.labels:
        raise ModelError(f"labels.txt and manifest.json in {name} disagree; {remedy}")
    return ModelFile(manifest, flatbuffer)
