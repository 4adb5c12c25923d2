"""Memberships: to which organisation a person belongs, from a local day to another.

    claimed ── confirmed ── ended
       ├── declined
       └── ended

Somebody claims to belong to an organisation by its joining link, and the organisation confirms it
or declines; by its own invitation they are confirmed at once.  Leaving ends the membership, and
never the member.  A person has one open membership (claimed or confirmed) of an organisation.

An organisation sees those members who consent to that (purpose `employer`), and of the others only
how many they are (`headcount.py`).  So a claim is put before it only where it may know the name;
one who keeps their name to themselves stays a claim, and loses nothing by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, false, or_, select

from ledger.clock import Clock
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Refusal
from ledger.journal.times import format_time, to_us
from ledger.programme import records
from ledger.programme.ids import id_from
from ledger.programme.pages import first_of
from ledger.programme.people.consents import GIVEN
from ledger.programme.people.merges import belongs_to, together
from ledger.programme.people.serving import minutes_of
from ledger.programme.people.tables import consent
from ledger.programme.records import BASICS
from ledger.programme.roles import Reach
from ledger.programme.tables import membership as table

CLAIMED, CONFIRMED, DECLINED, ENDED = "claimed", "confirmed", "declined", "ended"
STATES = (CLAIMED, CONFIRMED, DECLINED, ENDED)
OPEN = (CLAIMED, CONFIRMED)
SHARING = "employer"
"""The purpose under which an organisation sees who its members are."""


class MembershipUnknown(PointsError):
    """There is no membership of that id that the caller may see."""

    code = "membership-unknown"


class MembershipRefused(PointsError):
    """What is asked does not follow from the state that the membership has."""

    code = "membership-refused"


@dataclass(frozen=True, slots=True)
class Membership:
    """A membership; the person's name, and minutes of service within it, are None unless they share
    them with the organisation."""

    id: str
    organisation: str
    person: str
    first: str
    last: str | None
    state: str
    by: str
    at: str
    shares: bool
    name: str | None = None
    minutes: int | None = None

    def __repr__(self) -> str:
        return f"<{self.id}, {self.state}>"


def open_one(
    conn: Connection, ledger: OpenLedger, person: str, organisation: str
) -> Membership | None:
    """The open membership that a person has of an organisation, if any.  Four statements."""
    c = table.c
    mine = (c.subject == person) & (c.organisation == organisation) & c.state.in_(OPEN)
    found = _opened(conn, ledger, _rows(conn, ledger.id, mine, limit=1))
    return found[0] if found else None


def id_of(organisation: str, person: str, first: str) -> str:
    """A membership's id: one of a person and an organisation for each day on which it may begin."""
    return id_from("membership", organisation, person, first)


def decide(
    ledger: OpenLedger, clock: Clock, membership: Membership, state: str, *, by: str
) -> None:
    """Confirms or declines a claim; what was decided so already changes nothing.

    Raises `MembershipRefused`, and what `Appender.submit` raises.
    """
    _move(ledger, clock, membership, {"state": state}, (CLAIMED,), by=by)


def end(ledger: OpenLedger, clock: Clock, membership: Membership, last: str, *, by: str) -> None:
    """Ends a membership, whose last day is today or an earlier one; again, it changes nothing.

    Raises `MembershipRefused`, also for a day before its first, and what `Appender.submit` raises.
    """
    if last < membership.first:
        raise MembershipRefused(
            f"It would end on {last}, before it began on {membership.first}. Mend the day."
        )
    _move(ledger, clock, membership, {"state": ENDED, "last": last}, OPEN, by=by)


def find_membership(
    conn: Connection, ledger: OpenLedger, membership_id: str, reach: Reach
) -> Membership:
    """One membership that `reach` reaches; `MembershipUnknown`, whether it is there or not."""
    rows = _rows(conn, ledger.id, table.c.id == membership_id, reached(reach), limit=1)
    if not rows:
        raise MembershipUnknown(f"There is no {membership_id} that you may see.")
    return _opened(conn, ledger, rows)[0]


def list_memberships(
    conn: Connection,
    ledger: OpenLedger,
    reach: Reach,
    *,
    organisation: str | None = None,
    state: str | None = None,
    after: str | None = None,
    limit: int,
) -> list[Membership]:
    """At most `limit` memberships that `reach` reaches, in order of their ids; six statements."""
    c = table.c
    conditions = [c.organisation == organisation] if organisation is not None else []
    conditions += [c.state == state] if state is not None else []
    conditions += [c.id > after] if after is not None else []
    listed = first_of(
        conn, table, ledger.id, _ways(conn, ledger.id, reach), *conditions, limit=limit
    )
    return _opened(conn, ledger, _rows(conn, ledger.id, listed, limit=limit))


def shares() -> ColumnElement[bool]:
    """Whether the person of a row shares their name with the organisation that they belong to."""
    c = consent.c
    return exists().where(
        c.ledger_id == table.c.ledger_id,
        c.person == table.c.subject,
        c.purpose == SHARING,
        c.state == GIVEN,
    )


def reached(reach: Reach) -> ColumnElement[bool]:
    """The rows that belong to a reach: a person's own; of their organisations the open ones, of
    those who share."""
    if reach.everything:
        return table.c.ledger_id.is_not(None)
    own = false() if reach.own is None else belongs_to(table.c.subject, reach.own)
    return or_(own, _shown_to(table.c.organisation.in_(sorted(reach.organisations))))


def _ways(conn: Connection, ledger_id: int, reach: Reach) -> list[ColumnElement[bool]]:
    """The same, each way by itself."""
    c = table.c
    if reach.everything:
        return [c.ledger_id.is_not(None)]
    people = () if reach.own is None else together(conn, ledger_id, reach.own)
    return [
        *(c.subject == each for each in people),
        *(_shown_to(c.organisation == each) for each in sorted(reach.organisations)),
    ]


def _shown_to(organisation: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(organisation, table.c.state.in_(OPEN), shares())


def _move(
    ledger: OpenLedger,
    clock: Clock,
    membership: Membership,
    values: Mapping[str, Any],
    before: tuple[str, ...],
    *,
    by: str,
) -> None:
    name, at = membership.id, format_time(to_us(clock.now()))

    def change(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        row = rows[name]
        if row is not None and row["state"] == values["state"]:
            return {}
        if row is None or row["state"] not in before:
            known = "erased" if row is None else row["state"]
            return Refusal(MembershipRefused.code, f"it is {known} already")
        return {name: {**row, **values, "by": by, "at": at}}

    (outcome,) = ledger.appender.submit(
        Group((Order(companions=(Companion(table, (name,), change),)),))
    )
    if isinstance(outcome, Refusal):
        message = outcome.message
        raise MembershipRefused(f"{message[0].upper()}{message[1:]}. Look at it anew.")


def _rows(
    conn: Connection, ledger_id: int, *conditions: ColumnElement[bool], limit: int
) -> Sequence[Row[Any]]:
    query = select(table, shares().label("shares")).where(
        table.c.ledger_id == ledger_id, *conditions
    )
    return conn.execute(query.order_by(table.c.id).limit(limit)).all()


def _opened(conn: Connection, ledger: OpenLedger, rows: Sequence[Row[Any]]) -> list[Membership]:
    told = records.newest(conn, ledger, BASICS, {row.subject for row in rows if row.shares})
    minutes = minutes_of(conn, ledger.id, [row.id for row in rows if row.shares])
    names = {name: (each.fields or {}).get("full_name") for name, each in told.items()}
    return [
        Membership(
            row.id,
            row.organisation,
            row.subject,
            row.first,
            row.last,
            row.state,
            row.by,
            row.at,
            bool(row.shares),
            names.get(row.subject),
            minutes.get(row.id),
        )
        for row in rows
    ]
