"""How findings and levels are shown: never wider than the terminal, in whatever alphabet it has."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import UnavailableError
from edge.findings import exit_status, lines, note, red, summary, well
from edge.loudness import Loudness, Meter, bar, loudness, share_bar
from edge.speech_gate import LOWEST_DB
from edge.terminal import Style, cells, cut, printable, style_of, wrap

WORDS = st.text(max_size=200)
STYLES = st.builds(Style, width=st.integers(40, 80), is_utf8=st.booleans())


@given(WORDS, WORDS, STYLES, st.floats(-120, 0), st.floats(-120, 0))
def test_no_line_is_too_wide_and_nothing_steers_the_terminal(words, remedy, style, rms_db, peak_db):
    finding = note("certificates", words, remedy=remedy, level=Loudness(rms_db, peak_db))
    for line in lines(finding, style):
        assert cells(line) <= style.width
        assert line.isprintable()
        assert style.is_utf8 or line.isascii()


@given(WORDS, st.integers(2, 80))
def test_wrapping_keeps_every_character(text, width):
    wrapped = wrap(text, width)
    assert "".join("".join(wrapped).split()) == "".join(text.split())
    assert all(cells(line) <= width for line in wrapped)
    assert cells(cut(text, width)) <= width


def test_an_error_s_remedy_stands_on_a_line_of_its_own():
    error = UnavailableError("the broker is away; see whether it runs; or ask")
    found = red("broker", error, "never shown")
    assert lines(found, Style()) == [
        "!!  broker        the broker is away",
        "                  -> see whether it runs; or ask",
    ]
    assert red("broker", UnavailableError("it is away"), "look").remedy == "look"


def test_the_first_red_finding_decides_the_exit_status():
    findings = [well("a", "x"), note("b", "y"), red("c", UnavailableError("z"), ""), well("d", "x")]
    assert exit_status(findings) == 69
    assert exit_status(findings[:2]) == 0
    assert summary(findings, Style()) == ["to be put right: c"]
    assert summary(findings[:2], Style(in_colour=True)) == ["\033[32mall is well\033[0m"]


class Terminal(io.StringIO):
    encoding = "UTF-8"

    def isatty(self):
        return True


def test_colours_only_on_a_terminal_that_wants_them():
    assert style_of(Terminal(), {}).in_colour
    assert not style_of(Terminal(), {"NO_COLOR": "1"}).in_colour
    assert not style_of(Terminal(), {"TERM": "dumb"}).in_colour
    assert not style_of(io.StringIO(), {}).in_colour


def test_control_characters_become_spaces():
    assert printable("a\033[2Jb\nc\u009b", Style(is_utf8=True)) == "a [2Jb c "
    assert printable("Käse", Style()) == "K?se"


def test_loudness_of_known_sounds():
    square = np.tile(np.array([16384, -16384], np.int16), 1000)
    assert loudness(square).rms_db == pytest.approx(-6.02, abs=0.01)
    assert loudness(square).peak_db == pytest.approx(-6.02, abs=0.01)
    assert loudness(np.full(10, -32768, np.int16)).clipped_share == 1
    assert loudness(np.zeros(10, np.int16)) == Loudness(LOWEST_DB, LOWEST_DB, 0.0, is_zero=True)
    assert not loudness(np.array([0, 1], np.int16)).is_zero


def test_the_meter_forgets_the_level_soon_and_the_peak_later():
    meter, chunk = Meter(), np.ones(800, np.int16)
    meter.feed(np.full(800, 32767, np.int16))
    for _ in range(8):  # 0.4 s
        level = meter.feed(chunk)
    assert level.rms_db == pytest.approx(-90.3, abs=0.1)
    assert level.peak_db == pytest.approx(0, abs=0.1)
    for _ in range(60):  # 3 s
        level = meter.feed(chunk)
    assert -45 < level.peak_db < -25


@given(st.floats(-200, 20), st.floats(-200, 20), st.integers(1, 100), st.booleans())
def test_bars_are_as_wide_as_asked_for(rms_db, peak_db, width, is_utf8):
    style = Style(is_utf8=is_utf8)
    assert len(bar(Loudness(rms_db, peak_db), width, style)) == width
    assert len(share_bar(rms_db, width, style)) == width


def test_bars():
    style = Style()
    assert bar(Loudness(-40, -20), 8, style) == "####.|.."
    assert bar(Loudness(-120, -120), 4, style) == "...."
    assert bar(Loudness(0, 0), 4, style) == "####"
    assert share_bar(0.5, 4, style) == "##.."
