"""INSERT OR REPLACE writes over a row of SQLite without its delete triggers: refused, too."""

from alembic import op

revision = "0006"
down_revision = "0005"

_SQLITE = (
    """
    CREATE TRIGGER actions_never_replaced BEFORE INSERT ON actions
    WHEN EXISTS (SELECT 1 FROM actions WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'actions are append-only'); END
    """,
    """
    CREATE TRIGGER audit_never_replaced BEFORE INSERT ON audit
    WHEN EXISTS (SELECT 1 FROM audit WHERE number = NEW.number)
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
    """,
)


def upgrade() -> None:
    """Makes the triggers; PostgreSQL has no such statement."""
    if op.get_context().dialect.name == "sqlite":
        for statement in _SQLITE:
            op.execute(statement)
