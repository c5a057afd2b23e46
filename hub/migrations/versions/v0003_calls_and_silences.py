"""Who has been called to an alert and when the next call comes; pauses of alerts and mutes of beds."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds the columns and the table. Every alert is looked at once: whoever must hear of it is called."""
    whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    for name in ("level", "calls"):
        op.add_column("alerts", sa.Column(name, whole, nullable=False, server_default="0"))
    op.add_column("alerts", sa.Column("call_at", sa.Double(), nullable=True))
    op.add_column("alerts", sa.Column("paused_until", sa.Double(), nullable=True))
    op.add_column("alerts", sa.Column("paused_by", sa.String(), nullable=True))
    op.create_index("ix_alerts_call_at", "alerts", ["call_at"])
    op.execute("UPDATE alerts SET call_at = raised_at")
    op.add_column("devices", sa.Column("muted_until", sa.Double(), nullable=True))
    op.add_column("devices", sa.Column("muted_by", sa.String(), nullable=True))
    op.add_column("devices", sa.Column("muted_reason", sa.String(), nullable=True))
    op.create_table(
        "mutes",
        sa.Column("id", whole, primary_key=True),
        sa.Column("device_id", whole, sa.ForeignKey("devices.id"), nullable=False),
        sa.Column("start_at", sa.Double(), nullable=False),
        sa.Column("end_at", sa.Double(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("lifted_by", sa.String(), nullable=True),
    )
    op.create_index("mutes_by_device", "mutes", ["device_id", "end_at"])
