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

from sqlalchemy import Select, select

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.bulk import keyed
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order
from ledger.journal.times import format_time, to_us
from ledger.programme.erasure import destroy
from ledger.programme.reading.days import today_of
from ledger.programme.tables import data_key
from ledger.programme.tables import invitation as table

OPEN, ACCEPTED, DECLINED, EXPIRED = "open", "accepted", "declined", "expired"
KIND = "invitation"
PER_BATCH = 500


def erase_spent(database: Database, ledger: OpenLedger, clock: Clock) -> int:
    """Erases what is kept under invitations that are over, for whatever reason; how many.

    Cut short, it is finished by the next time.  Raises what `erasure.destroy` and `Appender.submit`
    raise.
    """
    erased, after = 0, f"{KIND}/"
    while True:
        now = format_time(to_us(clock.now()))
        with database.reading() as conn:
            kept = conn.execute(_kept(ledger.id, after)).scalars().all()
            rows = keyed(conn, table.c, ledger.id, table.c.id, kept)
            today = today_of(conn, ledger.id, clock.now())
        if not kept:
            return erased
        after = kept[-1]
        spent = [row for row in rows if row.state != OPEN or row.until <= now]
        overdue = tuple(row.id for row in spent if row.state == OPEN)
        if overdue:
            ledger.appender.submit(Group((Order(companions=(_expiring(overdue, now),)),)))
        if spent:
            destroy(database, ledger, [row.id for row in spent], today)
        erased += len(spent)


def erase_now(database: Database, ledger: OpenLedger, clock: Clock, invitation: str) -> None:
    """Erases what is kept under an invitation that is over.

    Where that cannot be done now it is done within the hour: whoever accepted is not to be told
    that they did not.
    """
    with suppress(PointsError):
        with database.reading() as conn:
            today = today_of(conn, ledger.id, clock.now())
        destroy(database, ledger, (invitation,), today)


def _kept(ledger_id: int, after: str) -> Select[str]:
    """The next invitations of which something is kept: a range of an index of such keys alone."""
    key = data_key.c
    mine = (key.ledger_id == ledger_id, key.wrapped.is_not(None))
    named = (key.subject > after, key.subject < f"{KIND}0")  # 0 comes after /
    return select(key.subject).where(*mine, *named).order_by(key.subject).limit(PER_BATCH)


def _expiring(names: tuple[str, ...], now: str) -> Companion:
    def change(rows: Mapping[Any, CompanionRow | None], _: Done) -> Mapping[Any, CompanionRow]:
        return {
            name: {**row, "state": EXPIRED}
            for name, row in rows.items()
            if row is not None and row["state"] == OPEN and row["until"] <= now
        }

    return Companion(table, names, change)
