"""Reading and writing the self-describing model: a TFLite flatbuffer with a ZIP appended to it.

The ZIP (the TFLite metadata convention: `unzip -l` lists it, every runtime ignores it) holds
labels.txt, manifest.json and, of a signed model, signature.ed25519 (edge.signature). Nothing that a file
holds is believed before it is checked: neither the sizes its ZIP tells nor, by its sha256, the flatbuffer.
"""

from __future__ import annotations

import hashlib
import io
import json
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edge.errors import ModelError
from edge.fields import FieldError, decode, encode
from edge.manifest import Manifest

MAX_BYTES = 64 * 1024 * 1024
MANIFEST, LABELS, SIGNATURE = "manifest.json", "labels.txt", "signature.ed25519"
_NEEDED = {MANIFEST, LABELS}
# A manifest takes some kilobytes; one window of features and the digests of the calibration a hundred more.
_LARGEST = {MANIFEST: 256 * 1024, LABELS: 64 * 1024, SIGNATURE: 64}
_TFLITE_IDENTIFIER = b"TFL3"  # file_identifier of the TFLite schema, at byte 4
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a ZIP can hold: same inputs, same bytes
_REMEDY = "convert the model again with bedside-quantize"
# The end of a ZIP's directory (APPNOTE.TXT 4.3.16): how many members, and the directory's size in bytes.
_END = struct.Struct("<4s4xHHIIH")
_MAX_DIRECTORY = 4096
_LONGEST = 300  # of what an error says of a file's contents, in characters
_LONG_ZIP, _LONG_ZIP_AT = (
    b"PK\6\7",
    20,
)  # 4.3.15: what would take the place of these numbers, right before them

# What zipfile and json raise for bytes that are damaged in one way or another.
_UNREADABLE = (ValueError, RuntimeError, NotImplementedError, OSError, EOFError, zlib.error, struct.error)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A checked model file: what it says of itself, and the flatbuffer a runtime takes."""

    manifest: Manifest
    flatbuffer: bytes
    signature: bytes | None = None
    """64 bytes of Ed25519, not checked by reading: whose key counts is for `edge.signature` to be told."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a model file is put together from, each as the bytes it has there."""

    flatbuffer: bytes
    members: Mapping[str, bytes]


def pack(flatbuffer: bytes, manifest: Manifest) -> bytes:
    """The bytes of a model file; the same inputs give the same bytes.

    Raises ModelError where the manifest has grown beyond what a device reads.
    """
    texts = {
        LABELS: "\n".join(manifest.training.labels) + "\n",
        MANIFEST: json.dumps(encode(manifest), indent=1, ensure_ascii=False) + "\n",
    }
    members = {name: text.encode() for name, text in texts.items()}
    size = len(members[MANIFEST])
    if size > _LARGEST[MANIFEST]:
        raise ModelError(
            f"the manifest has {size} bytes, and devices read {_LARGEST[MANIFEST]} at most;"
            " calibrate on fewer recordings"
        )
    return join(Parts(flatbuffer, members))


def join(parts: Parts) -> bytes:
    """The file of these parts; the same parts give the same bytes."""
    # Appending makes the offsets count from the start of the file, as unzip expects.
    archive = io.BytesIO(parts.flatbuffer)
    with zipfile.ZipFile(archive, "a") as members:
        for name, content in parts.members.items():
            member = zipfile.ZipInfo(name, _EPOCH)
            member.external_attr = 0o644 << 16
            members.writestr(member, content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def read(path: Path) -> ModelFile:
    """The model in `path`. Raises ModelError saying what is wrong with the file and what to do."""
    return unpack(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """All of the file. Raises ModelError where it cannot be read, or is larger than any model."""
    try:
        size = _regular_size(path)
        with path.open("rb") as file:
            data = _at_most(file, MAX_BYTES)
    except OSError as error:
        raise ModelError(f"cannot read the model {path}: {error.strerror}; give a .tflite file") from error
    if data is None:
        size = max(size, MAX_BYTES + 1)
        raise ModelError(f"the model {path} has {size} bytes; at most {MAX_BYTES} are accepted")
    return data


def _regular_size(path: Path) -> int:
    """The size of a file. Raises ModelError for a device or pipe, which might never end."""
    told = path.stat()
    if not stat.S_ISREG(told.st_mode) and not stat.S_ISDIR(told.st_mode):  # opening says what a folder is
        raise ModelError(f"the model {path} is no regular file; give a .tflite file")
    return told.st_size


def _at_most(file: IO[bytes], size: int) -> bytes | None:
    """Everything in the file, None where that is more than `size` bytes; never reads much more."""
    data = file.read(size + 1)
    return data if len(data) <= size else None


def unpack(data: bytes, name: str) -> ModelFile:
    """The model in the bytes of the file `name`. Raises ModelError."""
    parts = split(data, name)
    try:
        plain = json.loads(parts.members[MANIFEST])
        labels = tuple(parts.members[LABELS].decode().split("\n")[:-1])
    except _UNREADABLE as error:
        raise ModelError(f"the manifest in {name} cannot be read: {_brief(error)}; {_REMEDY}") from error
    try:
        manifest = decode(Manifest, plain)
    except FieldError as error:
        raise ModelError(f"the manifest in {name} is wrong: {_brief(error)}; {_REMEDY}") from error
    if hashlib.sha256(parts.flatbuffer).hexdigest() != manifest.sha256:
        raise ModelError(f"{name} is damaged: its sha256 is not the one in its manifest; copy it again")
    if labels != manifest.training.labels:
        raise ModelError(f"{LABELS} and {MANIFEST} in {name} disagree; {_REMEDY}")
    return ModelFile(manifest, parts.flatbuffer, parts.members.get(SIGNATURE))


def split(data: bytes, name: str) -> Parts:
    """Flatbuffer and members of the file `name`, nothing of them believed yet. Raises ModelError."""
    if data[4:8] != _TFLITE_IDENTIFIER:
        raise ModelError(f"{name} is no TFLite model; make one with bedside-quantize")
    _check_directory(data, name)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            names = sorted(info.filename for info in infos)
            if not set(names) >= _NEEDED:
                raise ModelError(f"{name} carries no manifest; {_REMEDY}")
            if len(set(names)) != len(names) or not set(names) <= set(_LARGEST):
                raise ModelError(f"{name} holds {_brief(', '.join(names))}; {_REMEDY}")
            members = {info.filename: _member(archive, info, name) for info in infos}
    except zipfile.BadZipFile as error:
        raise ModelError(f"{name} carries no manifest: {_brief(error)}; {_REMEDY}") from error
    except _UNREADABLE as error:
        raise ModelError(f"the manifest in {name} cannot be read: {_brief(error)}; {_REMEDY}") from error
    return Parts(data[: min(info.header_offset for info in infos)], members)


def _brief(said: object) -> str:
    """What is said of a file, in one line of bounded length: some of it may be the file's own words."""
    text = " ".join(str(said).split())
    shown = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return "".join(one if one.isprintable() else "?" for one in shown)


def _check_directory(data: bytes, name: str) -> None:
    """A directory of many members would take memory before the first could be refused: look at its end.

    Raises ModelError where it is larger than that of any model file.
    """
    if len(data) < _END.size:
        raise ModelError(f"{name} carries no manifest; {_REMEDY}")
    mark, here, count, size, _, comment = _END.unpack(data[-_END.size :])
    if mark != b"PK\5\6" or comment:
        raise ModelError(f"{name} carries no manifest, or has lost its end; copy it again, or {_REMEDY}")
    is_long = data[-_END.size - _LONG_ZIP_AT : -_END.size].startswith(_LONG_ZIP)
    if is_long or here != count or count > len(_LARGEST) or size > _MAX_DIRECTORY:
        raise ModelError(f"the ZIP in {name} tells of {count} members in {size} bytes; {_REMEDY}")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> bytes:
    # Other methods ask for memory by a size of their own, which nothing bounds.
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ModelError(f"{info.filename} in {name} is compressed by an unknown method; {_REMEDY}")
    with archive.open(info) as file:
        content = _at_most(file, _LARGEST[info.filename])
    if content is None:
        raise ModelError(f"{info.filename} in {name} is too large; {_REMEDY}")
    return content
