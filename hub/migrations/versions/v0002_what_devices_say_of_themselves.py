"""What devices say of their clock, disk and certificates, for technical alarms."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the columns, empty until each device's next message."""
    for name in ("clock_off_at", "storage_refused_at", "disk_free_mb", "certificate_days"):
        op.add_column("devices", sa.Column(name, sa.Double(), nullable=True))
