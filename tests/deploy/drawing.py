"""SVG as text: the few shapes that the guide's pictures need, in one look."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

INK, SOFT, LINE, GROUND = "#1f2933", "#6b7785", "#c3cbd4", "#ffffff"
GREEN, MARK = "#2f9e44", "#1c5fb0"
FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', sans-serif"


def picture(width: int, height: int, title: str, shapes: Iterable[str]) -> str:
    """A whole file, on white ground so that it can be read on a dark page too."""
    body = "\n".join(f"  {shape}" for shape in shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" role="img" font-family="{escape(FONT)}" font-size="15" fill="{INK}">\n'
        f"  <title>{escape(title)}</title>\n"
        f"  {box(0, 0, width, height, fill=GROUND, stroke='none')}\n{body}\n</svg>\n"
    )


def box(x: float, y: float, width: float, height: float, *, fill: str = "none", stroke: str = INK,
        round_: float = 0, dashed: bool = False, thick: float = 1.5) -> str:  # fmt: skip
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{round_:g}" fill="{fill}"'
        f' stroke="{stroke}" stroke-width="{thick:g}"{dash}/>'
    )


def text(x: float, y: float, words: str, *, size: float = 15, fill: str = INK, anchor: str = "start",
         bold: bool = False) -> str:  # fmt: skip
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{fill}" text-anchor="{anchor}"{weight}>'
        f"{escape(words)}</text>"
    )


def circle(x: float, y: float, radius: float, *, fill: str = "none", stroke: str = INK) -> str:
    return (
        f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{fill}" stroke="{stroke}" stroke-width="1.5"/>'
    )


def path(shape: str, *, stroke: str = INK, fill: str = "none", thick: float = 1.5) -> str:
    return f'<path d="{shape}" fill="{fill}" stroke="{stroke}" stroke-width="{thick:g}"/>'


def number(x: float, y: float, count: int) -> str:
    """A numbered mark, as the words beside a picture use it."""
    return circle(x, y, 12, fill=MARK, stroke="none") + text(
        x, y + 5, str(count), fill="#ffffff", anchor="middle", bold=True
    )


def pointer(x: float, y: float, to_x: float, to_y: float) -> str:
    """A line that ends in a dot where it points to."""
    return path(f"M{x:g} {y:g} L{to_x:g} {to_y:g}", stroke=MARK) + circle(
        to_x, to_y, 3, fill=MARK, stroke="none"
    )
