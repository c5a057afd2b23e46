"""The card's first partition as a computer shows it, and what of it an installer touches."""

from __future__ import annotations

from drawing import INK, LINE, MARK, SOFT, box, circle, number, path, picture, pointer, text

from deploy import bundle
from deploy.card import STATUS
from deploy.settings import FILE_NAME

OURS = (FILE_NAME, bundle.CA, bundle.CERTIFICATE, bundle.KEY, bundle.COMMAND_KEY, STATUS)
SYSTEM = ("bedside.toml.example", "cmdline.txt", "config.txt", "initrd.img", "vmlinuz")
_LEFT, _TOP, _WIDTH, _ROW = 20, 20, 430, 30


def draw() -> str:
    """A window like every file browser's, and three notes beside it."""
    rows = (*OURS, *SYSTEM, "…")
    height = 76 + len(rows) * _ROW
    shapes = [
        box(_LEFT, _TOP, _WIDTH, height, fill="#fbfcfd", stroke=LINE, round_=8),
        path(f"M{_LEFT} {_TOP + 38} H{_LEFT + _WIDTH}", stroke=LINE),
        *(circle(_LEFT + 20 + 18 * one, _TOP + 19, 5, fill=LINE, stroke="none") for one in range(3)),
        text(_LEFT + _WIDTH / 2, _TOP + 25, "BEDSIDE", anchor="middle", bold=True),
        text(_LEFT + 50, _TOP + 60, "Name", size=13, fill=SOFT),
    ]
    at = {}
    for row, name in enumerate(rows):
        y = _TOP + 84 + row * _ROW
        at[name] = y
        ours = name in OURS
        if name == FILE_NAME:
            shapes.append(box(_LEFT + 8, y - 19, _WIDTH - 16, 27, fill="#dbe9fb", stroke="none", round_=4))
        shapes.append(_sheet(_LEFT + 22, y - 14, INK if ours else LINE))
        shapes.append(text(_LEFT + 50, y, name, fill=INK if ours else SOFT))
    bundle_y = (at[bundle.CERTIFICATE] + at[bundle.KEY]) / 2
    notes = (
        (at[FILE_NAME], "Edit this one", "with any plain text editor, or copy", "the one the hub has made."),
        (bundle_y, "Copy these beside it", "as they came from the hub.", "Do not open or rename them."),
        (at[STATUS], "Read this one", "when the light counts flashes.", "The box writes it."),
        (at["initrd.img"], "Leave the rest alone", "It is the system."),
    )
    x = _LEFT + _WIDTH + 60
    for count, (y, head, *lines) in enumerate(notes, 1):
        shapes += [
            pointer(x - 14, y - 5, _LEFT + _WIDTH - 24, y - 5),
            number(x, y - 5, count),
            text(x + 22, y, head, bold=True),
            *(text(x + 22, y + 20 + 18 * row, line, size=14, fill=SOFT) for row, line in enumerate(lines)),
        ]
    shapes.append(_bracket(_LEFT + _WIDTH - 34, at[bundle.CA] - 16, at[bundle.COMMAND_KEY] + 6))
    return picture(800, _TOP + height + 20, "The card's partition BEDSIDE in a file browser", shapes)


def _sheet(x: float, y: float, stroke: str) -> str:
    return path(f"M{x} {y} h10 l6 6 v12 h-16 z M{x + 10} {y} v6 h6", stroke=stroke, fill="#ffffff")


def _bracket(x: float, top: float, bottom: float) -> str:
    return path(f"M{x} {top} h10 V{bottom} h-10", stroke=MARK)
