"""Text for a terminal, of whatever width, alphabet and colours it has."""

from __future__ import annotations

import io
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

LEAST_WIDTH = 40
MOST_WIDTH = 80
_COLOURS = {"green": "\033[32m", "yellow": "\033[33m", "red": "\033[31m", "bold": "\033[1m"}
_PLAIN = "\033[0m"


@dataclass(frozen=True, slots=True)
class Style:
    """What may be written: columns, colours, and characters beyond ASCII."""

    width: int = MOST_WIDTH
    in_colour: bool = False
    is_utf8: bool = False

    def colour(self, name: str, text: str) -> str:
        """The text in green, yellow, red or bold, where colours may be."""
        return f"{_COLOURS[name]}{text}{_PLAIN}" if self.in_colour else text


def style_of(
    stream: TextIO, environ: Mapping[str, str] = os.environ, *, most: int = MOST_WIDTH, spare: int = 0
) -> Style:
    """What suits `stream`: colours only on a terminal and without NO_COLOR (no-color.org).

    The width is the terminal's, from 40 to `most`, less `spare`; 80 where it is none.
    """
    is_terminal = stream.isatty()
    return Style(
        width=max(LEAST_WIDTH, min(most, _columns(stream))) - spare,
        in_colour=is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb",
        is_utf8=(stream.encoding or "").lower().replace("-", "") == "utf8",
    )


def never_fail(stream: TextIO) -> None:
    """Write `?` for what the stream's encoding has no character for."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")


def printable(text: str, style: Style) -> str:
    """The text on one line and without control characters; in ASCII where there is nothing else."""
    line = "".join(one if one.isprintable() else " " for one in text)
    return line if style.is_utf8 else line.encode("ascii", "replace").decode("ascii")


def cells(text: str) -> int:
    """The columns a text takes: two for East Asian wide characters, none for combining ones."""
    return sum(_cells(one) for one in text)


def cut(text: str, width: int) -> str:
    """As much of the text as fits into so many columns."""
    taken, used = "", 0
    for one in text:
        used += _cells(one)
        if used > width:
            break
        taken += one
    return taken


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most so many columns, broken between words, within them only if it must be."""
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if cells(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while cells(line) > width:
            first = cut(line, width)
            lines.append(first)
            line = line[len(first) :]
    return [*lines, line] if line or not lines else lines


def _columns(stream: TextIO) -> int:
    if not stream.isatty():
        return MOST_WIDTH
    try:
        # A terminal that does not know its size says 0.
        return os.get_terminal_size(stream.fileno()).columns or MOST_WIDTH
    except (OSError, ValueError):
        return MOST_WIDTH


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
