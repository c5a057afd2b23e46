"""Wards' shared tablets, PINs for them, and who lies in a bed."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Makes the tables; nobody has a PIN yet."""
    whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("people", sa.Column("pin", sa.String(), nullable=True))
    op.add_column("people", sa.Column("pin_used_at", sa.Double(), nullable=True))
    op.create_table(
        "tablets",
        sa.Column("id", whole, primary_key=True),
        sa.Column("key", sa.String(), nullable=False, unique=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("ward", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.Column("person_id", whole, sa.ForeignKey("people.id"), nullable=True),
        sa.Column("person_until", sa.Double(), nullable=True),
    )
    op.create_table(
        "patients",
        sa.Column("device_id", whole, sa.ForeignKey("devices.id"), primary_key=True, autoincrement=False),
        sa.Column("bed", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.Column("set_at", sa.Double(), nullable=False),
    )
