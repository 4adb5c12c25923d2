"""Every list is read by an index: what is asked for is a range of it, in its order.

The statements are taken down as they are sent and explained by the database itself. A plan may not
read a table from end to end, nor sort what it found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from ledger.db import Database
from ledger.journal import asof
from ledger.journal.asof import Span
from ledger.journal.commands import PlaceHold, StateOfAll
from ledger.programme.reading.accounts import find_past_account, list_accounts
from ledger.programme.reading.budgets import list_budgets
from ledger.programme.reading.entries import (
    list_entries,
    list_entries_of,
    list_entries_of_type,
)
from ledger.programme.reading.histories import account_history
from ledger.programme.reading.overview import list_ledgers
from ledger.programme.reading.people import list_people
from ledger.programme.reading.policies import list_policies
from tests.journal.live import Counter
from tests.statements import Statement, statements

Reads = Callable[[Connection, Counter, str], Any]
MIDDLE = Span(3, 9)


def listed(newest_first: bool) -> dict[str, Any]:
    return {"newest_first": newest_first, "limit": 5}


READS: dict[str, Reads] = {
    "entries": lambda conn, c, _: list_entries(conn, c.id, MIDDLE, **listed(False)),
    "entries, newest first": lambda conn, c, _: list_entries(conn, c.id, MIDDLE, **listed(True)),
    "entries of a type": lambda conn, c, _: list_entries_of_type(
        conn, c.id, "credit", MIDDLE, **listed(False)
    ),
    "entries of a type, newest first": lambda conn, c, _: list_entries_of_type(
        conn, c.id, "credit", MIDDLE, **listed(True)
    ),
    "entries of an account": lambda conn, c, member: list_entries_of(
        conn, c.id, member, MIDDLE, **listed(False)
    ),
    "entries of an account, newest first": lambda conn, c, member: list_entries_of(
        conn, c.id, member, MIDDLE, **listed(True)
    ),
    "a history": lambda conn, c, member: account_history(
        conn, c.id, member, MIDDLE, page=MIDDLE, newest_first=True, limit=5
    ),
    "accounts": lambda conn, c, _: list_accounts(
        conn, c.id, c.clock.now(), kind="member", after="member/", limit=5
    ),
    "an account as of an entry": lambda conn, c, member: find_past_account(
        conn, c.id, member, MIDDLE.last
    ),
    "budgets as of an entry": lambda conn, c, _: list_budgets(
        conn, c.id, MIDDLE.last, after=c.budget[:-1], limit=5
    ),
    "policies": lambda conn, c, _: list_policies(conn, c.id, after=2, limit=5),
    "people": lambda conn, c, _: list_people(conn, c.id, after="person/a", limit=5),
    "ledgers": lambda conn, *_: list_ledgers(conn, after="a", limit=5),
    "one state leaf": lambda conn, c, member: asof.state_of(conn, c.id, member, MIDDLE.last),
    "all state leaves": lambda conn, c, _: list(asof.accounts_as_of(conn, c.id, MIDDLE.last)),
    "a time": lambda conn, c, _: asof.resolve(conn, c.id, time="2026-11-24T02:03:04.000010Z"),
}


@pytest.fixture
def counter(database: Database) -> Counter:
    return Counter(database)


@pytest.fixture
def member(counter: Counter) -> str:
    """Somebody with a history, among others."""
    first, second = counter.open(), counter.open("org")
    for _ in range(3):
        counter.enter(counter.credit(first), counter.credit(second))
    counter.enter(
        PlaceHold(account=first, amount=4, payee=second, actor=counter.office),
        StateOfAll(actor=counter.office),
    )
    return first


def sent(database: Database, reads: Callable[[Connection], Any]) -> list[Statement]:
    """The SELECTs that `reads` sends."""
    with statements(database) as seen, database.reading() as conn:
        assert reads(conn)
    return [each for each in seen if each.text.lstrip().startswith("SELECT")]


def plan(database: Database, statement: str, parameters: Any) -> str:
    """The database's own account of how it carries a statement out."""
    explain = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
    with database.reading() as conn:
        rows = conn.exec_driver_sql(f"{explain} {statement}", parameters).all()
    return "\n".join(str(row[-1]) for row in rows)


def test_each_list_is_read_by_an_index_and_in_its_order(
    counter: Counter, member: str, subtests: pytest.Subtests
) -> None:
    for name, reads in READS.items():
        statements = sent(counter.database, lambda conn, reads=reads: reads(conn, counter, member))
        assert statements, name
        for statement, parameters in statements:
            with subtests.test(name, statement=statement):
                told = plan(counter.database, statement, parameters)
                assert faults(counter.database.dialect, told) == [], told


def faults(dialect: str, told: str) -> list[str]:
    """The steps of a plan that grow with the table instead of with the answer."""
    if dialect == "postgresql":
        grows = ("Seq Scan", "Sort", "Hash", "Bitmap")
        return [line for line in told.split("\n") if any(word in line for word in grows)]
    # What was passed in as a list is scanned, and so are the rows of a subquery.
    return [
        line
        for line in told.split("\n")
        if line.startswith(("SCAN ", "USE TEMP B-TREE FOR ORDER BY"))
        and "VIRTUAL TABLE" not in line
        and not line.startswith("SCAN past")
    ]


def test_a_list_that_no_index_serves_is_found_out(counter: Counter, member: str) -> None:
    for statement in (
        "SELECT seq FROM posting WHERE amount > 3",
        "SELECT seq FROM entry WHERE ledger_id = 1 ORDER BY leaf",
    ):
        assert faults(counter.database.dialect, plan(counter.database, statement, ()))
