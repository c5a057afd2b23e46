"""What Alembic runs for each command: over the connection and within the transaction of hub.schema."""

from alembic import context

import hub.account_tables
import hub.delivery_tables  # noqa: F401
from hub.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,  # also SQLite's, where the transaction has been begun by hand
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
