"""The tables of who is told of alerts: boards, people outside, and how it went."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from hub.tables import Base


class DeliveryRow(Base):
    """What one recipient is told of one alert: of a call, or that it is over (hub.delivery)."""

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("alert_id", "made_at", "channel", "recipient", "kind"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("alerts.id"))
    call: Mapped[int]  # which call to the alert; one made again after a mute has the number again
    level: Mapped[int]
    kind: Mapped[str]  # call, over
    channel: Mapped[str]  # board, push, mail
    recipient: Mapped[str]  # the name in the configuration; of boards the ward
    state: Mapped[str]  # pending, delivered, seen (by a board), failed, cancelled
    open: Mapped[bool]  # hub.push still has to do with it
    told: Mapped[bool]  # the recipient may have heard of the alert
    made_at: Mapped[float]
    due_at: Mapped[float | None]  # of the next attempt
    attempts: Mapped[int]
    message: Mapped[str | None]  # the idempotency key it was sent with
    done_at: Mapped[float | None]
    seen_by: Mapped[str | None]  # the board that first showed it
    error: Mapped[str]  # why the last attempt failed


_STILL_OPEN = DeliveryRow.open.is_(true())
Index("deliveries_open", DeliveryRow.recipient, sqlite_where=_STILL_OPEN, postgresql_where=_STILL_OPEN)


class RecipientRow(Base):
    """How it went with somebody outside lately."""

    __tablename__ = "recipients"
    channel: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    tried_at: Mapped[float]
    reached_at: Mapped[float | None]
    failing_since: Mapped[float | None]
    error: Mapped[str]


class BoardRow(Base):
    """A page with a board, by a number it gives itself, and its last words (hub.boards)."""

    __tablename__ = "boards"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]  # whose login it is, or its address
    wards: Mapped[str]  # a JSON list of those it shows; empty for all
    heard_at: Mapped[float]
    shown_at: Mapped[float | None]  # when it last was in front, live
    sounded_at: Mapped[float | None]  # when its sound last was on
