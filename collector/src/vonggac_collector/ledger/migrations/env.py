"""Alembic's entry: runs the revisions on the connection that `ledger.sql.migrate` hands over, in its transaction."""

from alembic import context

from vonggac_collector.ledger.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True
)
context.run_migrations()
