"""`points expire` and `points clock`: what has to do with time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click
from sqlalchemy import Column, select, tuple_

from ledger.cli.place import chosen, installed
from ledger.cli.terminal import (
    Commands,
    Failure,
    actor_option,
    as_json,
    ledger_option,
    progress,
    tell,
)
from ledger.db import Database
from ledger.installation import Installation, OpenLedger
from ledger.journal import tables as t
from ledger.journal.commands import Expire, StateOfAll
from ledger.journal.orders import GROUP_COMMANDS_MAX, Done, Group, Order, Outcome
from ledger.journal.times import format_time, local_day, to_us


@click.command(short_help="Enter what is due of quiet accounts now.")
@ledger_option
@as_json
def expire(name: str | None, as_json: bool) -> None:
    """Enter what is due of quiet accounts now: holds past their time, points past their day.

    Whatever is due is entered anyway before anything else happens to an account, so this may run
    late, twice, or never.

    \b
    Example, in a nightly crontab:
      points expire --ledger beiyuan
    """
    accounts = entries = 0
    with installed() as installation, progress("accounts") as advance:
        ledger = chosen(installation, name)
        for names in due_accounts(installation, ledger):
            outcomes = _submit(ledger, [Order(command=Expire(account=one)) for one in names])
            accounts += len(names)
            entries += sum(o.last - o.first + 1 for o in outcomes if o.first >= 0)
            advance(len(names))
        ledger.publisher.publish()
        facts = {"ledger": ledger.name, "accounts": accounts, "entries": entries}
    tell(f"{entries} entries for {accounts} accounts", facts, as_json)


def due_accounts(installation: Installation, ledger: OpenLedger) -> Iterator[list[str]]:
    """The accounts with something due, in chunks of at most one group."""
    now = format_time(to_us(installation.clock.now()))
    with installation.database.reading() as conn:
        offset = select(t.head.c.utc_offset_minutes).where(t.head.c.ledger_id == ledger.id)
        today = local_day(now, conn.execute(offset).scalar_one())
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


@click.group(cls=Commands)
def clock() -> None:
    """The log's clock.

    \b
    Example:
      points clock accept --ledger beiyuan --actor person/…
    """


@clock.command(short_help="Vouch for the clock after a gap.")
@ledger_option
@actor_option
@as_json
def accept(name: str | None, actor: str, as_json: bool) -> None:
    """Vouch for the clock after a gap: enter the state of all accounts in the name of a person.

    After 31 days without an entry the ledger takes nothing else, so that a clock that jumped ahead
    is noticed. Compare this machine's time with another source first.

    \b
    Example:
      points clock accept --ledger beiyuan --actor person/…
    """
    with installed() as installation:
        ledger = chosen(installation, name)
        (done,) = _submit(ledger, [Order(command=StateOfAll(actor=actor))])
        ledger.publisher.publish()
        facts = {"ledger": ledger.name, "seq": done.last}
    tell(f"Entered as {done.last}: the clock is accepted.", facts, as_json)


def _submit(ledger: OpenLedger, orders: Sequence[Order]) -> list[Done]:
    outcomes = ledger.appender.submit(Group(tuple(orders), atomic=False))
    return [_done(outcome) for outcome in outcomes]


def _done(outcome: Outcome) -> Done:
    if not isinstance(outcome, Done):
        raise Failure(f"The ledger refused it: {outcome.message}.")
    return outcome
