"""What the light tells, as lines of time: from deploy/led.py, whatever it says."""

from __future__ import annotations

from drawing import GREEN, LINE, SOFT, box, picture, text

from deploy import led

SECONDS = 10
WORDS = {
    led.STARTING: "it starts",
    led.LISTENING: "it listens",
    led.MUTED: "muted: nobody listens",
    led.NO_MICROPHONE: "no microphone",
    led.NO_HUB: "no hub",
    led.WRONG_SETTINGS: "wrong settings",
    led.ERROR: "something is broken",
}
_LEFT, _TOP, _ROW, _SECOND = 200, 24, 44, 58
_DARK = "#39424c"


def draw() -> str:
    """The first ten seconds of each pattern, in the order of deploy/led.py."""
    bottom = _TOP + len(led.PATTERNS) * _ROW
    shapes = []
    for second in range(0, SECONDS + 1, 2):
        x = _LEFT + second * _SECOND
        shapes.append(box(x - 0.5, _TOP - 6, 1, bottom - _TOP, fill=LINE, stroke="none"))
        shapes.append(text(x, bottom + 12, f"{second} s", size=13, fill=SOFT, anchor="middle"))
    for row, (told, steps) in enumerate(led.PATTERNS.items()):
        y = _TOP + row * _ROW
        shapes.append(text(_LEFT - 14, y + 20, WORDS[told], anchor="end"))
        shapes.append(box(_LEFT, y, SECONDS * _SECOND, 28, fill=_DARK, stroke="none"))
        start_s, step = 0.0, 0
        while start_s < SECONDS:
            is_on, lasts_s = steps[step % len(steps)]
            lasts_s = min(lasts_s, SECONDS - start_s)
            if is_on:
                x = _LEFT + start_s * _SECOND
                shapes.append(box(x, y + 2, lasts_s * _SECOND, 24, fill=GREEN, stroke="none"))
            start_s += lasts_s
            step += 1
    title = "What the light tells, ten seconds of each: green is on, dark is off"
    return picture(_LEFT + SECONDS * _SECOND + 30, bottom + 24, title, shapes)
