"""Invitations that lapse: what is kept of people who never came, and of those who did, is erased.

An invitation is about somebody who has not said yes to anything.  Their name and contact lie under
a data key of the invitation's own, which is destroyed as soon as they accept, for then they say who
they are themselves, or decline, or once thirty days are over.  Its row stays, with no more in it
than an organisation, a state and times, and is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import select

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order
from ledger.journal.times import format_time, to_us
from ledger.programme.erasure import destroy
from ledger.programme.reading.days import today_of
from ledger.programme.tables import data_key
from ledger.programme.tables import invitation as table

OPEN, ACCEPTED, DECLINED, EXPIRED = "open", "accepted", "declined", "expired"
PER_BATCH = 500


def erase_spent(database: Database, ledger: OpenLedger, clock: Clock) -> int:
    """Erases what is kept under invitations that are over, for whatever reason; how many.

    Cut short, it is finished by the next time.  Raises what `erasure.destroy` and `Appender.submit`
    raise.
    """
    erased, c, key = 0, table.c, data_key.c
    while True:
        now = format_time(to_us(clock.now()))
        query = (
            select(c.id, c.state)
            .join_from(table, data_key, (key.ledger_id == c.ledger_id) & (key.subject == c.id))
            .where(
                c.ledger_id == ledger.id,
                key.wrapped.is_not(None),
                (c.state != OPEN) | (c.until <= now),
            )
            .order_by(c.id)
            .limit(PER_BATCH)
        )
        with database.reading() as conn:
            rows = conn.execute(query).all()
            today = today_of(conn, ledger.id, clock.now())
        if not rows:
            return erased
        overdue = tuple(row.id for row in rows if row.state == OPEN)
        if overdue:
            ledger.appender.submit(Group((Order(companions=(_expiring(overdue, now),)),)))
        destroy(database, ledger, [row.id for row in rows], today)
        erased += len(rows)


def erase_now(database: Database, ledger: OpenLedger, clock: Clock, invitation: str) -> None:
    """Erases what is kept under an invitation that is over.

    Where that cannot be done now it is done within the hour: whoever accepted is not to be told
    that they did not.
    """
    with suppress(PointsError):
        with database.reading() as conn:
            today = today_of(conn, ledger.id, clock.now())
        destroy(database, ledger, (invitation,), today)


def _expiring(names: tuple[str, ...], now: str) -> Companion:
    def change(rows: Mapping[Any, CompanionRow | None], _: Done) -> Mapping[Any, CompanionRow]:
        return {
            name: {**row, "state": EXPIRED}
            for name, row in rows.items()
            if row is not None and row["state"] == OPEN and row["until"] <= now
        }

    return Companion(table, names, change)
