"""Runs the revisions on the connection that `ledger.migrating` hands over, in its transaction."""

from alembic import context
from sqlalchemy import Connection

from ledger.errors import MigrationError
from ledger.programme.people.tables import metadata


def _run() -> None:
    connection = context.config.attributes.get("connection")
    if not isinstance(connection, Connection):
        raise MigrationError(
            "The migrations were started without a connection, so without the transaction and the"
            " lock that they need. Call ledger.migrating.migrate with the database's URL instead."
        )
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    context.run_migrations()


_run()
