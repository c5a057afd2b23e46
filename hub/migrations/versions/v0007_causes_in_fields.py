"""A technical alert's cause as a code and values, so that the board says it in every language."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Adds the columns; what is open gets them from the engine, what is over keeps its English sentence."""
    op.add_column("alerts", sa.Column("fault", sa.String(), nullable=False, server_default=""))
    op.add_column("alerts", sa.Column("fault_values", sa.String(), nullable=False, server_default="{}"))
