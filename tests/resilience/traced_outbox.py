"""A device's outbox at work, for the power-cut test: it says on standard output what it has promised.

Usage: traced_outbox.py FOLDER COUNT. Lines: `begin BOOT SEQ ID`, `stored BOOT SEQ`, `receipt BOOT UPTO FIRST
LAST`, where FIRST to LAST is the gap. The hub receipts most messages, so that the database shrinks as well.
"""

import os
import random
import sys
from pathlib import Path

from edge.clock import Clock, new_id
from edge.messages import Durable, Episode, Receipt, Summary
from edge.outbox import Outbox

_CLOCK = Clock()
_EMOTIONS = {"angry": 5, "calm": 9, "fearful": 17, "neutral": 3, "sad": 26}


def main(folder: Path, count: int) -> None:
    """Two starts of the device, one after the other, over one database."""
    dice = random.Random(5)
    for boot_id in (new_id(), new_id()):
        box = Outbox(folder, boot_id)
        for number in range(1, count + 1):
            _append(box, boot_id, is_episode=dice.random() < 0.5)
            if dice.random() < 0.15:
                first = dice.randint(1, number)
                gap = (first, min(number, first + dice.randint(0, 20)))
                _say("receipt", boot_id, number, *gap)
                box.receive(Receipt(boot_id=boot_id, upto_seq=number, gaps=(gap,)))
        box.close()


def _append(box: Outbox, boot_id: str, *, is_episode: bool) -> None:
    def build(seq: int) -> Durable:
        message = _episode(seq) if is_episode else _summary(seq)
        _say("begin", boot_id, seq, message.id)
        return message

    _say("stored", boot_id, box.append(build).seq)


def _say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def _episode(seq: int) -> Episode:
    return Episode(
        id=new_id(), seq=seq, episode=new_id(), phase="onset", emotion="fearful", distress=0.9, peak=0.95,
        duration_s=6.0, level_db=-31.5, reason="fearful and loud for 6 s", stamp=_CLOCK.stamp(),
    )  # fmt: skip


def _summary(seq: int) -> Summary:
    return Summary(
        id=new_id(), seq=seq, seconds=60.0, speech_s=21.5, emotions=_EMOTIONS, distress_mean=0.31,
        distress_peak=0.7, level_mean_db=-52.5, level_peak_db=-28.0, stamp=_CLOCK.stamp(),
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
