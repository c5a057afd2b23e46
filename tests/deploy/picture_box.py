"""Where card, microphone, network, power and the light are: a Raspberry Pi 3B+, 4 or 5, and a Zero 2 W.

Simplified: what an installer touches is where it is on the board, all else is left out.
"""

from __future__ import annotations

from drawing import GREEN, INK, LINE, SOFT, box, circle, number, path, picture, pointer, text

_BOARD, _METAL, _PLUG = "#eaf4ec", "#e3e7ec", "#f6f7f9"


def draw() -> str:
    """Two boards from above, numbers on both, one list of words."""
    shapes = [*_large(60, 60), *_small(576, 92), *_words(34, 372)]
    return picture(900, 560, "Where card, microphone, network cable, power and the light are", shapes)


def _large(x: float, y: float) -> list[str]:
    """85 by 56 mm, four pixels a millimetre."""
    return [
        text(x, y - 22, "Raspberry Pi 3B+, 4 or 5", bold=True),
        box(x, y, 340, 224, fill=_BOARD, round_=12),
        *(circle(x + dx, y + dy, 6, fill="#ffffff", stroke=SOFT)
          for dx, dy in ((14, 14), (246, 14), (14, 210), (246, 210))),
        box(x + 28, y + 6, 204, 20, fill=_METAL, stroke=SOFT),
        *_dots(x + 36, y + 12, 20),
        box(x - 14, y + 88, 62, 48, fill=_METAL, dashed=True, round_=3),
        text(x + 17, y + 117, "card", size=13, anchor="middle"),
        box(x + 282, y + 14, 72, 54, fill=_METAL), text(x + 318, y + 46, "USB", size=13, anchor="middle"),
        box(x + 282, y + 84, 72, 54, fill=_METAL), text(x + 318, y + 116, "USB", size=13, anchor="middle"),
        box(x + 270, y + 154, 84, 58, fill=_METAL),
        text(x + 312, y + 188, "network", size=13, anchor="middle"),
        box(x + 28, y + 200, 36, 30, fill=_METAL), text(x + 46, y + 220, "pwr", size=12, anchor="middle"),
        box(x + 92, y + 204, 30, 24, fill=_METAL, stroke=SOFT),
        box(x + 144, y + 204, 30, 24, fill=_METAL, stroke=SOFT),
        box(x + 112, y + 84, 62, 62, fill="#ffffff", stroke=SOFT, round_=3),
        circle(x + 8, y + 176, 5, fill=GREEN, stroke=INK),
        *_microphone(x + 354, y + 41),
        pointer(x - 32, y + 62, x - 6, y + 96), number(x - 40, y + 54, 1),
        number(x + 398, y + 2, 2),
        pointer(x + 376, y + 183, x + 346, y + 183), number(x + 388, y + 183, 3),
        pointer(x + 46, y + 256, x + 46, y + 234), number(x + 46, y + 268, 4),
        pointer(x - 28, y + 176, x + 1, y + 176), number(x - 40, y + 176, 5),
    ]  # fmt: skip


def _small(x: float, y: float) -> list[str]:
    """65 by 30 mm, four pixels a millimetre."""
    return [
        text(x + 30, y - 54, "Raspberry Pi Zero 2 W", bold=True),
        box(x + 20, y, 260, 120, fill=_BOARD, round_=12),
        *(circle(x + dx, y + dy, 6, fill="#ffffff", stroke=SOFT)
          for dx, dy in ((34, 14), (266, 14), (34, 106), (266, 106))),
        box(x + 48, y + 6, 204, 20, fill=_METAL, stroke=SOFT),
        *_dots(x + 56, y + 12, 20),
        box(x + 8, y + 44, 52, 46, fill=_METAL, round_=3),
        text(x + 34, y + 72, "card", size=13, anchor="middle"),
        box(x + 62, y + 102, 44, 24, fill=_METAL, stroke=SOFT),
        box(x + 170, y + 102, 30, 24, fill=_METAL), text(x + 185, y + 96, "USB", size=12, anchor="middle"),
        box(x + 220, y + 102, 30, 24, fill=_METAL), text(x + 232, y + 96, "PWR", size=12, anchor="middle"),
        circle(x + 258, y + 92, 4, fill=GREEN, stroke=INK),
        pointer(x - 2, y + 24, x + 12, y + 50), number(x - 8, y + 14, 1),
        path(f"M{x + 185} {y + 126} v18", thick=4, stroke=SOFT),
        box(x + 160, y + 144, 50, 26, fill=_PLUG, round_=4),
        text(x + 185, y + 161, "adapter", size=11, anchor="middle"),
        path(f"M{x + 185} {y + 170} v12", thick=4, stroke=SOFT),
        box(x + 171, y + 182, 28, 44, fill=_PLUG, round_=10),
        *(path(f"M{x + 177} {y + 192 + 7 * row} h16", stroke=SOFT) for row in range(3)),
        number(x + 148, y + 204, 2),
        pointer(x + 235, y + 154, x + 235, y + 130), number(x + 235, y + 166, 4),
        pointer(x + 284, y + 92, x + 263, y + 92), number(x + 294, y + 92, 5),
    ]  # fmt: skip


def _words(x: float, y: float) -> list[str]:
    lines = (
        "The card: below the board, with its contacts towards the board; on a Zero 2 W on top.",
        "The USB microphone: any of the USB sockets. A Zero 2 W needs an adapter, in “USB”.",
        "The network cable, if there is one. A Zero 2 W, and every box with [wifi], does without.",
        "Power, last of all: with it the box starts. Use the board's own power supply.",
        "The light that tells how the box is: green, “ACT”, in the corner beside the power socket.",
    )
    shapes = []
    for row, line in enumerate(lines):
        shapes += [number(x, y + 34 * row, row + 1), text(x + 24, y + 5 + 34 * row, line)]
    last = "On a 5 it is the only light, beside the power button, and may show red where it is off."
    return [*shapes, text(x + 24, y + 27 + 34 * (len(lines) - 1), last, size=14, fill=SOFT)]


def _microphone(x: float, y: float) -> list[str]:
    return [
        path(f"M{x} {y} h18", thick=5, stroke=SOFT),
        box(x + 18, y - 12, 62, 24, fill=_PLUG, round_=12),
        *(path(f"M{x + 32 + 9 * row} {y - 7} v14", stroke=SOFT) for row in range(4)),
    ]


def _dots(x: float, y: float, columns: int) -> list[str]:
    return [circle(x + 9.9 * column, y + 8 * row, 1.6, fill=LINE, stroke="none")
            for row in range(2) for column in range(columns)]  # fmt: skip
