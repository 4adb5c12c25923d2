"""Holds: points that are set aside."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, select

from ledger.journal import tables as t


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold: whose, for whom, until when, and what is left of it (0: closed)."""

    seq: int
    account: str
    payee: str
    until: str
    left: int


def find_hold(conn: Connection, ledger_id: int, seq: int) -> HoldView | None:
    """The hold that the entry `seq` placed."""
    query = select(t.hold).where(t.hold.c.ledger_id == ledger_id, t.hold.c.seq == seq)
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    left = sum(points for _, points in orjson.loads(row.lots))
    return HoldView(row.seq, row.account, row.payee, row.until, left)
