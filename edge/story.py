"""What became of each message of an episode, for the journal: `journalctl EPISODE=ID` tells it whole."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from edge.entry import Entry, Key
from edge.errors import MessageError
from edge.messages import Episode, Receipt, Stamp, from_json

log = logging.getLogger(__name__)

_KEPT = 1000  # messages without receipt that are remembered; of more only the receipt goes untold


@dataclass(frozen=True, slots=True)
class _Sent:
    episode: str
    phase: str
    made_ms: int


class Story:
    """Follows messages of episodes from the first sending to the hub's receipt, over all connections."""

    def __init__(self) -> None:
        self._sent: dict[Key, _Sent] = {}

    def sent(self, entry: Entry) -> None:
        """The entry has been given to the broker, for the first time or again."""
        if entry.kind != Episode.kind or entry.key in self._sent:
            return
        try:
            message = from_json(Episode, entry.body)
        except MessageError:  # of another version; it is delivered all the same
            return
        if len(self._sent) >= _KEPT:
            self._sent.pop(next(iter(self._sent)))
        self._sent[entry.key] = _Sent(message.episode, message.phase, message.stamp.mono_ms)
        log.info("episode %s: sent to the broker", message.phase, extra={"EPISODE": message.episode})

    def received(self, receipt: Receipt, now: Stamp) -> None:
        """The hub has what the receipt says, at `now`."""
        for key, sent in list(self._sent.items()):
            if not receipt.confirms(*key):
                continue
            del self._sent[key]
            # Of an earlier start nobody knows how long ago: the time line began anew.
            after = (
                f", {(now.mono_ms - sent.made_ms) / 1000:.1f} s after it was judged"
                if receipt.boot_id == now.boot_id
                else ""
            )
            log.info("episode %s: the hub has it%s", sent.phase, after, extra={"EPISODE": sent.episode})
