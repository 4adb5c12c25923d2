"""The one clock.  Everything that asks for the time asks here; only tests give another."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time of the host, and of the database where that has a clock of its own."""

    def now(self) -> datetime:
        """The host's time, aware, UTC."""

    def database_now(self, told: datetime | None) -> datetime:
        """The database's time, aware, UTC, given what it told, if it has a clock."""

    def running(self) -> float:
        """Seconds from some start, by a clock that nobody sets."""


class SystemClock:
    """The clocks as they are."""

    def now(self) -> datetime:
        """The host's time, aware, UTC."""
        return datetime.now(UTC)

    def database_now(self, told: datetime | None) -> datetime:
        """What it told, in UTC; SQLite runs on the host's."""
        return self.now() if told is None else told.astimezone(UTC)

    def running(self) -> float:
        """Seconds since the host was started, those that it slept included."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
