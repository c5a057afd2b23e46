"""The small TOML in which an engineer says what a network of their own takes and answers."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edge.errors import ConversionError
from edge.fields import FieldError, decode, encode, leaves
from edge.manifest import Training
from train.operating_point import UNMEASURED
from train.recipe import DISTRESS_EMOTIONS

_VECTORS = ("mean", "deviation")


def read(file: Path, described: Training | None) -> Training:
    """What `file` says, over `described`, the metadata that training left, where there is any.

    Without it the rest is filled in: a Hamming window, an FFT of the next power of two, the whole band, and
    thresholds that nobody has measured. Raises ConversionError where the file is wrong, or says of one field
    something else than the metadata.
    """
    written = _table(file)
    _spread(written, file)
    try:
        if described is None:
            return decode(Training, _filled_in(written))
        known = encode(described)
        _refuse_contradictions(file, written, known)
        # What was never said is not checked yet: a key that no model has, or that training left out.
        return decode(Training, _merged(known, written))
    except FieldError as error:
        raise ConversionError(f"{file} is wrong: {error}; correct it") from error


def _table(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConversionError(f"cannot read {file}: {error.strerror}; give a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConversionError(f"{file} is no TOML: {error}; correct it") from error


def _spread(written: dict[str, Any], file: Path) -> None:
    """A single number of normalisation stands for as many as there are coefficients."""
    normalisation, front_end = written.get("normalisation"), written.get("front_end")
    if not isinstance(normalisation, dict):
        return
    for name in _VECTORS:
        if isinstance(normalisation.get(name), int | float):
            count = front_end.get("coefficients") if isinstance(front_end, dict) else None
            if not isinstance(count, int):
                raise ConversionError(
                    f"{file} gives one number as normalisation.{name} and no front_end.coefficients;"
                    " give those as well, or a number for each"
                )
            normalisation[name] = [normalisation[name]] * count


def _filled_in(written: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {"name": "unnamed", "version": "0.0.0", "temperature": 1.0} | written
    result.setdefault("corpora", [])
    result.setdefault("evaluation", {})
    front_end = result.get("front_end")
    if isinstance(front_end, dict):
        length, rate = front_end.get("frame_length"), front_end.get("sample_rate")
        usual: dict[str, Any] = {"window": "hamming", "low_hz": 0.0, "pre_emphasis": 0.97, "lifter": 0}
        usual["log_floor"] = float(np.finfo(float).eps)
        if isinstance(length, int) and length > 0:
            usual["fft_length"] = 1 << (length - 1).bit_length()
        if isinstance(rate, int):
            usual["high_hz"] = rate / 2
        result["front_end"] = usual | front_end
    if "distress" not in result:
        labels = result.get("labels", [])
        weights = {name: 1.0 for name in DISTRESS_EMOTIONS if isinstance(labels, list) and name in labels}
        if not weights:
            raise FieldError(
                f"distress is missing, and none of {', '.join(DISTRESS_EMOTIONS)} is a label that would count"
                " as it; give distress.weights or distress.temperature"
            )
        unknown = "nothing: the thresholds are placeholders, not measured"
        result["distress"] = {"weights": weights, "chosen_for": unknown, "policy": encode(UNMEASURED)}
    return result


def _refuse_contradictions(file: Path, written: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for name, value in leaves(written).items():
        there = _at(known, name)
        if there is not None and not _same(value, there):
            raise ConversionError(
                f"{name} is {_short(value)} in {file} and {_short(there)} in the metadata that training left"
                " beside the model; correct the one that is wrong"
            )


def _at(table: Mapping[str, Any], name: str) -> Any:
    value: Any = table
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    numbers = (int, float)
    if isinstance(one, numbers) and isinstance(other, numbers):
        return bool(np.isclose(one, other, rtol=1e-6, atol=0))
    return bool(one == other)


def _merged(known: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    """All that either says; where both do they agree, and the metadata's digits are kept."""
    result = dict(written)
    for key, value in known.items():
        both = isinstance(value, Mapping) and isinstance(written.get(key), Mapping)
        result[key] = _merged(value, written[key]) if both else value
    return result


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
