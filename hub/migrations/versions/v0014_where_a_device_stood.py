"""Where a device stood when its link or microphone changed."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Adds the column; of moves from before nothing is known, so a device stood where it stands now."""
    op.add_column("states", sa.Column("bed", sa.String(), nullable=False, server_default=""))
    op.execute("UPDATE states SET bed = (SELECT bed FROM devices WHERE devices.id = states.device_id)")
