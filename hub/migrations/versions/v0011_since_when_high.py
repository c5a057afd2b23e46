"""From when on an alert's priority was high."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Adds the column; of alerts from before it is not known."""
    op.add_column("alerts", sa.Column("high_at", sa.Double(), nullable=True))
