"""Checked dataclasses: decode plain data into frozen dataclasses, encode it back, publish its schema.

Configuration files, wire messages and model manifests all pass through here, so each value is
checked once, in one way, and a wrong one is reported as key, value and what is allowed.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import re
import types
import typing
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
_LONGEST_MISSPELT = 40
_TYPE_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
_SCHEMA_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean"}


class FieldError(ValueError):
    """A value that does not fit its field; the text names key, value and what is allowed."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Limits:
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] | None = None
    pattern: re.Pattern[str] | None = None
    allowed: str | None = None


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
    matching = None if pattern is None else re.compile(pattern)
    limits = _Limits(minimum, maximum, choices, matching, allowed)
    return dataclasses.field(default=default, default_factory=default_factory, metadata={"limits": limits})


def decode(cls: type[T], data: object, where: str = "") -> T:
    """An instance of the dataclass `cls` from a mapping of plain values.

    Raises FieldError at the first unknown key, missing key, wrong type or value outside its limits.
    """
    if not isinstance(data, Mapping):
        raise FieldError(f"{where or cls.__name__} is {_show(data)}; it must be a table of keys")
    specs = _specs(typing.cast("Hashable", cls))
    for key in data:
        if key not in specs:
            raise FieldError(unknown_key(where, str(key), tuple(specs)))
    values = {}
    for key, spec in specs.items():
        if key in data:
            values[key] = _value(spec.annotation, data[key], _join(where, key), spec.limits)
        elif spec.required:
            raise FieldError(
                f"{_join(where, key)} is missing; give {_describe(spec.annotation, spec.limits)}"
            )
    try:
        return cls(**values)
    except ValueError as error:  # from __post_init__: values that contradict each other
        raise FieldError(f"{where + ': ' if where else ''}{error}") from error


def unknown_key(where: str, key: str, known: Sequence[str]) -> str:
    """What to say of a key that nobody knows: the nearest known one, and all of them."""
    near = difflib.get_close_matches(key, known, 1) if len(key) <= _LONGEST_MISSPELT else []
    perhaps = f", perhaps {near[0]} is meant" if near else ""
    return f"unknown key {_join(where, key)}{perhaps}; allowed here: {', '.join(known)}"


def leaves(table: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """The values of a plain table and of those inside it, by their dotted names; a list is one value."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= leaves(value, f"{where}{key}.") if isinstance(value, Mapping) else {where + key: value}
    return found


def encode(value: Any) -> Any:
    """Plain dicts, lists and scalars of a dataclass instance, ready for JSON; None fields are left out."""
    if isinstance(value, (str, float, int)):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        plain = {}
        for name in _specs(type(value)):
            item = getattr(value, name)
            if item is not None:  # most are scalars, and every message passes here: a call each is saved
                plain[name] = item if isinstance(item, (str, float, int)) else encode(item)
        return plain
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    return value


def schema(cls: type[Any]) -> dict[str, Any]:
    """The closed JSON Schema (2020-12) of the dataclass `cls`."""
    properties, required = {}, []
    for key, spec in _specs(typing.cast("Hashable", cls)).items():
        properties[key] = _schema_of(spec.annotation, spec.limits)
        if spec.required:
            required.append(key)
    return {
        "type": "object",
        "description": (cls.__doc__ or cls.__name__).strip().split("\n\n")[0].replace("\n    ", " "),
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


@dataclasses.dataclass(frozen=True, slots=True)
class _Spec:
    annotation: Any
    limits: _Limits
    required: bool


@functools.cache
def _specs(cls: Any) -> dict[str, _Spec]:
    hints = typing.get_type_hints(cls)
    return {
        field.name: _Spec(
            hints[field.name],
            field.metadata.get("limits", _Limits()),
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(cls)
    }


def _value(annotation: Any, value: object, where: str, limits: _Limits) -> Any:
    if annotation in _TYPE_WORDS:
        return _scalar(annotation, value, where, limits)
    inner = _without_none(annotation)
    if inner != annotation:  # equal ones need not be one object: what is without None is looked up once
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


def _scalar(annotation: type[Any], value: Any, where: str, limits: _Limits) -> Any:
    if annotation is float and isinstance(value, int) and not isinstance(value, bool):
        value = _as_float(value)
    if annotation is bool:
        fits = isinstance(value, bool)
    elif annotation is str:
        fits = isinstance(value, str) and _is_text(value) and _is_within(value, len(value), limits)
    else:
        fits = isinstance(value, annotation) and not isinstance(value, bool)
        fits = fits and (annotation is int or math.isfinite(value)) and _is_within(value, value, limits)
    if not fits:
        raise FieldError(f"{where} is {_show(value)}; it must be {_describe(annotation, limits)}")
    return value


def _is_within(value: object, size: float, limits: _Limits) -> bool:
    return (
        (limits.minimum is None or size >= limits.minimum)
        and (limits.maximum is None or size <= limits.maximum)
        and (limits.choices is None or value in limits.choices)
        and (limits.pattern is None or limits.pattern.fullmatch(str(value)) is not None)
    )


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _is_text(value: str) -> bool:
    """Half a surrogate pair is legal in a JSON escape, but no file, database or socket takes it."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _describe(annotation: Any, limits: _Limits) -> str:
    annotation = _without_none(annotation)
    if limits.allowed is not None:
        return limits.allowed
    if limits.choices is not None:
        return "one of " + ", ".join(limits.choices)
    if annotation not in _TYPE_WORDS:
        return "a list" if typing.get_origin(annotation) is tuple else "a table of keys"
    words = _TYPE_WORDS[annotation]
    unit = " characters" if annotation is str else ""
    low, high = limits.minimum, limits.maximum
    if low is not None and high is not None:
        return f"{words} from {low:g} to {high:g}{unit}"
    if low is not None:
        return f"{words} of at least {low:g}{unit}"
    if high is not None:
        return f"{words} of at most {high:g}{unit}"
    return words


def _schema_of(annotation: Any, limits: _Limits) -> dict[str, Any]:
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
    bounds = zip(names, (limits.minimum, limits.maximum), strict=True)
    result |= {name: bound for name, bound in bounds if bound is not None}
    if limits.choices is not None:
        result["enum"] = list(limits.choices)
    if limits.pattern is not None:
        result["pattern"] = f"^(?:{limits.pattern.pattern})$"
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
