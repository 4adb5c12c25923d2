"""Reading within an engagement (`engagements.py`): one record at a time, each counted.

Each record that is read is numbered, 1, 2, 3 …, in a row that is on disk before anything of it is
shown.  One that was read before costs nothing again.  Of two who read at once each gets a number of
their own, or is refused: never more than were granted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, case, func, select

from ledger.clock import Clock
from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Refusal
from ledger.journal.times import format_time, to_us
from ledger.programme import records
from ledger.programme.engagements import Engagement, EngagementRefused, find_engagement
from ledger.programme.reading.days import today_of
from ledger.programme.records import Record, RecordUnknown
from ledger.programme.roles import Reach
from ledger.programme.tables import engagement as table
from ledger.programme.tables import engagement_record as read
from ledger.programme.tables import record
from ledger.programme.vault import lawful

TRIES = 10
"""How often a reader asks for the next number where others take numbers at once."""

NOT_NUMBERED = "engagement-number"


def read_record(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    engagement_id: str,
    place: tuple[str, str],
    reach: Reach,
) -> Record:
    """The newest version of the record (kind, id), once it has its number within the engagement.

    Raises `EngagementUnknown`, `EngagementRefused` where it does not reach that, `RecordUnknown`,
    and what `records.one` and `Appender.submit` raise.
    """
    for _ in range(TRIES):
        with database.reading() as conn:
            found = find_engagement(conn, ledger.id, engagement_id, reach)
            _check_open(found, place[0], today_of(conn, ledger.id, clock.now()))
            _check_there(conn, ledger.id, found, place)
            last, before = _numbers(conn, ledger.id, engagement_id, place)
        if before or _numbered(ledger, clock, found, last + 1, place):
            with database.reading() as conn:
                return records.one(conn, lawful(ledger), *place)
    raise EngagementRefused("Others read within this engagement at the same time. Send it again.")


def _check_open(found: Engagement, kind: str, today: str) -> None:
    if found.ended_at is not None:
        raise EngagementRefused(f"This engagement was ended at {found.ended_at}. Ask for another.")
    if not found.first <= today <= found.last:
        raise EngagementRefused(
            f"This engagement is from {found.first} to {found.last}, and today is {today}."
        )
    if kind not in found.kinds:
        raise EngagementRefused(
            f"This engagement is for records of the kinds {', '.join(found.kinds)} alone."
        )


def _check_there(
    conn: Connection, ledger_id: int, found: Engagement, place: tuple[str, str]
) -> None:
    """`RecordUnknown` for a record that is not there, or is of another subject."""
    mine = (record.c.kind == place[0]) & (record.c.id == place[1]) & (record.c.version == 1)
    query = select(record.c.subject).where(record.c.ledger_id == ledger_id, mine)
    subject = conn.execute(query).scalar_one_or_none()
    if subject is None or found.subject not in (None, subject):
        raise RecordUnknown(f"There is no {place[0]} {place[1]} that this engagement reaches.")


def _numbers(
    conn: Connection, ledger_id: int, engagement_id: str, place: tuple[str, str]
) -> tuple[int, bool]:
    """The last number within the engagement, and whether that record has one."""
    this = (read.c.kind == place[0]) & (read.c.record == place[1])
    query = select(func.coalesce(func.max(read.c.number), 0), func.count(case((this, 1)))).where(
        read.c.ledger_id == ledger_id, read.c.engagement == engagement_id
    )
    last, before = conn.execute(query).one()
    return int(last), bool(before)


def _numbered(
    ledger: OpenLedger, clock: Clock, found: Engagement, number: int, place: tuple[str, str]
) -> bool:
    """Gives a record that number, unless somebody took it; `EngagementRefused` beyond the last."""
    if number > found.records:
        raise EngagementRefused(
            f"The {found.records} records of this engagement have been read: ask for another."
        )
    row: CompanionRow = {
        "engagement": found.id,
        "number": number,
        "kind": place[0],
        "record": place[1],
        "at": format_time(to_us(clock.now())),
    }
    key = (found.id, number)

    def enter(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        if rows[key] is not None:
            return Refusal(NOT_NUMBERED, "the number is taken")
        return {key: row}

    def lasts(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        before = rows[found.id]
        if before is None or before["ended_at"] is not None:
            return Refusal(NOT_NUMBERED, "the engagement has ended")
        return {}

    companions = (Companion(table, (found.id,), lasts), Companion(read, (key,), enter))
    (outcome,) = ledger.appender.submit(Group((Order(companions=companions),)))
    return isinstance(outcome, Done)
