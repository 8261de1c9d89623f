"""Alembic's entry; the connection comes from :func:`fractura.service.store.open.open_store`."""

from alembic import context

from fractura.service.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
