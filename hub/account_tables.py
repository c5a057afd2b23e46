"""The tables of people, what they log in with, and patients; the rest of the schema is hub.tables."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from hub.tables import Base


class PersonRow(Base):
    """Somebody with an account; `login` is the name as hub.accounts.login_name makes it."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    login: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    wards: Mapped[str]  # a JSON list; empty for all
    password: Mapped[str]  # argon2id
    made_at: Mapped[float]
    disabled_at: Mapped[float | None]
    pin: Mapped[str | None]  # argon2id; for wards' tablets
    pin_used_at: Mapped[float | None]


class InvitationRow(Base):
    """A code, kept as its hash, with which a person sets a password; gone once used."""

    __tablename__ = "invitations"
    key: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    login: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    wards: Mapped[str]
    end_at: Mapped[float]


class SessionRow(Base):
    """A login, by the hash of its cookie."""

    __tablename__ = "sessions"
    key: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    made_at: Mapped[float]
    seen_at: Mapped[float]  # last used, to the minute


class TabletRow(Base):
    """A browser that a ward shares, by the hash of its cookie, and who has given a PIN there last."""

    __tablename__ = "tablets"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    ward: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[float]
    seen_at: Mapped[float]  # last used, to the minute
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    person_until: Mapped[float | None]  # so long that person needs no PIN again


class PatientRow(Base):
    """Who lies where a device stands: nowhere else but here, and only as long as the device stays there."""

    __tablename__ = "patients"
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"), primary_key=True, autoincrement=False)
    bed: Mapped[str]  # where the device stood when the name was entered
    name: Mapped[str]
    set_by: Mapped[str]
    set_at: Mapped[float]


class FailureRow(Base):
    """Wrong passwords for an account or from an address, wrong PINs of a person or on a tablet.

    By the hash of whose they are; gone after some hours.
    """

    __tablename__ = "login_failures"
    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[float]
