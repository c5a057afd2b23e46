"""What `bedside-edge meter` shows, as lines for a terminal and as words for a program. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edge.loudness import Loudness, bar, share_bar
from edge.pipeline import WindowResult
from edge.terminal import Style, cut, printable

_LABEL_WIDTH = 10
_WIDEST_BAR = 60
_LEAST_DB, _LOUD_DB, _FULL_DB = -99.0, -12.0, -3.0  # shown; yellow; red
_WELL = ("healthy", "file")


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything the meter knows at one moment."""

    source: str
    state: str
    """One of edge.messages.MICROPHONE_STATES, or `file`."""
    reason: str
    level: Loudness
    result: WindowResult | None
    """The last window; None before the first, and while there is no sound."""
    score: float
    """Smoothed distress, which decides."""
    onset: float
    """From here on a window counts towards an episode."""
    episode: str | None
    """The episode that goes on, in words."""
    window_s: float
    said: str = ""
    """The last warning."""


def screen(reading: Reading, style: Style) -> list[str]:
    """The lines of a terminal, each of at most `style.width` columns."""
    return [
        _head(reading, style),
        _level(reading.level, style),
        _row("speech", *_speech(reading), style),
        _row("emotion", *_emotion(reading), style),
        _distress(reading, style),
        _episode(reading, style),
        *([_row("note", reading.said, None, style)] if reading.said else []),
    ]


def window_line(reading: Reading, result: WindowResult) -> str:
    """A window in one line of `name=value`, no value with a space in it."""
    judgement = result.judgement
    emotion, probability, distress = "-", "-", "-"
    if judgement is not None:
        emotion = "_".join(judgement.emotion.split())
        probability = f"{judgement.probabilities[judgement.emotion]:.2f}"
        distress = f"{judgement.distress:.2f}"
    return (
        f"window end_s={result.end_s:.1f} level_db={result.level_db:.1f} peak_db={reading.level.peak_db:.1f}"
        f" speech={'yes' if result.is_speech else 'no'} share={result.speech_share:.2f} emotion={emotion}"
        f" probability={probability} distress={distress} score={reading.score:.2f}"
        f" episode={'open' if reading.episode else 'none'}"
    )


def state_line(reading: Reading) -> str:
    """How the microphone is, in one line; the reason comes last because it has spaces."""
    return f"microphone state={reading.state} reason={printable(reading.reason, Style(is_utf8=True))}"


def _head(reading: Reading, style: Style) -> str:
    words = printable(f"{reading.source}: {reading.reason}", style)
    if reading.state in _WELL and reading.level.clipped_share > 0:
        words = printable(f"{reading.source}: too loud", style)
    colour = "bold" if reading.state in _WELL and reading.level.clipped_share == 0 else "red"
    return style.colour(colour, cut(words, style.width))


def _row(label: str, text: str, colour: str | None, style: Style) -> str:
    shown = cut(printable(text, style), style.width - _LABEL_WIDTH)
    return f"{label:<{_LABEL_WIDTH}}{style.colour(colour, shown) if colour else shown}"


def _bar_row(label: str, shown: str, colour: str, text: str, style: Style) -> str:
    return f"{label:<{_LABEL_WIDTH}}[{style.colour(colour, shown)}] {text}"


def _bar_width(style: Style) -> int:
    return min(_WIDEST_BAR, style.width - _LABEL_WIDTH - len("[] -99 dBFS, peak -99"))


def _level(level: Loudness, style: Style) -> str:
    text = f"{max(_LEAST_DB, level.rms_db):3.0f} dBFS, peak {max(_LEAST_DB, level.peak_db):3.0f}"
    colour = "red" if level.peak_db >= _FULL_DB else "yellow" if level.peak_db >= _LOUD_DB else "green"
    return _bar_row("level", bar(level, _bar_width(style), style), colour, text, style)


def _speech(reading: Reading) -> tuple[str, str | None]:
    result = reading.result
    if result is None:
        if reading.state in _WELL:
            return f"not known before {reading.window_s:.0f} s of sound", None
        return "-", None
    if not result.is_speech:
        return "no", None
    return f"yes, {result.speech_share:.0%} of the last {reading.window_s:.0f} s", "green"


def _emotion(reading: Reading) -> tuple[str, str | None]:
    judgement = None if reading.result is None else reading.result.judgement
    if judgement is None:
        return "-", None
    likeliest = sorted(judgement.probabilities.items(), key=lambda pair: -pair[1])[:3]
    return ", ".join(f"{label} {share:.0%}" for label, share in likeliest), None


def _distress(reading: Reading, style: Style) -> str:
    judgement = None if reading.result is None else reading.result.judgement
    text = f"{reading.score:.2f}" + ("" if judgement is None else f", now {judgement.distress:.2f}")
    width = _bar_width(style)
    cells = list(share_bar(reading.score, width, style))
    at = min(width - 1, int(reading.onset * width))
    if reading.score < reading.onset:
        cells[at] = "│" if style.is_utf8 else "|"
    colour = "red" if reading.score >= reading.onset else "green"
    return _bar_row("distress", "".join(cells), colour, text, style)


def _episode(reading: Reading, style: Style) -> str:
    if reading.episode is None:
        return _row("episode", f"none; the mark is at {reading.onset:.2f}", None, style)
    return _row("episode", reading.episode, "red", style)
