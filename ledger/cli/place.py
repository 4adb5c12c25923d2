"""Where a command works: the settings, the installation, the ledger that is meant."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click
from sqlalchemy import inspect

from ledger.config import Settings, read_settings
from ledger.db import Database, open_engine
from ledger.errors import ConfigError
from ledger.installation import Installation, OpenLedger
from ledger.journal.keys import ENVIRONMENT_VARIABLE
from ledger.journal.privatefiles import fsync_directory, os_errors, write_private
from ledger.journal.tables import ledger as ledger_table
from ledger.migrating import migrate
from ledger.programme.opening import open_installation

PASSPHRASE_FILE = "POINTS_PASSPHRASE_FILE"  # noqa: S105  # the variable's name
PASSPHRASE_BYTES = 32


def environment() -> dict[str, str]:
    """The environment; where it names no passphrase, with the data directory's own file for it."""
    environ = dict(os.environ)
    file = read_settings(environ).data / "passphrase"
    if not _names_passphrase(environ) and file.exists():
        environ[PASSPHRASE_FILE] = str(file)
    return environ


def prepare() -> bool:
    """Makes the data directory, a passphrase where none is named, and the tables.

    Returns whether a passphrase was made.  A directory that has keys already gets none: they have
    one.
    """
    environ = environment()
    settings = read_settings(environ)
    with os_errors(settings.data):
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = not _names_passphrase(environ) and not settings.keys.exists()
        if made:
            with suppress(FileExistsError):  # another start was quicker
                text = secrets.token_urlsafe(PASSPHRASE_BYTES) + "\n"
                write_private(settings.data / "passphrase", text.encode())
                fsync_directory(settings.data)
    migrate(settings.database_url)
    return made


@contextmanager
def installed() -> Iterator[Installation]:
    """The installation, closed at the end.  `ConfigError` where none was set up yet."""
    environ = environment()
    settings = read_settings(environ)
    with stored(settings):
        pass
    installation = open_installation(settings, environ)
    try:
        yield installation
    finally:
        installation.close()


@contextmanager
def stored(settings: Settings) -> Iterator[Database]:
    """The database alone, without keys.  `ConfigError` where none was set up yet."""
    scheme, _, path = settings.database_url.partition(":///")
    if scheme.startswith("sqlite") and not os.path.exists(path):  # noqa: PTH110  # as it is named
        raise ConfigError(
            f"There is no database at {path}. Make a ledger with `points init` or `points demo`,"
            " or empty tables for `points restore` with `points migrate`; or set POINTS_DATA to the"
            " directory of the one that you mean."
        )
    database = open_engine(settings.database_url)
    try:
        with database.reading() as conn:
            ready = inspect(conn).has_table(ledger_table.name)
        if not ready:
            raise ConfigError("The database has no tables yet. Run: points migrate")
        yield database
    finally:
        database.close()


def chosen(installation: Installation, name: str | None) -> OpenLedger:
    """The ledger of that name, or the only one; a usage error where none or several are meant."""
    return installation.ledger(only_name(installation.names(), name))


def only_name(names: list[str], name: str | None) -> str:
    """`name`, or the only one of `names`."""
    if name is not None:
        return name
    if not names:
        raise ConfigError("There is no ledger here yet. Run: points init, or points demo")
    if len(names) > 1:
        raise click.UsageError(f"Say which ledger with --ledger: {', '.join(names)}")
    return names[0]


def _names_passphrase(environ: dict[str, str]) -> bool:
    return ENVIRONMENT_VARIABLE in environ or bool(environ.get(PASSPHRASE_FILE))
