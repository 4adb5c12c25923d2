"""A command that waits for somebody's decision: a row in its place, decided under the lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text

from ledger.db import Database
from ledger.journal import tables as t
from ledger.journal.orders import Companion, Deferral, Deferred, Done, KeyReused, Order, Refusal
from ledger.journal.state import State
from tests.journal.live import Counter

LIMIT = 50

waiting = Table(
    "waiting",
    MetaData(),
    Column("ledger_id", Integer, primary_key=True),
    Column("request", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
)


@pytest.fixture
def counter(database: Database) -> Counter:
    with database.writing() as conn:
        waiting.create(conn)
    return Counter(database)


def order(counter: Counter, account: str, amount: int, key: str, balance_max: int = LIMIT) -> Order:
    """A credit that waits where the account would have more than `balance_max`."""
    ordered = counter.order(counter.credit(account, amount), key)
    fresh = {"request": ordered.request, "fingerprint": ordered.fingerprint}

    def store(rows: Mapping[Any, Any], _: Done) -> Any:
        row = rows[ordered.request]
        if row is None:
            return {ordered.request: fresh}
        if bytes(row["fingerprint"]) != ordered.fingerprint:
            return Refusal("once", "it is another request's")
        return {}

    def wanted(state: State, day: str) -> bool:
        assert day == "2026-11-24"
        known = state.account(account)
        return known is not None and known.balance + amount > balance_max

    companion = Companion(waiting, (ordered.request,), store)
    return replace(ordered, deferral=Deferral(companion, wanted))


def test_it_is_decided_from_the_books_as_the_orders_before_left_them(counter: Counter) -> None:
    # given three credits in one batch, of which the first two reach the limit together
    member = counter.open()
    size = len(counter.rows(t.entry))

    orders = [order(counter, member, 25, f"key {n}") for n in range(3)]
    first, second, third = counter.submit(*orders, atomic=False)

    # then those are entered, and the third waits
    assert (first.first, second.first) == (size, size + 1)
    assert third == Deferred()
    assert counter.balance(member) == 50
    assert [row.request for row in counter.rows(waiting)] == [orders[2].request]


def test_sent_again_it_waits_once_whatever_the_books_say_by_then(counter: Counter) -> None:
    member = counter.open()
    counter.submit(order(counter, member, LIMIT + 1, "large"))

    (again,) = counter.submit(order(counter, member, LIMIT + 1, "large", balance_max=10**6))

    assert again == Deferred(replayed=True)
    assert len(counter.rows(waiting)) == 1
    assert counter.balance(member) == 0


def test_what_was_entered_does_not_wait_afterwards(counter: Counter) -> None:
    # given a credit that was within the limit
    member = counter.open()
    (entered,) = counter.submit(order(counter, member, LIMIT, "small"))

    # when it is sent again, and would be beyond it
    (again,) = counter.submit(order(counter, member, LIMIT, "small"))

    assert again == Done(entered.first, entered.last, replayed=True)
    assert counter.rows(waiting) == []


@pytest.mark.parametrize("atomic", [True, False])
def test_its_key_is_used_up_and_nothing_is_remembered(counter: Counter, atomic: bool) -> None:
    # given a credit that waits
    member = counter.open()
    large = order(counter, member, LIMIT + 1, "large")
    counter.submit(large)

    # when its key comes with another credit
    other = order(counter, member, 1, "large")
    outcomes = counter.submit(other, atomic=atomic)

    # then that is refused, and what waits can be entered under the key
    assert outcomes == [KeyReused()]
    (entered,) = counter.submit(replace(large, deferral=None))
    assert isinstance(entered, Done)
    assert counter.balance(member) == LIMIT + 1
