"""A founded ledger in a real database, for tests of appending and publishing.

Keys are made once for all tests, at the lowest cost of the passphrase; the clock stands still until
it is moved.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select

from ledger.db import Database
from ledger.journal import tables as t
from ledger.journal.append import Appender
from ledger.journal.bulk import write
from ledger.journal.commands import Command, Credit, Statement
from ledger.journal.entry import new_id, to_base64
from ledger.journal.founding import Founding, founding_commands
from ledger.journal.keys import KeyRing, create_keys, load_keys
from ledger.journal.orders import Companion, Done, Group, HoldCompanions, Order, Outcome
from ledger.journal.pkcs8 import ScryptCost
from ledger.journal.publish import Publisher
from ledger.journal.store import load_position

ORIGIN = "points.example.org/log/beiyuan"
PASSPHRASE = b"a passphrase of the tests"
CHEAP = ScryptCost(2, 1, 1)
"""A passphrase that costs next to nothing to try."""
START = datetime(2026, 11, 24, 2, 3, 4, 5, tzinfo=UTC)


@cache
def key_directory() -> Path:
    """A directory of keys of `ORIGIN`, generations 1 and 2; to be copied, not changed."""
    directory = Path(tempfile.mkdtemp(prefix="points-keys-")) / "beiyuan"
    create_keys(directory, ORIGIN, PASSPHRASE, cost=CHEAP)
    return directory


@cache
def key_ring() -> KeyRing:
    """The keys of `key_directory`, opened."""
    return load_keys(key_directory(), ORIGIN, PASSPHRASE)


def copy_keys(target: Path) -> Path:
    """A copy of the keys that a test may change."""
    shutil.copytree(key_directory(), target)
    return target


class TestClock:
    """Stands still; `apart` is how far the database's clock is from the host's."""

    __test__ = False

    def __init__(self) -> None:
        self.time = START
        self.passed = 0.0
        self.apart = timedelta(0)

    def now(self) -> datetime:
        return self.time

    def database_now(self, _: datetime | None) -> datetime:
        return self.time + self.apart

    def running(self) -> float:
        return self.passed

    def wait(self, **spans: float) -> None:
        """Moves on by days, hours, seconds …"""
        self.time += timedelta(**spans)
        self.passed += timedelta(**spans).total_seconds()

    def set(self, **spans: float) -> None:
        """Is set so much ahead, or back, by somebody or by a fault."""
        self.time += timedelta(**spans)


class Counter:
    """A ledger of its own in `database`: two founders, a policy, a budget, an appender."""

    def __init__(
        self,
        database: Database,
        *,
        keys: KeyRing | None = None,
        hold_companions: HoldCompanions | None = None,
        **options: Any,
    ) -> None:
        self.database = database
        self.clock = TestClock()
        self.keys = keys or key_ring()
        with database.writing() as conn:
            made = insert(t.ledger).values(name="beiyuan", origin=ORIGIN)
            self.id = conn.execute(made.returning(t.ledger.c.ledger_id)).scalar_one()
            write(conn, t.head, self.id, [(0, "", 0, b"")], "insert")
            write(conn, t.publication, self.id, [(0, b"")], "insert")
        self.appender = self.new_appender(hold_companions=hold_companions, **options)
        self.office, self.second = self.new("person"), self.new("person")
        self.budget = self.new("issuer")
        founding = Founding(
            founders=(self.office, self.second),
            budget=self.budget,
            budget_limit=1_000_000,
            budget_from="2026-01-01",
            budget_to="2030-12-31",
            policy_from="2026-01-01",
        )
        commands = founding_commands(founding, ORIGIN, self.keys.vkeys(1), self.keys.vkeys_hash(2))
        self.enter(*commands)

    def new_appender(self, **options: Any) -> Appender:
        """Another appender of the same ledger, as another process would have."""
        return Appender(self.database, self.id, ORIGIN, self.clock, **options)

    def publisher(self, high_water: Path) -> Publisher:
        """A publisher of the ledger."""
        return Publisher(self.database, self.id, self.keys, self.clock, high_water)

    @staticmethod
    def new(kind: str) -> str:
        """A new id."""
        return new_id(kind, os.urandom(16))

    def submit(self, *orders: Order, atomic: bool = True) -> list[Outcome]:
        """The outcomes of one group."""
        return self.appender.submit(Group(orders, atomic))

    def enter(self, *commands: Command) -> list[Done]:
        """Enters commands that must not be refused, as one group."""
        outcomes = self.submit(*(Order(command=command) for command in commands))
        for outcome in outcomes:
            assert isinstance(outcome, Done), outcome
        return outcomes  # type: ignore[return-value]

    def open(self, kind: str = "member") -> str:
        """A new account."""
        name = self.new(kind)
        self.enter(Statement(kind="open", actor=self.office, fields={"account": name}))
        return name

    def credit(self, account: str, amount: int = 10, **options: Any) -> Credit:
        """A command to credit points."""
        return Credit(
            account=account, amount=amount, budget=self.budget, actor=self.office, **options
        )

    def order(self, command: Command, key: str, *, companions: tuple[Companion, ...] = ()) -> Order:
        """An order with an idempotency key, its fingerprint that of the command."""
        return Order(
            command=command,
            request=to_base64(self.keys.request_id(self.office, key, 0)),
            fingerprint=self.keys.fingerprint(repr(command).encode()),
            companions=companions,
        )

    def lock_head(self, conn: Connection) -> None:
        """Keeps everybody from appending until the transaction ends."""
        load_position(conn, self.id, ORIGIN, lock=True)

    def rows(self, table: Any) -> list[Any]:
        """All rows of a table, in order of its key."""
        with self.database.reading() as conn:
            return list(conn.execute(select(table).order_by(*table.primary_key)).all())

    def everything(self) -> dict[str, list[Any]]:
        """All rows of all tables, to see that nothing changed."""
        return {name: self.rows(table) for name, table in t.metadata.tables.items()}

    def balance(self, account: str) -> int:
        """The balance of an account."""
        with self.database.reading() as conn:
            mine = (t.account.c.ledger_id == self.id) & (t.account.c.name == account)
            return int(conn.execute(select(t.account.c.balance).where(mine)).scalar_one())
