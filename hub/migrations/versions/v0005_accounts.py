"""People, invitations, sessions and wrong passwords."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes the tables; nobody has an account yet."""
    whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "people",
        sa.Column("id", whole, primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("login", sa.String(), nullable=False, unique=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("wards", sa.String(), nullable=False),
        sa.Column("password", sa.String(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("disabled_at", sa.Double(), nullable=True),
    )
    op.create_table(
        "invitations",
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("login", sa.String(), nullable=False, unique=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("wards", sa.String(), nullable=False),
        sa.Column("end_at", sa.Double(), nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("person_id", whole, sa.ForeignKey("people.id"), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
    )
    op.create_index("ix_sessions_person_id", "sessions", ["person_id"])
    op.create_table(
        "login_failures",
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("failures", whole, nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
    )
