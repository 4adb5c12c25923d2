"""What is sent to the database while a block runs, whoever sends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
import pytest
from sqlalchemy import event

from ledger.db import Database
from ledger.journal.pipeline import Pipeline

PING = ";"
"""Asks PostgreSQL's connection, after a second without work, whether it still is one."""

SETTING = "SELECT set_config("
"""What a new connection begins with."""


class Statement(NamedTuple):
    """One statement with its parameters, as the driver gets them."""

    text: str
    parameters: Any

    @property
    def words(self) -> str:
        """Its first three words."""
        return " ".join(self.text.split()[:3])


@contextmanager
def statements(database: Database) -> Iterator[list[Statement]]:
    """The statements of the block, of any thread, but for BEGIN, COMMIT, pings and settings."""
    seen: list[Statement] = []
    with pytest.MonkeyPatch.context() as patched:
        if database.dialect == "postgresql":
            # Under SQLAlchemy, which what is asked often goes past.
            execute = psycopg.Cursor.execute

            def spy(cursor: Any, query: Any, parameters: Any = None, **options: Any) -> Any:
                if query != PING and not str(query).startswith(SETTING):
                    seen.append(Statement(str(query), parameters))
                return execute(cursor, query, parameters, **options)

            send = Pipeline.send

            def spy_beside(pipeline: Pipeline, text: str, parameters: Any) -> None:
                seen.append(Statement(text, parameters))
                send(pipeline, text, parameters)

            patched.setattr(psycopg.Cursor, "execute", spy)
            patched.setattr(Pipeline, "send", spy_beside)
            yield seen
            return

        def see(_conn: Any, _cursor: Any, text: str, parameters: Any, *_: Any) -> None:
            if not text.startswith("BEGIN"):
                seen.append(Statement(text, parameters))

        event.listen(database.engine, "before_cursor_execute", see)
        try:
            yield seen
        finally:
            event.remove(database.engine, "before_cursor_execute", see)
