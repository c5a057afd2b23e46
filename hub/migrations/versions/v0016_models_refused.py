"""Why a device does not run the model it is configured to run."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Adds the column; every device says it with its next state."""
    op.add_column("devices", sa.Column("model_refused", sa.String(), nullable=True))
