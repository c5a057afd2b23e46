"""The hub's tables. Times are seconds since 1970 in UTC by the hub's clock, as floats.

`revision` on a row is the board's: every transaction that changes what the board shows takes the next
number, so "all that changed since number N" is one query, also after a reload or a night's sleep.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    UniqueConstraint,
    false,
    func,
    literal,
    or_,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hub.alerts import ENDED, TECHNICAL

CANARY = "hub.canary"
"""Ward and name of the hub's own device (hub.canary), which is on no board; no other may have that ward."""


class Base(DeclarativeBase):
    """Root of the schema. What is changed here needs a revision in hub/migrations, too."""

    # Devices count to 2**53. SQLite has one kind of whole number, of 64 bits, and calls it INTEGER.
    type_annotation_map: ClassVar = {int: BigInteger().with_variant(Integer(), "sqlite")}


class Device(Base):
    """A bedside device and the latest of everything it said; one tile of the board."""

    __tablename__ = "devices"
    __table_args__ = (UniqueConstraint("ward", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    ward: Mapped[str]
    name: Mapped[str]
    bed: Mapped[str]
    status: Mapped[str]  # online, offline; "unknown" until its first state
    status_at: Mapped[float]  # since when it is so
    status_reason: Mapped[str]
    microphone: Mapped[str]  # edge.messages.MICROPHONE_STATES, or "unknown"
    microphone_at: Mapped[float]  # since when it is so
    heard_at: Mapped[float]
    model: Mapped[str | None]
    model_refused: Mapped[str | None]  # why it is not the configured one
    software: Mapped[str | None]
    emotion: Mapped[str | None]
    emotion_at: Mapped[float | None]
    distress: Mapped[float | None]
    level_db: Mapped[float | None]
    outbox: Mapped[int | None]
    clock_off_at: Mapped[float | None]  # since when its clock has not been synchronised
    clock_apart_s: Mapped[float | None]  # how far the hub's clock is before its synchronised one
    storage_refused_at: Mapped[float | None]  # since when its disk has taken no message
    disk_free_mb: Mapped[float | None]
    certificate_days: Mapped[float | None]
    temperature_c: Mapped[float | None]
    due_at: Mapped[float | None] = mapped_column(index=True)  # when the alert engine must look again
    muted_until: Mapped[float | None]  # in force while that is still to come
    muted_by: Mapped[str | None]
    muted_reason: Mapped[str | None]
    changes: Mapped[int] = mapped_column(server_default="0")  # how many rows `states` has had of it
    revision: Mapped[int] = mapped_column(index=True)


class StateRow(Base):
    """A change of a device's link, microphone or bed: what was not heard where, and why (hub.states)."""

    __tablename__ = "states"
    __table_args__ = (Index("states_by_time", "device_id", "at"),)
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)  # counts up; the newest only are kept
    at: Mapped[float]  # from when on it was so
    link: Mapped[str]  # online, offline, silent; deaf: it was the hub that did not listen
    microphone: Mapped[str]  # as in Device
    reason: Mapped[str]  # the device's or the broker's word, often empty
    bed: Mapped[str] = mapped_column(server_default="")  # where the device stood


class Boot(Base):
    """One start of a device's daemon; `origin` is the hub's time at that daemon's millisecond 0.

    `live`: known from messages that cannot have waited (hub.time_lines).
    """

    __tablename__ = "boots"
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    boot_id: Mapped[str] = mapped_column(primary_key=True)
    origin: Mapped[float]
    live: Mapped[bool] = mapped_column(server_default=false())


class Held(Base):
    """A run of sequence numbers of one boot that are on disk; outlives the records themselves."""

    __tablename__ = "held"
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    boot_id: Mapped[str] = mapped_column(primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int]


class Record(Base):
    """A durable message as it came; `at` is when it was made, `received_at` when it reached the hub."""

    __tablename__ = "records"
    __table_args__ = (
        UniqueConstraint("device_id", "boot_id", "seq"),
        Index("records_by_time", "device_id", "at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"))
    boot_id: Mapped[str]
    seq: Mapped[int]
    kind: Mapped[str]
    at: Mapped[float]
    received_at: Mapped[float]
    body: Mapped[str]


class Reject(Base):
    """A message that breaks the contract, kept aside for the administrator; the newest only."""

    __tablename__ = "rejects"
    id: Mapped[int] = mapped_column(primary_key=True)
    received_at: Mapped[float]
    topic: Mapped[str]
    reason: Mapped[str]
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class Counter(Base):
    """A named whole number: revision, cursor (the engine's place in records), inbox, and counts of messages.

    `inbox` waits in ingest; `records` are kept, `dropped` live ones a full inbox refused, `given_up` those
    devices no longer had, `rejects` what broke the contract.
    """

    __tablename__ = "counters"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int]


class Process(Base):
    """A process's sign of life; `since` is from when on it has been able to do its work."""

    __tablename__ = "processes"
    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[float]
    working: Mapped[bool]
    since: Mapped[float]


class EpisodeRow(Base):
    """The join of an episode's messages (hub.alerts.Episode) and the alert it belongs to."""

    __tablename__ = "episodes"
    __table_args__ = (
        Index("episodes_by_end", "device_id", "last_at"),
        Index("episodes_by_arrival", "device_id", "received_at"),
    )
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    onset_at: Mapped[float]
    last_at: Mapped[float]
    seq: Mapped[int]
    ended: Mapped[bool]
    emotion: Mapped[str]
    distress: Mapped[float]
    peak: Mapped[float]
    level_db: Mapped[float]
    reason: Mapped[str]
    received_at: Mapped[float]
    lag_s: Mapped[float]
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("alerts.id"), index=True)


class AlertRow(Base):
    """An alert. The engine writes the condition, people the acknowledgement; neither touches the other."""

    __tablename__ = "alerts"
    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[int | None] = mapped_column(ForeignKey("devices.id"), index=True)  # None: the hub
    ward: Mapped[str]
    bed: Mapped[str]  # where the device stood when the alert was raised
    kind: Mapped[str]  # distress; link, microphone, hub
    anchor: Mapped[str]  # the episode it was raised for
    priority: Mapped[str]
    condition: Mapped[str]
    missed: Mapped[bool]
    opened_at: Mapped[float]
    raised_at: Mapped[float]
    high_at: Mapped[float | None]  # from when on its priority was high
    ended_at: Mapped[float | None]
    episodes: Mapped[int]
    emotion: Mapped[str]
    peak: Mapped[float]
    level_db: Mapped[float | None]
    reason: Mapped[str]
    fault: Mapped[str] = mapped_column(server_default="")  # a technical alert's cause: hub.faults.CAUSES
    fault_values: Mapped[str] = mapped_column(server_default="{}")  # JSON
    merged_into: Mapped[int | None]
    accepted_by: Mapped[str | None]
    accepted_at: Mapped[float | None]
    closed_by: Mapped[str | None]
    closed_at: Mapped[float | None]
    outcome: Mapped[str | None]
    level: Mapped[int] = mapped_column(server_default="0")  # who has been called: hub.escalation
    calls: Mapped[int] = mapped_column(server_default="0")
    call_at: Mapped[float | None] = mapped_column(index=True)  # when the engine must look who is called next
    paused_until: Mapped[float | None]
    paused_by: Mapped[str | None]
    shown_at: Mapped[float | None]  # when a board first told that it shows it
    revision: Mapped[int] = mapped_column(index=True)


def _fixed(value: float | str) -> Any:
    """A value that stands in the statement itself: with a parameter no partial index would be used."""
    return literal(value, literal_execute=True)


ALIVE = AlertRow.merged_into.is_(None) & or_(
    AlertRow.condition != _fixed(ENDED),
    AlertRow.closed_at.is_(None) & (AlertRow.priority != _fixed(TECHNICAL)),
)
"""Alerts that wait for somebody, or whose condition goes on; found by it among all that are over."""
EPISODE_OF_ANCHOR = func.substr(AlertRow.anchor, _fixed(1), _fixed(32))
"""The episode of an alert's anchor, which may name a stretch of it (hub.alerts.root)."""
END_OF_CONDITION = func.coalesce(AlertRow.ended_at, AlertRow.closed_at, _fixed(1e12))
"""When an alert's condition ended, as far as is known; while it goes on, later than any time."""
Index("alerts_alive", AlertRow.device_id, sqlite_where=ALIVE, postgresql_where=ALIVE)
Index("alerts_by_anchor", AlertRow.device_id, EPISODE_OF_ANCHOR)
Index("alerts_by_end", AlertRow.device_id, END_OF_CONDITION)


class MuteRow(Base):
    """A stretch of time in which a bed's distress neither sounds nor calls anybody."""

    __tablename__ = "mutes"
    __table_args__ = (Index("mutes_by_device", "device_id", "end_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"))
    start_at: Mapped[float]
    end_at: Mapped[float]  # planned, or when it was lifted
    person: Mapped[str]
    reason: Mapped[str]
    lifted_by: Mapped[str | None]


class ActionRow(Base):
    """What a person did about an alert; append-only, which triggers enforce."""

    __tablename__ = "actions"
    __table_args__ = (Index("actions_by_alert", "alert_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("alerts.id"))
    at: Mapped[float]
    person: Mapped[str]
    action: Mapped[str]  # accept, close
    outcome: Mapped[str | None]


class AuditRow(Base):
    """Who did what to what, each chained to the one before (hub.audit); append-only by triggers."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_by_object", "object", "at"),)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[float]
    person: Mapped[str]
    role: Mapped[str]
    action: Mapped[str]
    object: Mapped[str]
    details: Mapped[str]  # JSON
    previous: Mapped[str]
    hash: Mapped[str]
