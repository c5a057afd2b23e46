"""Makes the pictures in deploy/README.md: `make pictures`.

Those that are drawn are the same on every machine; the board's are taken from a running hub and bed.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("hub", "edge")]

import picture_box
import picture_card
import picture_light

PICTURES = Path(__file__).parents[2] / "deploy" / "pictures"
DRAWN = {"card.svg": picture_card.draw, "box.svg": picture_box.draw, "light.svg": picture_light.draw}


def main() -> int:
    """Write all of them, print their paths."""
    import picture_board

    PICTURES.mkdir(exist_ok=True)
    for name, draw in DRAWN.items():
        (PICTURES / name).write_text(draw(), encoding="utf-8")
        print(PICTURES / name)
    picture_board.take(PICTURES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
