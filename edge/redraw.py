"""Lines at the bottom of a terminal, drawn over again and again in place: one write each time, no flicker."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

from edge.terminal import Style, cut, style_of

_HIDE_CURSOR, _SHOW_CURSOR = "\033[?25l", "\033[?25h"
_TO_LINE_END, _TO_SCREEN_END, _CLEAR = "\033[K", "\033[J", "\033[2J\033[H"
_WIDEST = 120


def can_redraw(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the stream is a terminal whose cursor can be moved."""
    return stream.isatty() and environ.get("TERM", "dumb") != "dumb"


class Redraw:
    """Owns the lines it has drawn, and hides the cursor until `close`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._drawn = 0
        self._size: os.terminal_size | None = None

    def draw(self, render: Callable[[Style], Sequence[str]]) -> None:
        """Put the lines `render` makes for the terminal as it is now in the place of those before."""
        size = _size(self._stream)
        # The last column stays empty: a terminal that is about to wrap would erase what stands in it.
        style = style_of(self._stream, most=_WIDEST, spare=1)
        lines = list(render(style))[: max(1, size.lines - 1)]
        if size.columns <= style.width:  # too narrow: cut, and without colours, which must not be cut
            plain = Style(style.width, in_colour=False, is_utf8=style.is_utf8)
            lines = [cut(line, size.columns - 1) for line in list(render(plain))[: len(lines)]]
        if self._size is None:
            start = _HIDE_CURSOR
        elif size != self._size:  # the terminal has broken our lines anew; nobody knows where they are
            start = _CLEAR
        else:
            start = f"\033[{self._drawn - 1}A\r" if self._drawn > 1 else "\r"
        self._write(start + "\n".join(line + _TO_LINE_END for line in lines) + _TO_SCREEN_END)
        self._drawn, self._size = len(lines), size

    def close(self) -> None:
        """Leave the lines as they are, go below them and show the cursor."""
        if self._size is not None:
            self._write("\n" + _SHOW_CURSOR)
            self._size = None

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal has gone; SIGHUP says so too
            self._stream.write(text)
            self._stream.flush()


def _size(stream: TextIO) -> os.terminal_size:
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return os.terminal_size((80, 24))
    # A terminal that does not know its size says 0.
    return os.terminal_size((size.columns or 80, size.lines or 24))
