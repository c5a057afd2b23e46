"""Which beds to make cards for: one out of the command's options, or many out of a CSV file.

A row of the CSV is a bed. Its columns are `ward`, `bed`, if wanted `device`, and any key of bedside.toml by
its dotted name, such as `wifi.identity`: what differs from bed to bed.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from deploy import settings
from edge.errors import ConfigError
from edge.fields import unknown_key

_PLACE = ("ward", "bed", "device")
_WHOLE = {"hub.port": int, "panel.mute_pin": int, "panel.light_pin": int, "panel.mute_pull_up": bool}
"""What is no text in bedside.toml."""
_TRUTH = {"true": True, "false": False}
_LONGEST = 10_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """What somebody wrote about one bed; `where` says in which line, empty for the command's options."""

    ward: str
    bed: str
    device: str
    exceptions: Mapping[str, str] = field(default_factory=dict)
    """Keys of bedside.toml by their dotted names."""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Bed:
    """A bed whose settings are right, and the text of its bedside.toml."""

    settings: settings.Settings
    text: str = field(repr=False)
    where: str = ""

    @property
    def name(self) -> str:
        """SITE/WARD/DEVICE, as in its certificate."""
        return self.settings.address.name


def device_of(bed: str) -> str:
    """The usual name of the device at a bed: bed-12 at 12, and at Bed 12."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", bed).strip("-._").lower()
    return plain if plain.startswith("bed") else f"bed-{plain}"


def read_csv(file: Path) -> list[Row]:
    """The rows of a CSV file as spreadsheets write it. Raises ConfigError."""
    try:
        if file.stat().st_size > _LONGEST:
            raise ConfigError(
                f"{file} has {file.stat().st_size} bytes; a list of beds has a line for each bed"
            )
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read the beds in {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not in UTF-8; save it as CSV UTF-8") from error
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [word.strip() for word in next(lines, [])]
        _check_columns(file, columns)
        rows, mistakes = [], []
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                mistakes.append(
                    f"line {lines.line_num}: it has {len(cells)} columns and the first line {len(columns)};"
                    " put text with a comma in quotation marks"
                )
                continue
            rows.append(_row(columns, cells, f"line {lines.line_num}: "))
    except csv.Error as error:
        raise ConfigError(f"{file}, line {lines.line_num}: {error}; correct it") from error
    refuse(mistakes, len(rows) + len(mistakes))
    if not rows:
        raise ConfigError(f"{file} names no bed; below the line of columns each line is one")
    return rows


def beds(site: str, template: Mapping[str, Any], rows: Sequence[Row]) -> list[Bed]:
    """The beds with their settings out of the template. Raises ConfigError that tells of every bad row."""
    found: list[Bed] = []
    mistakes: list[str] = []
    for row in rows:
        try:
            found.append(_bed(site, template, row))
        except ConfigError as error:
            mistakes.append(f"{row.where}{error}")
    refuse([*mistakes, *_twice(found)], len(rows))
    return found


def refuse(mistakes: Sequence[str], count: int) -> None:
    """Raises ConfigError where there are mistakes; `count` is how many beds there were."""
    if not mistakes:
        return
    if count == 1:
        raise ConfigError(mistakes[0])
    words = f"nothing was made, because of {len(mistakes)} mistakes in {count} beds:"
    raise ConfigError("\n  ".join((words, *mistakes)))


def _check_columns(file: Path, columns: Sequence[str]) -> None:
    for name in columns:
        if name not in _PLACE and "." not in name:
            raise ConfigError(f"{file}, line 1: {unknown_key('', name, (*_PLACE, 'wifi.identity', '…'))}")
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise ConfigError(f"{file}, line 1: the column {twice[0]} stands there twice; leave one out")
    for name in ("ward", "bed"):
        if name not in columns:
            raise ConfigError(
                f"{file}, line 1 has no column {name}; it must name the columns, such as ward,bed,device"
            )


def _row(columns: Sequence[str], cells: Sequence[str], where: str) -> Row:
    given = {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}
    bed = given["bed"]
    exceptions = {name: cell for name, cell in given.items() if name not in _PLACE and cell}
    return Row(given["ward"], bed, given.get("device") or device_of(bed), exceptions, where)


def _bed(site: str, template: Mapping[str, Any], row: Row) -> Bed:
    place = {"site": site, "ward": row.ward, "device": row.device, "bed": row.bed}
    plain: dict[str, Any] = {**place, **template}
    for name, text in row.exceptions.items():
        table, _, key = name.partition(".")
        inner = plain.get(table, {})
        if not isinstance(inner, Mapping):
            raise ConfigError(f"{table} is no table of the template, so {name} cannot be set in it")
        plain[table] = {**inner, key: _value(name, text)}
    text = tomli_w.dumps(plain)
    return Bed(settings.parse(text.encode()), text, row.where)


def _value(name: str, text: str) -> Any:
    wanted = _WHOLE.get(name)
    if wanted is bool and text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    if wanted is int and re.fullmatch(r"\d{1,9}", text):
        return int(text)
    return text


def _twice(found: Sequence[Bed]) -> list[str]:
    """What is named twice: two beds on the board, or two boxes in the broker, would be one."""
    mistakes = []
    for what in ("device", "bed"):
        seen: dict[tuple[str, str], Bed] = {}
        for one in found:
            key = one.settings.ward, str(getattr(one.settings, what))
            if key in seen:
                earlier = seen[key].where.removesuffix(": ") or "an earlier one"
                mistakes.append(
                    f"{one.where}{what} {key[1]!r} of ward {key[0]!r} is that of {earlier} already;"
                    " give each one its own"
                )
            seen.setdefault(key, one)
    return mistakes
