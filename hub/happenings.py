"""What happened at a bed and who did what: one list out of alerts, deeds, mutes and states. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hub.alerts import MEDIUM
from hub.delivery import BOARD
from hub.escalation import LEVELS
from hub.states import ONLINE, Change

MOST_STATES = 200
"""Changes of link and microphone in one list; the newest."""

ALERT_ACTS = ("accept", "close", "pause")


@dataclass(frozen=True, slots=True)
class Act:
    """A deed of the audit log; `alert` is the alert's number, None for one at the bed itself."""

    at: float
    person: str
    action: str
    alert: int | None
    details: dict[str, Any]


def act(at: float, person: str, action: str, about: str, details: str) -> Act:
    """A row of the audit log about `alert N` or `device N`."""
    kind, _, number = about.partition(" ")
    return Act(at, person, action, int(number) if kind == "alert" else None, json.loads(details))


def told(
    alerts: Sequence[dict[str, Any]],
    acts: Sequence[Act],
    calls: Sequence[dict[str, Any]],
    mutes: Sequence[dict[str, Any]],
    changes: Sequence[Change],
    bed: str,
    episodes: Sequence[dict[str, Any]],
    start: float,
    end: float,
) -> list[dict[str, Any]]:
    """All of it at the bed within [start, end], newest first, each with `at` and, in a word, `what`."""
    found = [
        *(entry for alert in alerts for entry in _of_alert(alert, acts)),
        *(_of_act(one) for one in acts),
        *_of_calls(calls, {alert["id"]: alert["accepted_at"] for alert in alerts}),
        *_of_mutes(mutes),
        *_of_changes(changes, bed),
        *({**one, "at": one["onset_at"], "what": "episode"} for one in episodes if one["alert_id"] is None),
    ]
    return sorted((one for one in found if start <= one["at"] <= end), key=lambda one: one["at"])[::-1]


def _of_alert(alert: dict[str, Any], acts: Iterable[Act]) -> Iterator[dict[str, Any]]:
    """What the engine did; and what people did where the audit log does not tell of it, being younger."""
    rose = alert["high_at"] is not None and alert["high_at"] > alert["raised_at"]
    priority = MEDIUM if rose else alert["priority"]
    yield {"at": alert["raised_at"], "what": "raised", "alert": alert["id"], "priority": priority}
    if rose:
        yield {"at": alert["high_at"], "what": "high", "alert": alert["id"]}
    if alert["state"] == "resolved":
        yield {"at": alert["ended_at"], "what": "resolved", "alert": alert["id"]}
    written = {one.action for one in acts if one.alert == alert["id"]}
    for action, who, at in (("accept", "accepted_by", "accepted_at"), ("close", "closed_by", "closed_at")):
        if alert[at] is not None and action not in written:
            deed = {"at": alert[at], "what": action, "person": alert[who], "alert": alert["id"]}
            yield deed | ({"outcome": alert["outcome"]} if action == "close" else {})


def _of_act(one: Act) -> dict[str, Any]:
    deed: dict[str, Any] = {"at": one.at, "what": one.action, "person": one.person}
    if one.alert is not None:
        deed["alert"] = one.alert
    return deed | {key: one.details[key] for key in ("outcome", "minutes", "reason") if key in one.details}


def _of_calls(
    calls: Iterable[dict[str, Any]], accepted: Mapping[int, float | None]
) -> Iterator[dict[str, Any]]:
    """Each level and each recipient outside once, and once more where somebody accepted and did not come."""
    told = set()
    for one in calls:
        accepted_at = accepted.get(one["alert_id"])
        anew = accepted_at is not None and one["made_at"] > accepted_at
        inside = one["channel"] == BOARD
        key = (one["alert_id"], one["level"] if inside else (one["channel"], one["recipient"]), anew)
        if key in told:
            continue
        told.add(key)
        entry = {"at": one["made_at"], "alert": one["alert_id"]}
        if inside:
            yield entry | {"what": "called", "level": LEVELS[one["level"]]}
        else:
            yield entry | {"what": "outside", "name": one["recipient"], "state": one["state"]}


def _of_mutes(mutes: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Their ends, where nobody lifted them; their beginnings are deeds."""
    for one in mutes:
        if one["lifted_by"] is None:
            yield {"at": one["end_at"], "what": "mute over"}


def _of_changes(changes: Sequence[Change], bed: str) -> list[dict[str, Any]]:
    """Of the device's bed, link, or of the microphone where the link stayed; not what it began with."""
    found: list[dict[str, Any]] = []
    for before, change in pairwise(changes):
        is_here = change.stood_at(bed)
        if "" != before.bed != change.bed and (is_here or before.stood_at(bed)):
            found.append({"at": change.at, "what": "moved", "from_bed": before.bed, "to_bed": change.bed})
        if is_here and (change.link, change.microphone) != (before.link, before.microphone):
            what = "microphone" if change.link == before.link == ONLINE else change.link
            entry = {"at": change.at, "what": what, "microphone": change.microphone, "reason": change.reason}
            found.append(entry)
    return found[-MOST_STATES:]
