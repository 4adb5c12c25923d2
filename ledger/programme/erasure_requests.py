"""Requests for erasure: somebody asks that all about them is destroyed, and the office decides.

    taken-back   by the person, before anything was decided
    refused      with reasons, which the person is told (PIPL, art. 50)
    restricted   what has to be kept is, and nobody reads it but the person, and whom a legal duty
                 obliges, within an engagement; on a day that the log announces it is destroyed
                 (PIPL, art. 47; GB/T 40143-2021 asks for service records of at least ten years)
    erased       destroyed at once

Here they are asked for and found; `erasure_decisions.py` decides, `erasing.py` does it.  Whoever
withdraws the consent on which all rests asks by that (`people/consents.py`; PIPL, art. 47).

The two latter take two people and enter what `erasure.announce` does; the account has been closed
before, so that points of nobody's are left (rule 13 of docs/journal.md).  What was decided is done
right after, or by the next job: `finish`.  Reasons are records about the person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, select, tuple_

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Outcome
from ledger.journal.times import format_time, to_us
from ledger.programme.calendar import Calendar
from ledger.programme.ids import id_from
from ledger.programme.reading.days import today_of
from ledger.programme.recording import Change, compose
from ledger.programme.tables import erasure_request as table
from ledger.programme.wishes import Wish

OPEN, TAKEN_BACK = "open", "taken-back"
REFUSED, RESTRICTED, ERASED = "refused", "restricted", "erased"
STATES = (OPEN, TAKEN_BACK, REFUSED, RESTRICTED, ERASED)
CONSENT_WITHDRAWN = "consent-withdrawn"
"""The cause of a request that nobody made in words."""

RECORD = "erasure-request"
DUE_WORKING_DAYS = 15


class ErasureUnknown(PointsError):
    """The ledger has no such request for erasure."""

    code = "erasure-unknown"


class ErasureRefused(PointsError):
    """The request is decided already, or cannot be decided so yet, or not taken back."""

    code = "erasure-refused"


@dataclass(frozen=True, slots=True)
class Request:
    """A request for erasure; `due` and `until` are local days."""

    id: str
    person: str
    state: str
    due: str
    at: str
    decided_by: str | None
    approved_by: str | None
    decided_at: str | None
    until: str | None
    decision: str | None


class Asked(NamedTuple):
    """What became of asking: the id of the request that there is, unless it was refused."""

    id: str
    outcome: Outcome


class Asking(NamedTuple):
    """A request that is made: its id, the change of its record, and its row's companion."""

    id: str
    change: Change
    companion: Companion


def ask(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    calendar: Calendar,
    wish: Wish,
    reason: str | None,
    *,
    by: str | None = None,
) -> Asked:
    """Keeps that the wish's actor asks to be erased.

    `by` is who writes that for them, if they do not do it themselves.  Where an earlier request of
    theirs is open, it is that one.  Raises what `recording.compose` and `Appender.submit` raise.
    """
    person, name = wish.actor, id_of(wish.request)
    with database.reading() as conn:
        mine = list_requests(conn, ledger.id, person=person, state=OPEN, limit=1)
        today = today_of(conn, ledger.id, clock.now())
    if mine and mine[0].id != name:
        return Asked(mine[0].id, Done(-1, -1, replayed=True))
    at = format_time(to_us(clock.now()))
    said = {"reason": reason} if reason else {}
    asked = asking(calendar, name, person, said, today=today, at=at)
    composed = compose(database, ledger, clock, [asked.change], by=by or person, duty=True)
    companions = (*composed.companions, asked.companion)
    order = Order(request=wish.request, fingerprint=wish.fingerprint, companions=companions)
    (outcome,) = ledger.appender.submit(Group((order,)))
    return Asked(name, outcome)


def asking(
    calendar: Calendar, name: str, person: str, said: Mapping[str, str], *, today: str, at: str
) -> Asking:
    """A person's request, to go into an order with the change composed; its record tells `said`."""
    row: dict[str, Any] = dict.fromkeys(column.name for column in table.c)
    del row["ledger_id"]
    due = calendar.due(today, DUE_WORKING_DAYS).day
    row |= {"id": name, "person": person, "state": OPEN, "due": due, "at": at}
    change = Change(RECORD, name, person, {"asked_on": today, **said})
    return Asking(name, change, Companion(table, (name,), lambda _rows, _done: {name: row}))


def taking_back(name: str, *, by: str, at: str) -> Companion:
    """Closes a request as its person's own wish, if it is open; else it changes nothing."""

    def change(rows: Mapping[Any, CompanionRow | None], _: Done) -> Mapping[Any, CompanionRow]:
        row = rows[name]
        if row is None or row["state"] != OPEN:
            return {}
        closed = {"state": TAKEN_BACK, "decided_by": by, "decided_at": at, "done_at": at}
        return {name: {**row, **closed}}

    return Companion(table, (name,), change)


def id_of(request: str) -> str:
    """A request's id follows from that of the HTTP request, or its cause: it is made once."""
    return id_from("erasure-request", request, kind="erasure")


def find_request(conn: Connection, ledger_id: int, name: str, person: str | None = None) -> Request:
    """One request, a person's own where one is named; `ErasureUnknown`."""
    query = select(table).where(table.c.ledger_id == ledger_id, table.c.id == name)
    row = conn.execute(query).one_or_none()
    if row is None or person not in (None, row.person):
        raise ErasureUnknown(f"There is no request {name[:60]} in this ledger.")
    return _request(row)


def pending(conn: Connection, ledger_id: int, person: str) -> Request | None:
    """A request of a person's that waits, or by which they are restricted, if there is one."""
    c = table.c
    mine = (c.ledger_id == ledger_id) & (c.person == person) & c.state.in_((OPEN, RESTRICTED))
    row = conn.execute(select(table).where(mine).order_by(c.due.desc(), c.id)).first()
    return None if row is None else _request(row)


def list_requests(
    conn: Connection,
    ledger_id: int,
    *,
    person: str | None = None,
    state: str | None = None,
    after: str | None = None,
    limit: int,
) -> list[Request]:
    """At most `limit` requests, the soonest due first, those after the request `after`."""
    c = table.c
    query = select(table).where(c.ledger_id == ledger_id)
    if person is not None:
        query = query.where(c.person == person)
    if state is not None:
        query = query.where(c.state == state)
    if after is not None:
        last = find_request(conn, ledger_id, after)
        query = query.where(tuple_(c.due, c.id) > tuple_(last.due, last.id))
    return [_request(row) for row in conn.execute(query.order_by(c.due, c.id).limit(limit))]


def undone(
    conn: Connection, ledger_id: int, *conditions: ColumnElement[bool], done: bool = False
) -> list[Request]:
    """The requests of some rows, of which what was decided is not done yet, or is `done`."""
    c = table.c
    query = select(table).where(
        c.ledger_id == ledger_id, c.done_at.is_not(None) if done else c.done_at.is_(None)
    )
    rows = conn.execute(query.where(*conditions).order_by(c.due, c.id))
    return [_request(row) for row in rows]


def _request(row: Row[Any]) -> Request:
    return Request(
        row.id,
        row.person,
        row.state,
        row.due,
        row.at,
        row.decided_by,
        row.approved_by,
        row.decided_at,
        row.until,
        row.decision,
    )
