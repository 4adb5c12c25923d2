"""The one clock.  Everything that asks for the time asks here; only tests give another."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Connection

from ledger.db import database_now


class Clock(Protocol):
    """Tells the time of the host, and of the database where that has a clock of its own."""

    def now(self) -> datetime:
        """The host's time, aware, UTC."""

    def database_now(self, conn: Connection) -> datetime:
        """The database's time, aware, UTC."""


class SystemClock:
    """The clocks as they are."""

    def now(self) -> datetime:
        """The host's time, aware, UTC."""
        return datetime.now(UTC)

    def database_now(self, conn: Connection) -> datetime:
        """The database's time, aware, UTC; SQLite runs on the host's."""
        if conn.dialect.name == "sqlite":
            return self.now()
        return database_now(conn)
