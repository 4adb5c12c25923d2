"""A ledger at a glance: its head, how it grew, where its points are, who signs for it.

Everything is read from committed rows in a transaction of the caller's, in a number of statements
that grows with the logarithm of the log at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import orjson
from sqlalchemy import Connection, func, select

from ledger.journal import log
from ledger.journal import tables as t
from ledger.journal.bulk import keyed
from ledger.journal.entry import FIXED_ACCOUNTS, decode
from ledger.journal.store import read_accounts
from ledger.journal.times import local_day, start_of_day
from ledger.programme.reading.days import offset_of
from ledger.tlog.merkle import CompactRange

GROWTH_DAYS = 30
HEADS_MAX = 8


@dataclass(frozen=True, slots=True)
class PublishedHead:
    """A head that was signed and published: its size, when, and its root."""

    size: int
    at: str
    root: bytes


@dataclass(frozen=True, slots=True)
class Totals:
    """Points of the whole ledger: issued by budgets less what came back, and where they went.

    `gone` names each fixed account with its balance; `held` by members and organisations are all
    the others.
    """

    issued: int
    gone: dict[str, int]

    @property
    def held(self) -> int:
        """Points that members and organisations have, those set aside included."""
        return self.issued - sum(self.gone.values())


@dataclass(frozen=True, slots=True)
class Glance:
    """Where a ledger stands: entries in the log, their root, the time of the last.

    `published` are the newest published heads, the newest first; `days` the entries of each of the
    last local days, the oldest first.
    """

    size: int
    at: str
    root: bytes
    utc_offset_minutes: int
    published: tuple[PublishedHead, ...]
    days: tuple[tuple[str, int], ...]
    totals: Totals


def glance(conn: Connection, ledger_id: int) -> Glance:
    """The ledger as it stands."""
    head = conn.execute(select(t.head).where(t.head.c.ledger_id == ledger_id)).one()
    return Glance(
        size=head.size,
        at=head.at,
        root=CompactRange.decode(head.size, bytes(head.edge)).root(),
        utc_offset_minutes=head.utc_offset_minutes,
        published=_published(conn, ledger_id),
        days=_growth(conn, ledger_id, head.size, local_day(head.at, head.utc_offset_minutes)),
        totals=_totals(conn, ledger_id),
    )


def log_keys(conn: Connection, ledger_id: int) -> tuple[str, ...]:
    """The verifier keys that the log names, those of the newest generation first."""
    query = select(t.keyset.c.vkeys).where(t.keyset.c.ledger_id == ledger_id)
    rows = conn.execute(query.order_by(t.keyset.c.seq.desc())).scalars()
    return tuple(dict.fromkeys(vkey for row in rows for vkey in orjson.loads(row)))


def sizes_before(
    conn: Connection, ledger_id: int, size: int, times: Sequence[str]
) -> tuple[int, ...]:
    """For each of `times`, how many of the first `size` entries are older.

    All are searched by halves together: a statement for each halving, not for each time.
    """
    bounds = [[0, size] for _ in times]
    while any(low < high for low, high in bounds):
        middles = {(low + high) // 2 for low, high in bounds if low < high}
        wanted = (t.entry.c.seq, t.entry.c.raw)
        rows = keyed(conn, wanted, ledger_id, t.entry.c.seq, middles)
        at = {row.seq: decode(bytes(row.raw))["at"] for row in rows}
        for bound, time in zip(bounds, times, strict=True):
            low, high = bound
            if low < high:
                middle = (low + high) // 2
                bound[:] = [middle + 1, high] if at[middle] < time else [low, middle]
    return tuple(low for low, _ in bounds)


def _growth(conn: Connection, ledger_id: int, size: int, today: str) -> tuple[tuple[str, int], ...]:
    offset = offset_of(conn, ledger_id)
    last = date.fromisoformat(today)
    days = [(last - timedelta(days=ago)).isoformat() for ago in reversed(range(GROWTH_DAYS))]
    starts = sizes_before(conn, ledger_id, size, [start_of_day(day, offset) for day in days])
    ends = (*starts[1:], size)
    return tuple((day, end - start) for day, start, end in zip(days, starts, ends, strict=True))


def _published(conn: Connection, ledger_id: int) -> tuple[PublishedHead, ...]:
    query = (
        select(t.checkpoint)
        .where(t.checkpoint.c.ledger_id == ledger_id)
        .order_by(t.checkpoint.c.size.desc())
        .limit(HEADS_MAX)
    )
    rows = conn.execute(query).all()
    return tuple(PublishedHead(row.size, row.at, log.root_in(bytes(row.note))) for row in rows)


def _totals(conn: Connection, ledger_id: int) -> Totals:
    of_budgets = (
        select(func.coalesce(func.sum(t.account.c.balance), 0))
        .select_from(
            t.budget.join(
                t.account,
                (t.account.c.ledger_id == t.budget.c.ledger_id)
                & (t.account.c.name == t.budget.c.account),
            )
        )
        .where(t.budget.c.ledger_id == ledger_id)
    )
    fixed = read_accounts(conn, ledger_id, FIXED_ACCOUNTS)
    gone = {name: fixed[name].balance for name in FIXED_ACCOUNTS if name in fixed}
    return Totals(-int(conn.execute(of_budgets).scalar_one()), gone)
