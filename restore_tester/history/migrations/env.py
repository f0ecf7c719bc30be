"""What alembic runs to bring a history to the newest revision: the open connection of `schema.migrate` → its tables."""

from __future__ import annotations

from alembic import context

from restore_tester.history.tables import METADATA, VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
