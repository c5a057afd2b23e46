"""The first schema, that of every database made before there were revisions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_REFUSE = "BEGIN SELECT RAISE(ABORT, 'actions are append-only'); END"
_SQLITE = (
    f"CREATE TRIGGER actions_never_changed BEFORE UPDATE ON actions {_REFUSE}",
    f"CREATE TRIGGER actions_never_removed BEFORE DELETE ON actions {_REFUSE}",
)
_POSTGRESQL = (
    """
    CREATE FUNCTION actions_are_append_only() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'actions are append-only'; END $$
    """,
    """
    CREATE TRIGGER actions_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON actions
    FOR EACH STATEMENT EXECUTE FUNCTION actions_are_append_only()
    """,
)


def whole_number() -> sa.types.TypeEngine[int]:
    """64 bits in both."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes every table, and the triggers that keep actions as they were written."""
    op.create_table(
        "counters",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("value", whole_number(), nullable=False),
    )
    op.create_table(
        "devices",
        sa.Column("id", whole_number(), primary_key=True),
        sa.Column("ward", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("bed", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_at", sa.Double(), nullable=False),
        sa.Column("status_reason", sa.String(), nullable=False),
        sa.Column("microphone", sa.String(), nullable=False),
        sa.Column("microphone_at", sa.Double(), nullable=False),
        sa.Column("heard_at", sa.Double(), nullable=False),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("software", sa.String(), nullable=True),
        sa.Column("emotion", sa.String(), nullable=True),
        sa.Column("emotion_at", sa.Double(), nullable=True),
        sa.Column("distress", sa.Double(), nullable=True),
        sa.Column("level_db", sa.Double(), nullable=True),
        sa.Column("outbox", whole_number(), nullable=True),
        sa.Column("due_at", sa.Double(), nullable=True),
        sa.Column("revision", whole_number(), nullable=False),
        sa.UniqueConstraint("ward", "name"),
    )
    op.create_index("ix_devices_due_at", "devices", ["due_at"])
    op.create_index("ix_devices_revision", "devices", ["revision"])
    op.create_table(
        "processes",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
    )
    op.create_table(
        "rejects",
        sa.Column("id", whole_number(), primary_key=True),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "alerts",
        sa.Column("id", whole_number(), primary_key=True),
        sa.Column("device_id", whole_number(), sa.ForeignKey("devices.id"), nullable=True),
        sa.Column("ward", sa.String(), nullable=False),
        sa.Column("bed", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("anchor", sa.String(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("condition", sa.String(), nullable=False),
        sa.Column("missed", sa.Boolean(), nullable=False),
        sa.Column("opened_at", sa.Double(), nullable=False),
        sa.Column("raised_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("episodes", whole_number(), nullable=False),
        sa.Column("emotion", sa.String(), nullable=False),
        sa.Column("peak", sa.Double(), nullable=False),
        sa.Column("level_db", sa.Double(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("merged_into", whole_number(), nullable=True),
        sa.Column("accepted_by", sa.String(), nullable=True),
        sa.Column("accepted_at", sa.Double(), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.Column("closed_at", sa.Double(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("revision", whole_number(), nullable=False),
    )
    op.create_index("ix_alerts_device_id", "alerts", ["device_id"])
    op.create_index("ix_alerts_revision", "alerts", ["revision"])
    op.create_table(
        "boots",
        sa.Column("device_id", whole_number(), sa.ForeignKey("devices.id"), primary_key=True),
        sa.Column("boot_id", sa.String(), primary_key=True),
        sa.Column("origin", sa.Double(), nullable=False),
    )
    op.create_table(
        "held",
        sa.Column("device_id", whole_number(), sa.ForeignKey("devices.id"), primary_key=True),
        sa.Column("boot_id", sa.String(), primary_key=True),
        sa.Column("first", whole_number(), primary_key=True),
        sa.Column("last", whole_number(), nullable=False),
    )
    op.create_table(
        "records",
        sa.Column("id", whole_number(), primary_key=True),
        sa.Column("device_id", whole_number(), sa.ForeignKey("devices.id"), nullable=False),
        sa.Column("boot_id", sa.String(), nullable=False),
        sa.Column("seq", whole_number(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.UniqueConstraint("device_id", "boot_id", "seq"),
    )
    op.create_table(
        "actions",
        sa.Column("id", whole_number(), primary_key=True),
        sa.Column("alert_id", whole_number(), sa.ForeignKey("alerts.id"), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
    )
    op.create_index("actions_by_alert", "actions", ["alert_id"])
    op.create_table(
        "episodes",
        sa.Column("device_id", whole_number(), sa.ForeignKey("devices.id"), primary_key=True),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("onset_at", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.Column("seq", whole_number(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("emotion", sa.String(), nullable=False),
        sa.Column("distress", sa.Double(), nullable=False),
        sa.Column("peak", sa.Double(), nullable=False),
        sa.Column("level_db", sa.Double(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.Column("lag_s", sa.Double(), nullable=False),
        sa.Column("alert_id", whole_number(), sa.ForeignKey("alerts.id"), nullable=True),
    )
    op.create_index("ix_episodes_alert_id", "episodes", ["alert_id"])
    for statement in _SQLITE if op.get_context().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)
