"""How two model files differ, for a person who must decide which one a ward runs. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge.fields import encode, leaves
from edge.model_file import ModelFile, unpack

_ABSENT = "-"
_WIDEST = 44


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two files differ, in words; `-` is what one of them lacks."""

    name: str
    before: str
    after: str
    change: str = ""
    """How much more the second is, where both are numbers."""


def differences(before: bytes, after: bytes, names: tuple[str, str]) -> list[Difference]:
    """Where two model files differ, none where they are equal byte for byte. Raises ModelError.

    `names` are those of the files. Where only the file's own size and sha256 differ, the same contents were
    packed by another program.
    """
    if before == after:
        return []
    one, other = unpack(before, names[0]), unpack(after, names[1])
    found = []
    rows = (_flat(before, one), _flat(after, other))
    for name in dict.fromkeys([*rows[0], *rows[1]]):
        values = tuple(row.get(name) for row in rows)
        if values[0] != values[1]:
            found.append(_difference(name, *values))
    return found


def lines(found: Sequence[Difference], names: tuple[str, str]) -> list[str]:
    """The differences as a table, a line each."""
    rows = [("", *names, ""), *((one.name, one.before, one.after, one.change) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        f"{name:<{widths[0]}}  {before:<{widths[1]}}  {after:<{widths[2]}}  {change}".rstrip()
        for name, before, after, change in rows
    ]


def _flat(data: bytes, model: ModelFile) -> dict[str, Any]:
    """Everything that can be compared, by name: the file's own figures first, then its manifest."""
    manifest = encode(model.manifest)
    training = manifest.pop("training")
    manifest.pop("schema_version")
    told = {
        "file bytes": len(data),
        "file sha256": hashlib.sha256(data).hexdigest(),
        "network bytes": len(model.flatbuffer),
        "network sha256": manifest.pop("sha256"),
        "signature": None if model.signature is None else model.signature.hex(),
    }
    return told | leaves(training) | leaves(manifest)


def _difference(name: str, before: Any, after: Any) -> Difference:
    words = (_short(before), _short(after))
    if _is_number(before) and _is_number(after):
        return Difference(name, *words, f"{after - before:+.6g}")
    if isinstance(before, list) and isinstance(after, list):
        return Difference(name, *words, _of_lists(before, after))
    return Difference(name, *words)


def _of_lists(before: list[Any], after: list[Any]) -> str:
    if len(before) != len(after):
        return ""
    if all(map(_is_number, [*before, *after])):
        largest = max(abs(new - old) for old, new in zip(before, after, strict=True))
        return f"largest difference {largest:.3g}"
    return f"{sum(old != new for old, new in zip(before, after, strict=True))} differ"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _short(value: Any) -> str:
    """The value in at most 44 characters."""
    if value is None:
        return _ABSENT
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        text = ", ".join(map(_short_item, value))
        return text if len(text) <= _WIDEST else f"{len(value)} values"
    text = str(value)
    return text if len(text) <= _WIDEST else f"{text[:16]}… ({len(text)} characters)"


def _short_item(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(_short(item) for item in value.values())
    return _short(value)
