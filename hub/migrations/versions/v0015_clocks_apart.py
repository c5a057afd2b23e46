"""Whether a start's place in time is known from live messages; how far two clocks are apart."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Adds the columns; of starts from before it is not known until they are heard live."""
    op.add_column("boots", sa.Column("live", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("devices", sa.Column("clock_apart_s", sa.Double(), nullable=True))
