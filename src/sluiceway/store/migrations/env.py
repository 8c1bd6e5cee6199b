"""What Alembic runs to migrate: in the transaction that `migrations.upgrade` began, and nowhere else."""

from __future__ import annotations

from alembic import context

from sluiceway.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
