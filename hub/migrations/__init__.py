"""Alembic's environment and the revisions of the hub's schema; hub.schema applies them."""
