"""Who has been told of each call; how it goes with whom outside; which boards there are."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Adds the tables. Alerts from before count as shown: nobody could tell the hub then."""
    whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("alerts", sa.Column("shown_at", sa.Double(), nullable=True))
    op.execute("UPDATE alerts SET shown_at = raised_at")
    op.create_table(
        "deliveries",
        sa.Column("id", whole, primary_key=True),
        sa.Column("alert_id", whole, sa.ForeignKey("alerts.id"), nullable=False),
        sa.Column("call", whole, nullable=False),
        sa.Column("level", whole, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=True),
        sa.Column("attempts", whole, nullable=False),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("done_at", sa.Double(), nullable=True),
        sa.Column("seen_by", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.UniqueConstraint("alert_id", "made_at", "channel", "recipient", "kind"),
    )
    still = sa.text("open")
    op.create_index(
        "deliveries_open", "deliveries", ["recipient"], sqlite_where=still, postgresql_where=still
    )
    op.create_table(
        "recipients",
        sa.Column("channel", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("tried_at", sa.Double(), nullable=False),
        sa.Column("reached_at", sa.Double(), nullable=True),
        sa.Column("failing_since", sa.Double(), nullable=True),
        sa.Column("error", sa.String(), nullable=False),
    )
    op.create_table(
        "boards",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("wards", sa.String(), nullable=False),
        sa.Column("heard_at", sa.Double(), nullable=False),
        sa.Column("shown_at", sa.Double(), nullable=True),
        sa.Column("sounded_at", sa.Double(), nullable=True),
    )
