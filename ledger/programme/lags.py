"""How far publishing is behind what was entered, ledger by ledger."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from ledger.journal import tables as t
from ledger.journal.entry import decode
from ledger.journal.times import US_PER_SECOND, parse_time, to_us


class Lag(NamedTuple):
    """Entries of a ledger that no checkpoint covers yet, and the age of the oldest in seconds."""

    ledger: str
    entries: int
    seconds: float


def publish_lags(conn: Connection, now: datetime) -> list[Lag]:
    """The lag of each ledger at the time `now`, by one statement."""
    size, of = t.publication.c.size, t.publication.c.ledger_id
    # Tables of ledgers are joined with each other before those of the installation: Citus, where
    # these are copies on each machine, wants that for an outer join.
    joined = (
        t.publication.join(t.head, t.head.c.ledger_id == of)
        .outerjoin(t.entry, (t.entry.c.ledger_id == of) & (t.entry.c.seq == size))
        .join(t.ledger, t.ledger.c.ledger_id == of)
    )
    entries = (t.head.c.size - size).label("entries")
    query = select(t.ledger.c.name, entries, t.entry.c.raw).select_from(joined)
    return [
        Lag(row.name, row.entries, 0.0 if row.raw is None else _age(bytes(row.raw), now))
        for row in conn.execute(query.order_by(t.ledger.c.name))
    ]


def _age(raw: bytes, now: datetime) -> float:
    return max(0.0, (to_us(now) - parse_time(decode(raw)["at"])) / US_PER_SECOND)
