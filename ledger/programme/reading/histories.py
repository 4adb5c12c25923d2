"""An account's history: its postings in a period, with the balances before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from ledger.journal import tables as t
from ledger.journal.asof import Span, balance_as_of
from ledger.journal.entry import Entry, decode
from ledger.journal.parts import NEVER
from ledger.programme.reading.accounts import Shown, shown


@dataclass(frozen=True, slots=True)
class Line:
    """One posting of an account, with what its entry says of it.

    `prev` is the entry of the posting before it, for the first one the entry that opened the
    account.
    """

    seq: int
    prev: int
    at: str
    type: str
    amount: int
    balance: int
    parts: Shown


@dataclass(frozen=True, slots=True)
class History:
    """Some lines of a period, which begins with the balance `opening` and ends with `closing`."""

    opening: int
    closing: int
    lines: list[Line]


def account_history(
    conn: Connection,
    ledger_id: int,
    name: str,
    period: Span,
    *,
    page: Span,
    newest_first: bool,
    limit: int,
) -> History:
    """At most `limit` postings of an account that are in the `period` and on the `page`."""
    before, after = (
        balance_as_of(conn, ledger_id, name, seq) for seq in (period.first - 1, period.last)
    )
    p, e = t.posting.c, t.entry.c
    joined = t.posting.join(t.entry, (e.ledger_id == p.ledger_id) & (e.seq == p.seq))
    span = period.within(page)
    query = (
        select(p.seq, p.prev, p.amount, p.balance, e.raw)
        .select_from(joined)
        .where(
            p.ledger_id == ledger_id,
            p.account == name,
            p.seq >= span.first,
            p.seq <= span.last,
        )
        .order_by(p.seq.desc() if newest_first else p.seq)
        .limit(limit)
    )
    lines = [_line(row, name) for row in conn.execute(query)]
    opening = before[0] if before else 0
    return History(opening, after[0] if after else opening, lines)


def _line(row: Any, name: str) -> Line:
    entry: Entry = decode(bytes(row.raw))
    posting = next(p for p in entry["postings"] if p["account"] == name)
    listed: Sequence[Any] = posting.get("parts", ((NEVER, row.amount),))
    change = shown(tuple((day, points) for day, points in listed))
    return Line(row.seq, row.prev, entry["at"], entry["type"], row.amount, row.balance, change)
