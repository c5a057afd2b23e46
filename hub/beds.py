"""What is known of beds' distress and can still change an alert: out of the database for the engine.

An alert comes with all its episodes or with none: what is left of one whose anchor is not there would be
raised again. The statements are made once: in a flood the engine asks several times a second for hundreds
of beds, and making a statement would take longer than running it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, cast, null, select, union

from hub.alerts import Episode, Shown, Timers
from hub.store import Pair, find_pairs, is_pair, pair_portions, portions
from hub.tables import ALIVE, END_OF_CONDITION, EPISODE_OF_ANCHOR, AlertRow, EpisodeRow

MEMORY_S = 3600.0  # older episodes belong to no alert that is not there yet

EPISODE_FIELDS = tuple(one.name for one in fields(Episode))
_COLUMNS: tuple[Any, ...] = tuple(getattr(EpisodeRow, name) for name in EPISODE_FIELDS)
_EPISODES = select(EpisodeRow.device_id, *_COLUMNS, EpisodeRow.alert_id)
_EPISODES_BY_PAIR = _EPISODES.where(is_pair(EpisodeRow.device_id, EpisodeRow.id))
_EPISODES_OF_ALERTS = _EPISODES.where(EpisodeRow.alert_id.in_(bindparam("alerts", expanding=True)))

_DEVICES: Any = bindparam("devices", expanding=True)
_RECENT = (  # each found by an index of its own
    (EpisodeRow.device_id.in_(_DEVICES), EpisodeRow.last_at >= bindparam("since")),
    (EpisodeRow.device_id.in_(_DEVICES), EpisodeRow.received_at >= bindparam("since")),
)
_KEYS = union(*(select(EpisodeRow.device_id, EpisodeRow.id).where(*one) for one in _RECENT)).subquery()
_RECENT_EPISODES = _EPISODES.join(
    _KEYS, and_(EpisodeRow.device_id == _KEYS.c.device_id, EpisodeRow.id == _KEYS.c.id)
)

_SHOWN = (AlertRow.kind == "distress", AlertRow.merged_into.is_(None))
_ALERTS_BY_PAIR = select(
    AlertRow.device_id,
    EPISODE_OF_ANCHOR.label("episode"),
    AlertRow.id,
    AlertRow.anchor,
    AlertRow.accepted_at,
    AlertRow.closed_at,
).where(*_SHOWN, is_pair(AlertRow.device_id, EPISODE_OF_ANCHOR))

_STRETCH_OF_ALERT = select(
    AlertRow.id, AlertRow.device_id, AlertRow.opened_at, END_OF_CONDITION.label("end_at")
).where(*_SHOWN)
_STRETCH_OF_EPISODE = select(
    cast(null(), AlertRow.id.type).label("id"),
    EpisodeRow.device_id,
    EpisodeRow.onset_at.label("opened_at"),
    EpisodeRow.last_at.label("end_at"),
)


def _in_reach(*seeds: Any) -> Select[int]:
    """Alerts in reach of these stretches of time of their beds, and whatever alert is in reach of one found.

    In reach is what may share an episode with the other, or count towards its priority: the two alerts of an
    episode that went on after a closing touch at that closing.
    """
    living = select(union(*seeds).cte("seeds")).cte("living", recursive=True)
    reach_s: Any = bindparam("reach_s")
    touches = (
        AlertRow.device_id == living.c.device_id,
        AlertRow.opened_at <= living.c.end_at + reach_s,
        living.c.opened_at - reach_s <= END_OF_CONDITION,
    )
    return select(living.union(_STRETCH_OF_ALERT.join(living, and_(*touches))).c.id)


_IN_REACH = _in_reach(
    _STRETCH_OF_ALERT.where(AlertRow.device_id.in_(_DEVICES), ALIVE),
    *(_STRETCH_OF_EPISODE.where(*one) for one in _RECENT),
)
_IN_REACH_OF_PAIRS = _in_reach(_STRETCH_OF_EPISODE.where(is_pair(EpisodeRow.device_id, EpisodeRow.id)))


@dataclass(frozen=True, slots=True)
class Bed:
    """What is known of a bed's distress: episodes, the alerts they may belong to, and who belongs where."""

    episodes: list[Episode] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    alert_of: dict[str, int | None] = field(default_factory=dict)


def episodes(connection: Connection, pairs: Collection[Pair]) -> dict[Pair, Episode]:
    """Those of these episodes that are known."""
    rows = find_pairs(connection, _EPISODES_BY_PAIR, pairs)
    return {(row.device_id, row.id): Episode(*row[1:-1]) for row in rows}


def load(
    connection: Connection, heard_of: Mapping[int, Collection[str]], now: float, timers: Timers
) -> dict[int, Bed]:
    """What can still change an alert of each of these devices; `heard_of`: episodes just taken in."""
    found: dict[int, Bed] = {device_id: Bed() for device_id in heard_of}
    pairs: set[Pair] = set()

    def keep(rows: Iterable[Any]) -> None:
        for row in rows:
            if (row.device_id, row.id) not in pairs:
                pairs.add((row.device_id, row.id))
                found[row.device_id].episodes.append(Episode(*row[1:-1]))
                found[row.device_id].alert_of[row.id] = row.alert_id

    reach = {"reach_s": max(timers.merge_s, timers.high_window_s)}
    recent = {"devices": list(heard_of), "since": now - MEMORY_S}
    keep(connection.execute(_RECENT_EPISODES, recent).all())
    late = {(device_id, name) for device_id, names in heard_of.items() for name in names} - pairs
    keep(find_pairs(connection, _EPISODES_BY_PAIR, late))
    alerts = set(connection.scalars(_IN_REACH, recent | reach))
    for some_late in pair_portions(late):
        alerts |= set(connection.scalars(_IN_REACH_OF_PAIRS, some_late | reach))
    # The alerts first, then their episodes: how few there are among all, PostgreSQL would not guess and read
    # every episode.
    for some in portions(alerts - {None}):
        keep(connection.execute(_EPISODES_OF_ALERTS, {"alerts": some}).all())
    for row in find_pairs(connection, _ALERTS_BY_PAIR, pairs):
        found[row.device_id].shown.append(Shown(*row[2:]))
    return found
