"""An index by which alerts near a moment are found among a year of others."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Makes it."""
    end = sa.text("coalesce(ended_at, closed_at, 1000000000000.0)")
    op.create_index("alerts_by_end", "alerts", ["device_id", end])
