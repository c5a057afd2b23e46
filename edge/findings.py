"""What `bedside-edge check` has found, and how it is shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.errors import BedsideError
from edge.terminal import Style, printable, wrap

if TYPE_CHECKING:
    from edge.loudness import Loudness

_MARKS = {"well": ("ok", "green"), "note": ("--", "yellow"), "red": ("!!", "red")}
_NAME_WIDTH = 14
_BAR_WIDTH = 30
_INDENT = " " * (4 + _NAME_WIDTH)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, in words, and what to do about it."""

    name: str
    kind: str
    """`well`, `note`: worth knowing, or `red`: to be put right."""
    words: tuple[str, ...]
    """What was found, a line each."""
    remedy: str = ""
    status: int = 0
    """The exit status of what is red."""
    level: Loudness | None = None
    """Shown as a bar below the first line."""


def well(name: str, *words: str, level: Loudness | None = None) -> Finding:
    """All is as it should be."""
    return Finding(name, "well", words, level=level)


def note(name: str, *words: str, remedy: str = "", level: Loudness | None = None) -> Finding:
    """Nothing is wrong, but an installer should know."""
    return Finding(name, "note", words, remedy, level=level)


def red(name: str, error: BedsideError, remedy: str) -> Finding:
    """Something is wrong. What an error says after its first semicolon is the remedy, else `remedy`."""
    what, _, advice = str(error).partition("; ")
    return Finding(name, "red", (what,), advice or remedy, error.exit_status)


def exit_status(findings: Iterable[Finding]) -> int:
    """That of the first red finding, else 0."""
    return next((finding.status for finding in findings if finding.kind == "red"), 0)


def lines(finding: Finding, style: Style) -> list[str]:
    """The finding in lines of at most `style.width` columns."""
    mark, colour = _MARKS[finding.kind]
    texts = [line for words in finding.words[:1] for line in _wrapped(words, style)]
    if finding.level is not None:
        from edge.loudness import bar  # noqa: PLC0415 - the hub, which listens to nothing, has findings too

        numbers = f"{finding.level.rms_db:.0f} dBFS, peak {finding.level.peak_db:.0f}"
        width = min(_BAR_WIDTH, style.width - len(_INDENT) - len("[] -120 dBFS, peak -120"))
        texts.append(f"[{bar(finding.level, width, style)}] {numbers}" if width > 0 else numbers)
    texts += [line for words in finding.words[1:] for line in _wrapped(words, style)]
    if finding.remedy:
        texts += _wrapped(f"-> {finding.remedy}", style)
    head = f"{style.colour(colour, mark)}  {finding.name:<{_NAME_WIDTH}}"
    return [(head if number == 0 else _INDENT) + text for number, text in enumerate(texts)]


def summary(findings: Iterable[Finding], style: Style) -> list[str]:
    """The last line: whether all is well."""
    names = dict.fromkeys(finding.name for finding in findings if finding.kind == "red")
    words = f"to be put right: {', '.join(names)}" if names else "all is well"
    return [style.colour("red" if names else "green", line) for line in wrap(words, style.width)]


def _wrapped(text: str, style: Style) -> list[str]:
    return wrap(printable(text, style), style.width - len(_INDENT))
