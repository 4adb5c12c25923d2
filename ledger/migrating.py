"""Bringing the tables up to a migration, and down again: in one transaction, or not at all."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import alembic.command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, event, text

from ledger.db import open_engine, prepare_schema_change
from ledger.errors import MigrationError

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
# Any constant will do, as long as nothing else on that server takes the same advisory lock.
_MIGRATION_LOCK = 0x706F696E7473


def migrate(database_url: str, revision: str = "head") -> None:
    """Bring the tables up to `revision`, in one transaction and by one process at a time.

    Raises what `open_engine` and `Database.writing` raise, and `MigrationError`: nothing was
    changed.
    """
    _migrate(database_url, alembic.command.upgrade, revision)


def migrate_down(database_url: str, revision: str) -> None:
    """Take the tables back down to `revision` (`base` for none), as `migrate` takes them up."""
    _migrate(database_url, alembic.command.downgrade, revision)


def revisions() -> tuple[str, ...]:
    """The names of all migrations, the oldest first; their files are read once a process."""
    return _revisions_in(MIGRATIONS)


@cache
def _revisions_in(_scripts: Path) -> tuple[str, ...]:
    steps = ScriptDirectory.from_config(_alembic()).walk_revisions()
    return tuple(step.revision for step in steps)[::-1]


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _migrate(database_url: str, step: Callable[[Config, str], None], revision: str) -> None:
    # `migrations/env.py` takes the connection from the attributes, so that the whole of it is one
    # transaction of ours.
    config = _alembic()
    database = open_engine(database_url, pool_size=1)
    try:
        if database.dialect == "sqlite":
            # Alembic alters a SQLite table by rebuilding it; with foreign keys enforced, dropping
            # the old one would delete or refuse the rows that point at it.
            event.listen(database.engine, "connect", _foreign_keys_off)
        with database.writing() as conn:
            if database.dialect == "postgresql":
                conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            prepare_schema_change(conn)
            config.attributes["connection"] = conn
            try:
                step(config, revision)
            except CommandError as error:
                raise MigrationError(_no_way(conn, revision)) from error
            _check_foreign_keys(conn)
    finally:
        database.close()


def _no_way(conn: Connection, revision: str) -> str:
    """Why no migrations lead from where the tables are to `revision`."""
    found = MigrationContext.configure(conn).get_current_revision()
    if found is None:
        return f"The database has no tables, so there is nothing to take down to {revision}."
    if found in revisions():
        return f"The tables are of migration {found}, which is not above {revision}."
    return (
        f"The tables are of migration {found}, which this version does not know: use the version"
        " that made them, or a newer one."
    )


def _check_foreign_keys(conn: Connection) -> None:
    if conn.dialect.name != "sqlite":
        return
    tables = {row[0] for row in conn.exec_driver_sql("PRAGMA foreign_key_check")}
    if tables:
        raise MigrationError(
            f"The migration was undone: it would have left rows in {', '.join(sorted(tables))}"
            " that point at rows which are not there. Please report this with your version."
        )


def _foreign_keys_off(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys=OFF")
