"""As of any entry, the books are what a naive replay of the entries up to it gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.db import Database
from ledger.errors import BeforeLedger
from ledger.journal import asof, log
from ledger.journal import commands as c
from ledger.journal.entry import FIXED_ACCOUNTS, Entry, decode
from ledger.journal.orders import Order
from ledger.journal.times import format_time, parse_time
from ledger.programme.reading.accounts import find_past_account
from ledger.programme.reading.budgets import list_budgets
from tests.journal.live import Counter

KINDS = ("open", "credit", "debit", "hold", "capture", "release", "reverse", "close", "budget")
STEPS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 7), st.integers(1, 30)),
    min_size=5,
    max_size=25,
)


@pytest.fixture
def counter(database: Database) -> Counter:
    return Counter(database)


def entries_of(counter: Counter) -> list[Entry]:
    with counter.database.reading() as conn:
        return [decode(raw) for raw in log.raw_entries(conn, counter.id, 0, 100_000)]


class Naive:
    """The books by addition: what each posting and opening says, and nothing else."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.budgets: dict[str, int] = {}

    def take(self, entry: Entry) -> None:
        if entry["type"] == "ledger":
            self._make(entry, *FIXED_ACCOUNTS)
        elif entry["type"] in ("open", "close"):
            self._make(entry, entry["account"], entry["account"] + "/held")
            self.rows[entry["account"]]["open"] = entry["type"] == "open"
        elif entry["type"] == "budget":
            self._make(entry, entry["budget"])
            self.budgets[entry["budget"]] = entry["limit"]
        for posting in entry.get("postings", ()):
            row = self.rows[posting["account"]]
            row["balance"] += posting["amount"]
            row["count"] += 1
            row["last"], row["nonce"] = entry["seq"], entry["nonce"]

    def _make(self, entry: Entry, *names: str) -> None:
        for name in names:
            made = {"balance": 0, "count": 0, "open": True}
            self.rows.setdefault(name, made | {"last": entry["seq"], "nonce": entry["nonce"]})

    def leaves(self) -> list[tuple[Any, ...]]:
        return [
            (name, row["balance"], self.held(name), row["count"], row["last"], row["nonce"])
            for name, row in sorted(self.rows.items())
            if not name.endswith("/held")
        ]

    def held(self, name: str) -> int:
        return self.rows.get(name + "/held", {"balance": 0})["balance"]


def live(counter: Counter, steps: list[tuple[str, int, int]]) -> None:
    """Random steps; the book refuses what it must, which changes nothing."""
    for kind, place, amount in steps:
        counter.submit(Order(command=command_of(counter, kind, place, amount)))
        counter.clock.wait(minutes=amount)


def command_of(counter: Counter, kind: str, place: int, amount: int) -> c.Command:
    """A command about whatever stands at that place among what the log has so far."""
    entries = entries_of(counter)
    by = {"actor": counter.office}
    accounts = sorted(e["account"] for e in entries if e["type"] == "open") or [counter.open()]
    account, other = (accounts[at % len(accounts)] for at in (place, place + 1))

    def one_of(*kinds: str) -> int:
        seqs = [e["seq"] for e in entries if e["type"] in kinds] or [0]
        return seqs[place % len(seqs)]

    if kind == "credit":
        return counter.credit(account, amount)
    if kind == "debit":
        return c.Debit(account=account, amount=amount, **by)
    if kind == "hold":
        return c.PlaceHold(account=account, amount=amount, payee=other, **by)
    if kind == "capture":
        return c.Capture(hold=one_of("hold"), amount=amount, **by)
    if kind == "release":
        return c.Release(hold=one_of("hold"), **by)
    if kind == "reverse":
        return c.Reverse(original=one_of("credit", "debit"), **by)
    if kind == "budget":
        fields = {"from": "2026-01-01", "to": "2030-12-31", "limit": 10_000 * amount}
        fields["budget"] = counter.budget if place % 2 else counter.new("issuer")
        return c.Statement(kind=kind, fields=fields, approver=counter.second, **by)
    if kind == "open":
        return c.Statement(
            kind=kind, fields={"account": counter.new(("member", "org")[place % 2])}, **by
        )
    return c.Statement(kind=("close", "open")[place % 2], fields={"account": account}, **by)


@settings(
    max_examples=6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_as_of_each_entry_the_books_are_what_a_replay_up_to_it_gives(
    counter: Counter, steps: list[tuple[str, int, int]]
) -> None:
    # Given a ledger that lived on by random steps
    start = len(entries_of(counter))
    live(counter, steps)
    counter.enter(c.StateOfAll(actor=counter.office))
    naive = Naive()
    with counter.database.reading(snapshot=True) as conn:
        for entry in entries_of(counter):
            # When its entries are added up to each one
            naive.take(entry)
            seq = entry["seq"]
            if seq < start:
                continue
            # Then every account is the same as of that entry, by number and by time
            assert asof.resolve(conn, counter.id, time=entry["at"]) == seq
            got = [
                (name, row.balance, held, row.count, row.last, row.nonce)
                for name, row, held in asof.accounts_as_of(conn, counter.id, seq)
            ]
            assert got == naive.leaves()
            account = got[seq % len(got)][0]
            alone = asof.state_of(conn, counter.id, account, seq)
            assert alone is not None
            assert (alone[0].balance, alone[1]) == (got[seq % len(got)][1], naive.held(account))
            for name in (name for name, *_ in got if name.startswith(("member/", "org/"))):
                view = find_past_account(conn, counter.id, name, seq)
                row = naive.rows[name]
                assert view is not None
                assert (view.balance, view.last, view.open) == (
                    row["balance"],
                    row["last"],
                    row["open"],
                )
                assert view.held == naive.held(name)
            budgets = list_budgets(conn, counter.id, seq, after=None, limit=10)
            assert [(b.budget, b.limit, b.issued) for b in budgets] == [
                (name, limit, -naive.rows[name]["balance"])
                for name, limit in sorted(naive.budgets.items())
            ]


def test_accounts_are_read_some_at_a_time(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [counter.open() for _ in range(5)]
    counter.enter(*(counter.credit(member) for member in members))
    counter.enter(c.PlaceHold(account=members[0], amount=4, payee=members[1], actor=counter.office))
    size = len(entries_of(counter))
    counter.enter(
        *(counter.credit(member, 7) for member in members[:3]), counter.credit(members[0])
    )
    with counter.database.reading(snapshot=True) as conn:
        whole = list(asof.accounts_as_of(conn, counter.id, size - 1))
        for rows in (1, 2, 3):
            monkeypatch.setattr(asof, "ACCOUNTS_PER_READ", rows)
            assert list(asof.accounts_as_of(conn, counter.id, size - 1)) == whole
    assert {name: (row.balance, held) for name, row, held in whole if name in members[:2]} == {
        members[0]: (6, 4),
        members[1]: (10, 0),
    }


def test_a_time_means_the_last_entry_by_then(counter: Counter) -> None:
    counter.open()
    counter.clock.wait(hours=1)
    counter.open()
    entries = entries_of(counter)
    newest = len(entries) - 1
    with counter.database.reading() as conn:
        for seq, entry in enumerate(entries):
            us = parse_time(entry["at"])
            assert asof.resolve(conn, counter.id, time=entry["at"]) == seq
            assert asof.resolve(conn, counter.id, time=format_time(us + 1)) in (seq, seq + 1)
            if seq:
                before = asof.resolve(conn, counter.id, time=format_time(us - 1))
                assert before == seq - 1
        # Beyond the head the head is meant, before entry 0 nothing is
        assert asof.resolve(conn, counter.id, time="2999-01-01T00:00:00.000000Z") == newest
        assert asof.resolve(conn, counter.id, newest + 1_000) == newest
        with pytest.raises(BeforeLedger, match="began after 2020-01-01"):
            asof.resolve(conn, counter.id, time="2020-01-01T00:00:00.000000Z")


def test_a_period_ends_with_its_local_day(counter: Counter) -> None:
    # Given entries on both sides of a local midnight, which is 16:00 UTC
    counter.clock.wait(hours=13)
    counter.open()
    before_midnight = len(entries_of(counter)) - 1
    counter.clock.wait(hours=1)
    counter.open()
    newest = before_midnight + 1
    with counter.database.reading() as conn:

        def span(start: str | None, end: str | None) -> tuple[int, int]:
            return tuple(asof.span_of(conn, counter.id, newest, start, end))

        # Then a day takes in all of its entries, and a time the entries up to it
        assert span("2026-11-24", "2026-11-24") == (0, before_midnight)
        assert span("2026-11-25", None) == (newest, newest)
        assert span(None, "2026-11-23") == (0, -1)
        assert span("2026-11-24T15:03:04.000005Z", None) == (before_midnight, newest)
        assert span(None, "2026-11-24T15:03:04.000004Z") == (0, before_midnight - 1)
