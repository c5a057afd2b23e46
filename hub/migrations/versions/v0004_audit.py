"""The audit log: a chain of entries that triggers keep as they were written."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_REFUSE = "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
_SQLITE = (
    f"CREATE TRIGGER audit_never_changed BEFORE UPDATE ON audit {_REFUSE}",
    f"CREATE TRIGGER audit_never_removed BEFORE DELETE ON audit {_REFUSE}",
)
_POSTGRESQL = (
    """
    CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$
    """,
    """
    CREATE TRIGGER audit_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
    """,
)


def upgrade() -> None:
    """Makes the table and its triggers; what people did before is in `actions`."""
    whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    texts = ("person", "role", "action", "object", "details", "previous", "hash")
    op.create_table(
        "audit",
        sa.Column("number", whole, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Double(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in texts),
    )
    for statement in _SQLITE if op.get_context().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)
