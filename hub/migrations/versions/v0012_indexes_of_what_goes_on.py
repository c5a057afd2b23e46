"""Indexes by which statements of every second find what goes on among a year of what is over."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_ALIVE = "merged_into IS NULL AND (condition != 'ended' OR closed_at IS NULL AND priority != 'technical')"


def upgrade() -> None:
    """Makes them, and one anew that no statement could use."""
    op.drop_index("deliveries_open", "deliveries")
    _partial("deliveries_open", "deliveries", "recipient", sqlite="open IS 1", postgresql="open IS true")
    _partial("alerts_alive", "alerts", "device_id", sqlite=_ALIVE, postgresql=_ALIVE)
    op.create_index("alerts_by_anchor", "alerts", ["device_id", sa.text("substr(anchor, 1, 32)")])
    op.create_index("episodes_by_end", "episodes", ["device_id", "last_at"])
    op.create_index("episodes_by_arrival", "episodes", ["device_id", "received_at"])


def _partial(name: str, table: str, column: str, *, sqlite: str, postgresql: str) -> None:
    op.create_index(name, table, [column], sqlite_where=sa.text(sqlite), postgresql_where=sa.text(postgresql))
