"""The books as of an earlier entry, looked up by index in rows that never change; nothing is
replayed.

*As of* an entry is after it. *As of T* is after the last entry whose `at` is T or earlier (rule 2
of docs/journal.md): times rise with `seq`, so that entry is found by halving. Accounts are read
where they stand now and, where they were posted to since, from the last posting by then. Whoever
reads more than one thing here does it in one snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from ledger.errors import BeforeLedger
from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.entry import FIXED_ACCOUNTS, decode
from ledger.journal.state import Account
from ledger.journal.times import start_of_day

ACCOUNTS_PER_READ = 1_024


class Span(NamedTuple):
    """A run of entries, from `first` to `last`, both included; empty where `last` is below."""

    first: int
    last: int

    def within(self, other: Span) -> Span:
        """What both have."""
        return Span(max(self.first, other.first), min(self.last, other.last))


def resolve(
    conn: Connection, ledger_id: int, as_of: int | None = None, time: str | None = None
) -> int:
    """The `seq` of the entry that is meant: a number, a time, or the head where neither is given.

    Beyond the head the head is meant. `BeforeLedger` for a time before entry 0.
    """
    head = conn.execute(select(t.head).where(t.head.c.ledger_id == ledger_id)).one()
    newest: int = head.size - 1
    if as_of is not None:
        return min(as_of, newest)
    if time is None or time >= head.at:
        return newest
    seq = _last_before(conn, ledger_id, newest, lambda at: at <= time)
    if seq < 0:
        raise BeforeLedger(f"This ledger began after {time}. Ask for a later time.")
    return seq


def span_of(
    conn: Connection, ledger_id: int, as_of: int, start: str | None, end: str | None
) -> Span:
    """The entries up to `as_of` from `start` to `end`, times or local days, both included.

    A period without entries begins and ends at one place, also where it is turned round.
    """
    row = conn.execute(select(t.head).where(t.head.c.ledger_id == ledger_id)).one()
    offset: int = row.utc_offset_minutes
    first, last = 0, as_of
    if start is not None:
        begins = start_of_day(start, offset) if len(start) == len("2026-11-24") else start
        first = _last_before(conn, ledger_id, as_of, lambda at: at < begins) + 1
    if end is not None:
        if len(end) == len("2026-11-24"):
            ends = start_of_day((date.fromisoformat(end) + timedelta(days=1)).isoformat(), offset)
            last = _last_before(conn, ledger_id, as_of, lambda at: at < ends)
        else:
            last = _last_before(conn, ledger_id, as_of, lambda at: at <= end)
    return Span(first, max(last, first - 1))


def _last_before(
    conn: Connection, ledger_id: int, newest: int, passes: Callable[[str], bool]
) -> int:
    """The last entry up to `newest` whose time passes, as all before it do; -1: none does."""
    low, high = -1, newest
    while low < high:
        middle = (low + high + 1) // 2
        (raw,) = log.raw_entries(conn, ledger_id, middle, middle + 1)
        if passes(decode(raw)["at"]):
            low = middle
        else:
            high = middle - 1
    return low


def balance_as_of(conn: Connection, ledger_id: int, name: str, seq: int) -> tuple[int, int] | None:
    """The balance of an account by then and the `seq` of its last posting; None without one."""
    c = t.posting.c
    query = (
        select(c.balance, c.seq)
        .where(c.ledger_id == ledger_id, c.account == name, c.seq <= seq)
        .order_by(c.seq.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else (row.balance, row.seq)


def mentions_as_of(
    conn: Connection, ledger_id: int, name: str, seq: int
) -> tuple[int | None, int | None]:
    """The first and the last entry by then that were about an account without posting to it."""
    c = t.mention.c
    mine = (c.ledger_id == ledger_id, c.account == name, c.seq <= seq)
    first = conn.execute(select(func.min(c.seq)).where(*mine)).scalar_one()
    last = conn.execute(select(func.max(c.seq)).where(*mine)).scalar_one()
    return first, last


def state_of(conn: Connection, ledger_id: int, name: str, seq: int) -> tuple[Account, int] | None:
    """What the state tree after `seq` holds of one account, with its held points; None: nothing."""
    found = _past(conn, ledger_id, seq, t.account.c.name.in_((name, name + "/held")))
    if name not in found:
        return None
    held = found.get(name + "/held")
    return found[name], held.balance if held else 0


def accounts_as_of(
    conn: Connection, ledger_id: int, seq: int
) -> Iterator[tuple[str, Account, int]]:
    """All accounts that there were after `seq`, as they were, with their held points.

    In order of name, `/held` accounts not among them: the leaves of the state tree (rule 12). Of
    each, balance, count, last and nonce are told.
    """
    own: tuple[str, Account] | None = None
    held = 0
    for name, account in _rows_as_of(conn, ledger_id, seq):
        if name.endswith("/held"):
            held = account.balance if own and own[0] + "/held" == name else 0
            continue
        if own is not None:
            yield *own, held
        own, held = (name, account), 0
    if own is not None:
        yield *own, held


def _rows_as_of(conn: Connection, ledger_id: int, seq: int) -> Iterator[tuple[str, Account]]:
    """The rows of `account` as they were, in order of name, some at a time."""
    c = t.account.c
    query = (
        select(c.name, c.balance, c.last, c.nonce, c["count"])
        .where(c.ledger_id == ledger_id)
        .order_by(c.name)
        .limit(ACCOUNTS_PER_READ)
    )
    after = ""
    while rows := conn.execute(query.where(c.name > after)).all():
        until = rows[-1][0]
        past = _past(conn, ledger_id, seq, c.name > after, c.name <= until, c.last > seq)
        for name, balance, last, nonce, count in rows:
            if last <= seq:
                yield name, Account(balance, last, nonce, count)
            elif name in past:
                yield name, past[name]
        after = until


def _past(
    conn: Connection, ledger_id: int, seq: int, *which: ColumnElement[bool]
) -> dict[str, Account]:
    """Accounts as they were after `seq`; those that were not there are left out.

    So are held ones before their first posting.
    """
    rows = conn.execute(_past_query(ledger_id, seq, which))
    return {
        name: Account(balance or 0, last, decode(bytes(raw))["nonce"], count)
        for name, count, last, balance, raw in rows
    }


def _past_query(ledger_id: int, seq: int, which: Iterable[ColumnElement[bool]]) -> Select[Any]:
    """Rows (name, count, last, balance, raw) of accounts after `seq`, `raw` of the entry `last`.

    All by scalar subqueries: a join may be planned as a hash of the ledger's whole table.
    """
    a, p, m, e = t.account.c, t.posting.c, t.mention.c, t.entry.c
    own = (p.ledger_id == ledger_id, p.account == a.name)
    made = select(func.min(m.seq)).where(
        m.ledger_id == ledger_id, m.account == a.name, m.seq <= seq
    )
    founded = case((a.name.in_(FIXED_ACCOUNTS), 0))  # by entry 0
    posted = select(func.max(p.seq)).where(*own, p.seq <= seq)
    since = select(func.count()).where(*own, p.seq > seq)
    last = func.coalesce(posted.scalar_subquery(), made.scalar_subquery(), founded)
    balance = select(p.balance).where(*own, p.seq <= seq).order_by(p.seq.desc()).limit(1)
    past = (
        select(
            a.name,
            (a["count"] - since.scalar_subquery()).label("count"),
            last.label("last"),
            balance.scalar_subquery().label("balance"),
        )
        .where(a.ledger_id == ledger_id, *which)
        .subquery("past")
    )
    raw = select(e.raw).where(e.ledger_id == ledger_id, e.seq == past.c.last).scalar_subquery()
    columns = past.c.name, past.c["count"], past.c.last, past.c.balance, raw
    return select(*columns).where(past.c.last.is_not(None))
