"""The database's schema: which one is there, and how it becomes the one this program needs.

Revisions are in hub/migrations/versions, numbered upwards from 0001, which is also the schema of every
database made before there were any. Alembic is imported only where there is something to do.
"""

from __future__ import annotations

import logging

from sqlalchemy import Connection, inspect, text

from edge.errors import StorageError

log = logging.getLogger(__name__)

FIRST = "0001"
NEWEST = "0016"
_OURS = {"devices", "records", "episodes", "alerts", "actions"}  # by these a database from before is known


def is_current(connection: Connection, name: str) -> bool:
    """Whether the schema is this program's. Raises StorageError where that cannot become so."""
    found = _revision(connection)
    if found is not None and found > NEWEST:
        raise StorageError(
            f"the database {name} has schema {found} and this program knows none beyond {NEWEST}; "
            "install the newer version that made it, or restore the backup from before"
        )
    return found == NEWEST


def upgrade(connection: Connection, name: str) -> None:
    """Makes the schema this program's, within the caller's transaction, which holds the writers' lock."""
    if is_current(connection, name):
        return  # another process was quicker
    _refuse_other_encodings(connection, name)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command  # noqa: PLC0415  (12 MB that the next start does without)
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "hub:migrations")
    config.attributes["connection"] = connection
    found = _revision(connection)
    tables = set(inspect(connection).get_table_names())
    if found is None and tables >= _OURS:
        command.stamp(config, FIRST)
        found = FIRST
    command.upgrade(config, NEWEST)
    if tables:
        log.info("the database %s has schema %s now; it had %s", name, NEWEST, found or "none")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _refuse_other_encodings(connection: Connection, name: str) -> None:
    if connection.dialect.name != "postgresql":
        return
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise StorageError(
            f"the database {name} has the encoding {encoding}, which cannot hold every name; "
            "make it with: createdb --encoding=UTF8 --template=template0"
        )
