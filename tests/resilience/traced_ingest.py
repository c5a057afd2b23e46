"""The hub's ingest at work, for the power-cut test: it says on standard output which receipts it would send.

Usage: traced_ingest.py CONFIG COUNT. Lines: `begin BOOT SEQ ID` and `receipted BOOT FIRST LAST`.
"""

import dataclasses
import os
import sys

from edge.clock import Clock, new_id
from edge.messages import Summary, to_json
from edge.topics import Address
from hub.arrivals import Arrival
from hub.config import load
from hub.ingest import Ingest
from hub.store import open_store

_CLOCK = Clock()
_EMOTIONS = {"angry": 5, "calm": 9, "fearful": 17, "neutral": 3, "sad": 26}
_AT = 1.8e9
_SIZES = (1, 7, 2, 30, 1, 1, 12)


def main(config: str, count: int) -> None:
    """Two starts of the hub, one after the other, over one database; commits of several sizes."""
    settings = load(config)
    for boot_id in (new_id(), new_id()):
        store = open_store(settings)
        ingest = Ingest(settings, store, lambda: _AT)
        address = Address(settings.site, "ward-1", "bed-1")
        seq = 0
        for turn in range(count):
            batch = []
            for _ in range(_SIZES[turn % len(_SIZES)]):
                seq += 1
                batch.append(_arrival(address, boot_id, seq))
            for _, receipt in ingest.commit(batch):
                _say("receipted", receipt.boot_id, 1, receipt.upto_seq)
                if receipt.gaps:
                    raise SystemExit("a receipt with gaps, although nothing was left out")
        store.close()


def _arrival(address: Address, boot_id: str, seq: int) -> Arrival:
    message = Summary(
        id=new_id(), seq=seq, seconds=60.0, speech_s=21.5, emotions=_EMOTIONS, distress_mean=0.31,
        distress_peak=0.7, level_mean_db=-52.5, level_peak_db=-28.0,
        stamp=dataclasses.replace(_CLOCK.stamp(), boot_id=boot_id),
    )  # fmt: skip
    _say("begin", boot_id, seq, message.id)
    return Arrival(address.topic("summary"), to_json(message), retained=False, at=_AT)


def _say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
