"""Messages on paper: what is printed, or told by telephone, until somebody says that it was.

There a message goes whose person chose so, or cannot be reached otherwise (`delivery.py`).
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, select, tuple_, update

from ledger.clock import Clock
from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal.times import format_time, to_us
from ledger.programme.delivery import written
from ledger.programme.messages import MessageUnknown, Text
from ledger.programme.tables import message as table


class Paper(NamedTuple):
    """A message to be printed, or told by telephone, in its person's language.

    `reached` is how somebody who joined on paper said that they are reached.
    """

    id: str
    person: str
    name: str | None
    phone: str | None
    reached: str | None
    text: Text
    since: str


def paper_list(
    conn: Connection, ledger: OpenLedger, *, after: str | None, limit: int
) -> list[Paper]:
    """At most `limit` messages to be handed over, the longest waiting first, after that one.

    Raises `MessageUnknown` for an `after` that is not there, and what `records.newest` raises.
    """
    c = table.c
    query = select(table).where(c.ledger_id == ledger.id, c.state == "paper")
    if after is not None:
        mine = (c.ledger_id == ledger.id) & (c.id == after)
        last = conn.execute(select(c.next_at).where(mine)).scalar_one_or_none()
        if last is None:
            raise MessageUnknown(f"There is no {after[:60]} on the list: begin it anew.")
        query = query.where(tuple_(c.next_at, c.id) > tuple_(last, after))
    rows = conn.execute(query.order_by(c.next_at, c.id).limit(limit)).all()
    return [
        Paper(
            row.id,
            row.subject,
            known.get("full_name"),
            known.get("phone"),
            known.get("reached"),
            text,
            row.next_at,
        )
        for row, known, text in written(conn, ledger, rows)
    ]


def hand_over(database: Database, ledger: OpenLedger, clock: Clock, name: str, *, by: str) -> None:
    """Notes that a message was handed over or told; said again by the same person, once.

    `MessageUnknown` for one that is not on the list.
    """
    c = table.c
    mine = (c.ledger_id == ledger.id) & (c.id == name)
    open_to = (c.state == "paper") | ((c.state == "handed") & (c.done_by == by))
    done_at = func.coalesce(c.done_at, format_time(to_us(clock.now())))
    values = {"state": "handed", "done_at": done_at, "done_by": by}
    with database.writing() as conn:
        if not conn.execute(update(table).where(mine, open_to).values(**values)).rowcount:
            raise MessageUnknown(f"There is no {name[:60]} on the list.")
