"""Changes of each device's link and microphone; indexes for one bed's day among a month of all beds."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_FIRST = """
INSERT INTO states (device_id, number, at, link, microphone, reason)
SELECT id, 1, CASE WHEN microphone_at > status_at THEN microphone_at ELSE status_at END,
       CASE WHEN status = 'offline' AND heard_at <= status_at THEN 'offline' ELSE 'online' END,
       microphone, status_reason
FROM devices
"""


def upgrade() -> None:
    """Makes the table, with what is known of each device now as its first row, and the indexes."""
    whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("devices", sa.Column("changes", whole, nullable=False, server_default="0"))
    op.add_column("devices", sa.Column("temperature_c", sa.Double(), nullable=True))
    op.create_table(
        "states",
        sa.Column("device_id", whole, sa.ForeignKey("devices.id"), primary_key=True),
        sa.Column("number", whole, primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("link", "microphone", "reason")),
    )
    op.create_index("states_by_time", "states", ["device_id", "at"])
    op.execute(_FIRST)
    op.execute("UPDATE devices SET changes = 1")
    op.create_index("records_by_time", "records", ["device_id", "at"])
    op.create_index("audit_by_object", "audit", ["object", "at"])
