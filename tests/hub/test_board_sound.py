"""What is heard: a real AudioContext, watched while it is told which tones to make and when."""

from __future__ import annotations

from typing import Any

from board_parts import LISTEN, alert, bed, board_page, stream
from hub_parts import until
from playwright.sync_api import expect

HIGH = [880, 1760, 2640] * 10

# Notes when anything really reaches the loudspeaker: what goes to the destination goes to a meter, too.
METER = """
window.loud = [];
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...more) {
  const result = connect.call(this, target, ...more);
  if (!(target instanceof AudioDestinationNode)) return result;
  const { context } = this;
  if (!context.meter) {
    window.quietFor = () => context.currentTime - (window.loud.at(-1) ?? -Infinity);
    context.meter = context.createScriptProcessor(1024, 1, 1);
    context.meter.onaudioprocess = (event) => {
      const peak = Math.max(...event.inputBuffer.getChannelData(0).map(Math.abs));
      if (peak > 0.02) window.loud.push(event.playbackTime);
    };
    connect.call(context.meter, context.destination);
  }
  connect.call(this, context.meter);
  return result;
};
window.audible = () => {
  const starts = [];
  window.loud.forEach((at, i) => { if (i === 0 || at - window.loud[i - 1] > 1.5) starts.push(at); });
  return starts;
};
"""


def patterns(page: Any) -> list[list[float]]:
    """The frequencies of each pattern so far: tones told of within half a second of one another's start."""
    tones = page.evaluate("window.tones")
    assert all(tone["state"] == "running" for tone in tones)
    groups: list[list[float]] = []
    last = -10.0
    for tone in tones:
        if tone["at"] - last > 1.5:
            groups.append([])
        last = tone["at"]
        groups[-1].append(tone["frequency"])
    return groups


def starts(page: Any, frequency: float) -> list[float]:
    """When each pattern of that frequency began, in seconds of the AudioContext."""
    found: list[float] = []
    for tone in page.evaluate("window.tones"):
        if tone["frequency"] == frequency and (not found or tone["at"] - found[-1] > 4):
            found.append(tone["at"])
    return found


def falls_silent(page: Any) -> None:
    """What sounds ends before its pattern does, and is not heard again when a high one would be."""
    pattern_s = 2.5
    before = page.evaluate("window.loud.length")
    until(lambda: page.evaluate("window.quietFor()") > 5.5, 60, "five seconds without a sound")
    after = page.evaluate("window.loud")[before:]
    assert not after or after[-1] - after[0] < pattern_s


def test_silent_and_said_so_until_touched_then_high_every_five_seconds(chromium: Any, web_url: str) -> None:
    rows = [bed(1), bed(2)]
    alerts = [alert(1, 1, "high"), alert(2, 2)]
    with board_page(chromium, web_url, rows, alerts, script=LISTEN) as page:
        expect(page.locator("#pulse-word")).to_have_text("Live")
        assert page.locator("#sound-off").is_visible()
        assert page.evaluate("window.tones") == []
        page.locator("#room").click(position={"x": 400, "y": 500})  # any touch will do
        page.locator("#sound-off").wait_for(state="hidden")
        until(lambda: len(starts(page, 880)) == 2, 30, "the second sound")
        times = starts(page, 880)
        assert 4.5 < times[1] - times[0] < 10
        assert patterns(page)[0] == HIGH


def test_technical_is_heard_once_and_softly_and_medium_is_another(chromium: Any, web_url: str) -> None:
    rows = [bed(1), bed(2)]
    with board_page(chromium, web_url, rows, [alert(1, 1, "technical")], script=LISTEN) as page:
        page.locator("#room").click(position={"x": 400, "y": 500})
        until(lambda: patterns(page), 30, "a sound")
        page.wait_for_timeout(5500)  # in which one that repeats would be heard again
        assert patterns(page) == [[440, 880, 1320, 392, 784, 1176]]
        events = stream(rows, [alert(1, 1, "technical"), alert(2, 2)])
        page.route(
            "**/api/stream", lambda route: route.fulfill(body=events, content_type="text/event-stream")
        )
        until(lambda: len(patterns(page)) == 2, 30, "the other sound")
        assert patterns(page)[1:] == [[660, 1320, 1980] * 3]


def test_accepted_paused_and_muted_are_not_heard(chromium: Any, web_url: str) -> None:
    rows = [bed(1), bed(2, muted_until=4e9, muted_by="A"), bed(3)]
    alerts = [
        alert(1, 1, "high", state="accepted", accepted_by="A", accepted_at=1.0),
        alert(2, 2, "high"),
        alert(3, 3, "high", paused_until=4e9, paused_by="A"),
    ]
    with board_page(chromium, web_url, rows, alerts, script=LISTEN) as page:
        page.locator("#room").click(position={"x": 400, "y": 500})
        page.locator("#sound-off").wait_for(state="hidden")
        page.wait_for_timeout(1500)
        assert page.evaluate("window.tones") == []


def test_not_live_has_a_sound_of_its_own(chromium: Any, web_url: str) -> None:
    with board_page(chromium, web_url, [bed(1)], [], script=LISTEN) as page:
        page.locator("#room").click(position={"x": 400, "y": 500})
        page.locator("#sound-off").wait_for(state="hidden")
        page.route("**/api/stream", lambda route: route.abort())
        page.locator("#not-live").wait_for(timeout=60_000)
        until(lambda: patterns(page), 30, "its sound")
        assert patterns(page) == [[520, 1040, 1560, 330, 660, 990]]


def test_what_reaches_the_loudspeaker_comes_at_its_times_and_stops_when_answered(
    chromium: Any, web_url: str
) -> None:
    rows = [bed(1)]
    alerts = [alert(1, 1)]  # the stream begins anew each second and tells what is in the lists then
    with board_page(chromium, web_url, rows, alerts, script=METER) as page:
        page.locator("#room").click(position={"x": 400, "y": 500})
        until(lambda: page.evaluate("window.audible().length") == 2, 30, "the second sound")
        first, second = page.evaluate("window.audible()")
        assert 9.5 < second - first < 20
        until(lambda: page.evaluate("window.quietFor()") > 1.6, 30, "the end of the second sound")
        alerts[0]["priority"] = "high"
        until(lambda: page.evaluate("window.audible().length") == 4, 30, "the second high sound")
        times = page.evaluate("window.audible()")
        assert 4.5 < times[3] - times[2] < 9.5
        alerts[0] |= {"state": "accepted", "accepted_by": "Ben Ortiz", "accepted_at": 1.8e9}
        page.locator(".who:visible").wait_for()
        falls_silent(page)


def test_a_mute_and_a_pause_stop_a_sound_that_has_begun(chromium: Any, web_url: str) -> None:
    silences = (
        {"muted_until": 4e9, "muted_by": "A", "muted_reason": "x"},
        {"paused_until": 4e9, "paused_by": "A"},
    )
    for muted, paused in ((silences[0], {}), ({}, silences[1])):
        rows, alerts = [bed(1)], [alert(1, 1, "high")]
        with board_page(chromium, web_url, rows, alerts, script=METER) as page:
            page.locator("#room").click(position={"x": 400, "y": 500})
            until(lambda: page.evaluate("window.loud.length"), 30, "a sound")
            rows[0] |= muted
            alerts[0] |= paused
            page.locator(".hush:visible").wait_for()
            falls_silent(page)
