"""Holds: points that are set aside."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection

from ledger.journal import tables as t
from ledger.journal.bulk import keyed


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
    return next(iter(find_holds(conn, ledger_id, (seq,))), None)


def find_holds(conn: Connection, ledger_id: int, seqs: Collection[int]) -> list[HoldView]:
    """The holds that these entries placed, the earliest first."""
    c = t.hold.c
    columns = (c.seq, c.account, c.payee, c.until, c.lots)
    rows = keyed(conn, columns, ledger_id, c.seq, seqs)
    return [
        HoldView(row.seq, row.account, row.payee, row.until, _left(row.lots))
        for row in sorted(rows, key=lambda row: row.seq)
    ]


def _left(lots: str) -> int:
    return sum(points for _, points in orjson.loads(lots))
