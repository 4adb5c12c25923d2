"""Work that is due of quiet accounts: holds past their time, points past their day.

The journal enters what is due before anything else happens to an account, so this only brings it
forward, for accounts to which nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sqlalchemy import Column, select, tuple_

from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import Installation, OpenLedger
from ledger.journal import tables as t
from ledger.journal.commands import Expire
from ledger.journal.orders import GROUP_COMMANDS_MAX, Done, Group, Order, Outcome
from ledger.journal.times import format_time, local_day, to_us
from ledger.programme.reading.days import offset_of


class WorkRefused(PointsError):
    """The ledger refused what time alone would bring; the sentence says what has to be done."""

    code = "work-refused"


class Brought(NamedTuple):
    """How many accounts had something due, and how many entries that made."""

    accounts: int
    entries: int


def bring_forward(
    installation: Installation, ledger: OpenLedger, progress: Callable[[int], None]
) -> Brought:
    """Enters what is due of every account now, in groups; `progress` is told accounts done.

    Raises `WorkRefused`, and what `Appender.submit` raises; what was entered before stays.
    """
    accounts = entries = 0
    for names in due_accounts(installation, ledger):
        orders = tuple(Order(command=Expire(account=name)) for name in names)
        outcomes = ledger.appender.submit(Group(orders, atomic=False))
        accounts += len(names)
        entries += sum(done.last - done.first + 1 for done in map(done_of, outcomes) if done.made)
        progress(len(names))
    return Brought(accounts, entries)


def done_of(outcome: Outcome) -> Done:
    """What was entered; `WorkRefused` where the book said no."""
    if not isinstance(outcome, Done):
        raise WorkRefused(f"The ledger refused it: {outcome.message}.")
    return outcome


def due_accounts(installation: Installation, ledger: OpenLedger) -> Iterator[list[str]]:
    """The accounts with something due, in chunks of at most one group."""
    now = format_time(to_us(installation.clock.now()))
    with installation.database.reading() as conn:
        today = local_day(now, offset_of(conn, ledger.id))
    yield from _before(installation.database, ledger.id, t.account.c.until, now)
    yield from _before(installation.database, ledger.id, t.account.c.lapses, today)


def _before(
    database: Database, ledger_id: int, column: Column[str], limit: str
) -> Iterator[list[str]]:
    """Accounts whose `column` is not empty and before `limit`, found by its partial index.

    The cursor only moves on, so that an account which stays due is not asked about for ever.
    """
    last = ("", "")
    while True:
        query = (
            select(column, t.account.c.name)
            .where(
                t.account.c.ledger_id == ledger_id,
                column != "",
                column < limit,
                tuple_(column, t.account.c.name) > tuple_(*last),
            )
            .order_by(column, t.account.c.name)
            .limit(GROUP_COMMANDS_MAX)
        )
        with database.reading() as conn:
            rows = conn.execute(query).all()
        if not rows:
            return
        last = (rows[-1][0], rows[-1][1])
        # What lapses while it is held stays capturable: only its owner's account is ever due.
        names = [name for _, name in rows if not name.endswith("/held")]
        if names:
            yield names
