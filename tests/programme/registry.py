"""A ledger of an installation whose records a test writes, reads and erases."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ledger.config import read_settings
from ledger.db import Database
from ledger.installation import Installation, OpenLedger
from ledger.journal.entry import new_id
from ledger.journal.founding import Founding
from ledger.journal.orders import Companion, Group, Order, Outcome
from ledger.programme import records
from ledger.programme.opening import open_installation
from ledger.programme.recording import Change, save
from ledger.programme.records import Record
from tests.journal.live import TestClock

TODAY = "2026-11-24"


def fresh(kind: str) -> str:
    """A new id."""
    return new_id(kind, os.urandom(16))


def environment(folder: Path, database_url: str) -> dict[str, str]:
    """The environment of a service whose data lie in `folder`."""
    return {
        "POINTS_DATA": str(folder / "data"),
        "POINTS_DATABASE_URL": database_url,
        "POINTS_PASSPHRASE": "a passphrase of the tests",
        "POINTS_PUBLIC_HOST": "points.example.org",
    }


class Registry:
    """One ledger with two people of the office, and short ways to its records."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.environ = environment(folder, database_url)
        self.clock = TestClock()
        self.installation = self.open()
        self.office, self.second = fresh("person"), fresh("person")
        self.budget = fresh("issuer")
        founding = Founding(
            founders=(self.office, self.second),
            budget=self.budget,
            budget_limit=1_000,
            budget_from="2026-01-01",
            budget_to="2026-12-31",
            policy_from="2026-01-01",
        )
        self.ledger: OpenLedger = self.installation.create_ledger("beiyuan", founding)

    @property
    def database(self) -> Database:
        return self.installation.database

    def open(self) -> Installation:
        """The installation as another process would open it."""
        return open_installation(read_settings(self.environ), self.environ, clock=self.clock)

    def save(self, *changes: Change) -> tuple[Record, ...]:
        return save(self.database, self.ledger, self.clock, changes, by=self.office)

    def submit(self, companions: tuple[Companion, ...]) -> Outcome:
        """The outcome of an order of companions alone."""
        (outcome,) = self.ledger.appender.submit(Group((Order(companions=companions),)))
        return outcome

    def keep(self, subject: str, **fields: Any) -> Record:
        """The first version of a member's basics."""
        (made,) = self.save(Change("basics", subject, subject, fields))
        return made

    def read(self, subject: str) -> Record:
        with self.database.reading() as conn:
            return records.one(conn, self.ledger, "basics", subject)

    def find(self, field: str, value: str) -> list[str]:
        """The ids that a value finds."""
        with self.database.reading() as conn:
            return [name for _, name in records.found_by(conn, self.ledger, field, [value])[value]]
