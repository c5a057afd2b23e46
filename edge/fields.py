"""Checked dataclasses: decode plain data into frozen dataclasses, encode it back, publish its schema.

Configuration files, wire messages and model manifests all pass through here, so each value is
checked once, in one way, and a wrong one is reported as key, value and what is allowed.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import types
import typing
from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
_TYPE_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
_SCHEMA_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean"}


class FieldError(ValueError):
    """A value that does not fit its field; the text names key, value and what is allowed."""


def checked(
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] | None = None,
    pattern: str | None = None,
    allowed: str | None = None,
    default: Any = dataclasses.MISSING,
    default_factory: Any = dataclasses.MISSING,
) -> Any:
    """A dataclass field with limits.

    `minimum` and `maximum` bound numbers, or the length of text and lists; `pattern` must match the
    whole text and `allowed` says in words what it means. In lists and tables the limits are those of
    the items.
    """
    limits = {
        "minimum": minimum,
        "maximum": maximum,
        "choices": choices,
        "pattern": pattern,
        "allowed": allowed,
    }
    return dataclasses.field(
        default=default,
        default_factory=default_factory,
        metadata={key: value for key, value in limits.items() if value is not None},
    )


def decode(cls: type[T], data: object, where: str = "") -> T:
    """An instance of the dataclass `cls` from a mapping of plain values.

    Raises FieldError at the first unknown key, missing key, wrong type or value outside its limits.
    """
    if not isinstance(data, Mapping):
        raise FieldError(f"{where or cls.__name__} is {_show(data)}; it must be a table of keys")
    specs = _specs(typing.cast("Hashable", cls))
    for key in data:
        if key not in specs:
            raise FieldError(f"unknown key {_join(where, str(key))}; allowed here: {', '.join(specs)}")
    values = {}
    for key, (field, annotation) in specs.items():
        if key in data:
            values[key] = _value(annotation, data[key], _join(where, key), field.metadata)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise FieldError(f"{_join(where, key)} is missing; give {_describe(annotation, field.metadata)}")
    try:
        return cls(**values)
    except ValueError as error:  # from __post_init__: values that contradict each other
        raise FieldError(f"{where + ': ' if where else ''}{error}") from error


def encode(value: Any) -> Any:
    """Plain dicts, lists and scalars of a dataclass instance, ready for JSON; None fields are left out."""
    if isinstance(value, (str, float, int)):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((name, getattr(value, name)) for name in _specs(type(value)))
        return {name: encode(item) for name, item in pairs if item is not None}
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    return value


def schema(cls: type[Any]) -> dict[str, Any]:
    """The closed JSON Schema (2020-12) of the dataclass `cls`."""
    properties, required = {}, []
    for key, (field, annotation) in _specs(typing.cast("Hashable", cls)).items():
        properties[key] = _schema_of(annotation, field.metadata)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            required.append(key)
    return {
        "type": "object",
        "description": (cls.__doc__ or cls.__name__).strip().split("\n\n")[0].replace("\n    ", " "),
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


@functools.cache
def _specs(cls: Any) -> dict[str, tuple[dataclasses.Field[Any], Any]]:
    hints = typing.get_type_hints(cls)
    return {field.name: (field, hints[field.name]) for field in dataclasses.fields(cls)}


def _value(annotation: Any, value: object, where: str, limits: Mapping[str, Any]) -> Any:
    if annotation in _TYPE_WORDS:
        return _scalar(annotation, value, where, limits)
    inner = _without_none(annotation)
    if inner is not annotation:
        return None if value is None else _value(inner, value, where, limits)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if dataclasses.is_dataclass(annotation):
        return decode(typing.cast("type[Any]", annotation), value, where)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise FieldError(f"{where} is {_show(value)}; it must be a list")
        if arguments[-1] is not Ellipsis and len(value) != len(arguments):
            raise FieldError(f"{where} has {len(value)} items; it must have {len(arguments)}")
        return tuple(_value(arguments[0], item, f"{where}[{i}]", limits) for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise FieldError(f"{where} is {_show(value)}; it must be a table of keys")
        if not all(isinstance(key, str) and _is_text(key) for key in value):
            raise FieldError(f"{where} has a key that is no text")
        return {key: _value(arguments[1], item, _join(where, key), limits) for key, item in value.items()}
    raise TypeError(f"{where} is annotated {annotation}, which is no type of a checked dataclass")


def _scalar(annotation: type[Any], value: object, where: str, limits: Mapping[str, Any]) -> Any:
    if annotation is float and isinstance(value, int) and not isinstance(value, bool):
        value = _as_float(value)
    fits = isinstance(value, annotation) and (annotation is bool or not isinstance(value, bool))
    if isinstance(value, float):
        fits = fits and math.isfinite(value)
    if isinstance(value, str):
        fits = fits and _is_text(value)
    size = len(value) if isinstance(value, str) else value
    if fits and annotation is not bool:
        fits = (
            size >= limits.get("minimum", -math.inf)
            and size <= limits.get("maximum", math.inf)
            and ("choices" not in limits or value in limits["choices"])
            and ("pattern" not in limits or re.fullmatch(limits["pattern"], str(value)) is not None)
        )
    if not fits:
        raise FieldError(f"{where} is {_show(value)}; it must be {_describe(annotation, limits)}")
    return value


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _is_text(value: str) -> bool:
    """Half a surrogate pair is legal in a JSON escape, but no file, database or socket takes it."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _describe(annotation: Any, limits: Mapping[str, Any]) -> str:
    annotation = _without_none(annotation)
    if "allowed" in limits:
        return str(limits["allowed"])
    if "choices" in limits:
        return "one of " + ", ".join(limits["choices"])
    if annotation not in _TYPE_WORDS:
        return "a list" if typing.get_origin(annotation) is tuple else "a table of keys"
    words = _TYPE_WORDS[annotation]
    unit = " characters" if annotation is str else ""
    low, high = limits.get("minimum"), limits.get("maximum")
    if low is not None and high is not None:
        return f"{words} from {low:g} to {high:g}{unit}"
    if low is not None:
        return f"{words} of at least {low:g}{unit}"
    if high is not None:
        return f"{words} of at most {high:g}{unit}"
    return words


def _schema_of(annotation: Any, limits: Mapping[str, Any]) -> dict[str, Any]:
    annotation = _without_none(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if dataclasses.is_dataclass(annotation):
        return schema(typing.cast("type[Any]", annotation))
    if origin is tuple:
        array: dict[str, Any] = {"type": "array", "items": _schema_of(arguments[0], limits)}
        if arguments[-1] is not Ellipsis:
            array |= {"minItems": len(arguments), "maxItems": len(arguments)}
        return array
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema_of(arguments[1], limits)}
    result: dict[str, Any] = {"type": _SCHEMA_TYPES[annotation]}
    names = ("minLength", "maxLength") if annotation is str else ("minimum", "maximum")
    for limit, name in zip(("minimum", "maximum"), names, strict=True):
        if limit in limits:
            result[name] = limits[limit]
    if "choices" in limits:
        result["enum"] = list(limits["choices"])
    if "pattern" in limits:
        result["pattern"] = f"^(?:{limits['pattern']})$"
    return result


@functools.cache
def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        rest = [item for item in typing.get_args(annotation) if item is not types.NoneType]
        if len(rest) == 1:
            return rest[0]
    return annotation


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
