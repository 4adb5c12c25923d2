"""Backups of a whole database: copies that can be put back."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from ledger.db import Database, open_engine
from tests.postgres import fresh_database


class Backups:
    """Copies databases as they are at the moment; all copies are gone at the end."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def copy(self, database: Database) -> Database:
        """An open copy of the database, which nobody writes to meanwhile."""
        url = _sqlite_copy(database) if database.path else self._postgres_copy(database)
        opened = open_engine(url)
        self._stack.callback(opened.close)
        return opened

    def _postgres_copy(self, database: Database) -> str:
        database.close()  # a template must have no connections; the pool opens new ones
        url = database.engine.url.set(drivername="postgresql")
        server = url.set(database="postgres").render_as_string(hide_password=False)
        copy = fresh_database(server, f"points_{uuid.uuid4().hex}", str(url.database))
        return self._stack.enter_context(copy)


def _sqlite_copy(database: Database) -> str:
    assert database.path is not None
    path = database.path.with_name(f"{uuid.uuid4().hex}.db")
    with closing(sqlite3.connect(database.path)) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
    path.chmod(0o600)
    return f"sqlite:///{path}"


@contextmanager
def backups() -> Iterator[Backups]:
    """Somewhere to keep backups."""
    with ExitStack() as stack:
        yield Backups(stack)
