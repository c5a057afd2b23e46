"""How often the board flashes, counted in Chromium frame by frame: red twice a second, yellow 0.6 times."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from board_parts import accepted, alert, bed, board_page

# The colours of every alert's head in every frame of so many seconds: [milliseconds, { bed: colour }].
FRAMES = """(seconds) => new Promise((done) => {
  const frames = [];
  const heads = [...document.querySelectorAll('.tile')].map((tile) => [
    tile.querySelector('.bed').textContent, tile.querySelector('header')]);
  const look = (now) => {
    const colours = heads.map(([bed, head]) => [bed, getComputedStyle(head).backgroundColor]);
    frames.push([now, Object.fromEntries(colours)]);
    if (now - frames[0][0] < 1000 * seconds) requestAnimationFrame(look);
    else done(frames);
  };
  requestAnimationFrame(look);
})"""
SECONDS = 8.0
LATE_MS = 50.0  # after the frame before


def changes(frames: list[Any], name: str) -> list[float]:
    """When a bed's head changed its colour, in seconds."""
    return [after[0] / 1000 for before, after in pairwise(frames) if before[1][name] != after[1][name]]


def within_a_second(times: list[float], frames: list[Any]) -> int:
    """The most of these times in any second, less what a frame may come late.

    Seconds in which a busy machine left frames out are not judged: when those changes were due, nobody saw.
    """
    late = [after[0] / 1000 for before, after in pairwise(frames) if after[0] - before[0] > LATE_MS]
    seconds = [(start, start + 0.95) for start in times]
    judged = [(start, end) for start, end in seconds if not any(start <= at < end for at in late)]
    return max((sum(start <= at < end for at in times) for start, end in judged), default=0)


@pytest.mark.parametrize("light", ["day", "night"])
def test_nothing_flashes_more_than_three_times_a_second(chromium: Any, web_url: str, light: str) -> None:
    """Not even all together: beds whose alerts came at other times flash in step."""
    rows = [bed(number) for number in range(1, 9)]
    alerts = [alert(1, 1, "high"), alert(2, 2), alert(3, 3, "technical"), accepted(alert(4, 4, "high"))]
    alerts.append(alert(5, 5, missed=True))
    with board_page(chromium, web_url, rows, alerts, light=light) as page:
        page.wait_for_timeout(330)
        alerts += [
            alert(6, 6, "high"),
            alert(7, 7),
            alert(8, 8, "high"),
        ]  # come with the stream's next second
        page.locator('.tile[data-priority="high"][data-state="waiting"]').nth(2).wait_for()
        page.wait_for_timeout(300)
        frames = page.evaluate(FRAMES, SECONDS)
    assert len(frames) > 100
    found = {name: changes(frames, name) for name in frames[0][1]}
    for name in ("Bed 1", "Bed 6", "Bed 8"):
        assert 3.5 <= len(found[name]) / SECONDS <= 4.5  # two flashes a second, each there and back
    for name in ("Bed 2", "Bed 7"):
        assert 0.9 <= len(found[name]) / SECONDS <= 1.5
    for name in ("Bed 3", "Bed 4", "Bed 5"):
        assert found[name] == []
    assert found["Bed 1"] == found["Bed 6"] == found["Bed 8"]
    assert found["Bed 2"] == found["Bed 7"]
    begun = {at for times in found.values() for at in times[::2]}  # each flash is there and back
    assert within_a_second(sorted(begun), frames) <= 3


def test_less_motion_means_none(chromium: Any, web_url: str) -> None:
    alerts = [alert(1, 1, "high"), alert(2, 2)]
    with board_page(chromium, web_url, [bed(1), bed(2)], alerts, reduced_motion="reduce") as page:
        frames = page.evaluate(FRAMES, 2.0)
        assert [changes(frames, name) for name in ("Bed 1", "Bed 2")] == [[], []]
