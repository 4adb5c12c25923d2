"""Which day it is in a ledger's time zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, select

from ledger.journal import tables as t
from ledger.journal.times import format_time, local_day, parse_time, to_us


def offset_of(conn: Connection, ledger_id: int) -> int:
    """Minutes from UTC; `ledger_id` is that of a ledger there is."""
    query = select(t.head.c.utc_offset_minutes).where(t.head.c.ledger_id == ledger_id)
    offset: int = conn.execute(query).scalar_one()
    return offset


def today_of(conn: Connection, ledger_id: int, now: datetime) -> str:
    """The local day of a moment; `ledger_id` is that of a ledger there is."""
    return local_day(format_time(to_us(now)), offset_of(conn, ledger_id))


def clock_of(conn: Connection, ledger_id: int) -> Callable[[str], str]:
    """What makes of a time the local one, as people read it: `2026-11-24 10:03`."""
    ahead = offset_of(conn, ledger_id) * 60_000_000
    return lambda time: format_time(parse_time(time) + ahead)[:16].replace("T", " ")
