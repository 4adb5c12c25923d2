"""Done for somebody (代办): at a desk, a helper does what a member could do alone.

The member is present and shows their card, or is on the telephone.  The helper, signed in as
themselves, begins a *helping session*: a quarter of an hour in which they send the member's
requests.  It has what the role `member` lets everybody do with their own, without what concerns
signing in (`roles.HELPED`).  What is written meanwhile bears the helper's id, what is read or tried
stands in the audit trail as the helper's, and each change is an *errand* here, before it is made:

    begun ── done
       └──── refused          one that stays begun was cut short: it was made, or not

An errand names the thing that it was about.  Whoever helped with a thing neither verifies nor
honours it afterwards: rooms that decide on things ask `helpers_of` and `may_judge`.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, insert, or_, select, update

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.bulk import keyed
from ledger.journal.entry import new_id
from ledger.journal.times import format_time, to_us
from ledger.programme.people import sessions
from ledger.programme.people.sessions import HELPING, Helped, NewSession
from ledger.programme.people.tables import errand as table
from ledger.programme.reading.accounts import account_exists
from ledger.programme.tables import session as session_table

PRESENT, TELEPHONE = "present", "telephone"
WAYS = (PRESENT, TELEPHONE)
REASONS = ("no-device", "cannot-use-it", "lost-device", "asked")
"""Why somebody on the telephone is helped; whoever is present has shown a card."""

BEGUN, DONE, REFUSED = "begun", "done", "refused"
ERRANDS_SHOWN_MAX = 200


class HelpingRefused(PointsError):
    """Nobody is helped like that."""

    code = "helping-refused"


class HelpingUnknown(PointsError):
    """There is no helping session of that id of the caller's."""

    code = "helping-unknown"


class Helping(NamedTuple):
    """A helping session; `ended_at` None while it lasts or ran out by itself."""

    id: str
    person: str
    helper: str
    way: str
    reason: str | None
    begun_at: str
    expires_at: str
    ended_at: str | None


class Errand(NamedTuple):
    """One change that a helper tried, in the order in which they were begun."""

    id: str
    action: str
    method: str
    thing: str | None
    outcome: str
    at: str


# --- helping -------------------------------------------------------------------------------------


def begin(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    helper: str,
    person: str,
    way: str,
    reason: str | None,
) -> NewSession:
    """Begins a helping session of a helper's, who is signed in, for a member.

    Raises `HelpingRefused`, and what `Database.writing` raises.
    """
    if helper == person:
        raise HelpingRefused("You do what is your own under your own sign-in.")
    if (reason is None) == (way == TELEPHONE):
        raise HelpingRefused("Say why somebody on the telephone is helped, and of nobody else.")
    with database.reading() as conn:
        if not account_exists(conn, ledger.id, "member" + person.removeprefix("person")):
            raise HelpingRefused(f"There is no member {person} in this ledger.")
    return sessions.begin(database, ledger, clock, person, HELPING, Helped(helper, way, reason))


def end(database: Database, ledger: OpenLedger, clock: Clock, helper: str, helping_id: str) -> None:
    """Ends a helping session of a helper's; again, it changes nothing.  `HelpingUnknown`."""
    c = session_table.c
    with database.writing() as conn:
        found = find_helping(conn, ledger.id, helping_id, helper)
        if found.helper != helper:
            raise _unknown(helping_id)
        mine = (c.ledger_id == ledger.id) & (c.id == helping_id) & c.revoked_at.is_(None)
        conn.execute(update(session_table).where(mine).values(revoked_at=_now(clock)))


def begin_errand(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    helping_id: str,
    helper: str,
    action: str,
    method: str,
) -> str:
    """Puts on record that a helper is about to change something; the errand's id.

    `method` is the request's, in small letters: of one action, `post` and `delete` are opposites.
    """
    name = new_id("errand", os.urandom(16))
    row = {"ledger_id": ledger.id, "id": name, "session": helping_id, "helper": helper}
    row |= {"action": action, "method": method, "thing": None, "outcome": BEGUN, "at": _now(clock)}
    with database.writing() as conn:
        conn.execute(insert(table).values(**row))
    return name


def finish_errand(
    database: Database, ledger: OpenLedger, errand_id: str, outcome: str, thing: str | None
) -> None:
    """Puts on record what became of an errand, and which thing it was about."""
    mine = (table.c.ledger_id == ledger.id) & (table.c.id == errand_id)
    with database.writing() as conn:
        conn.execute(update(table).where(mine).values(outcome=outcome, thing=thing))


# --- reading -------------------------------------------------------------------------------------


def find_helping(conn: Connection, ledger_id: int, helping_id: str, whose: str) -> Helping:
    """A helping session in which that person helped, or was helped; `HelpingUnknown`."""
    c = session_table.c
    query = select(session_table).where(
        c.ledger_id == ledger_id,
        c.id == helping_id,
        c.lasts == HELPING,
        or_(c.helper == whose, c.person == whose),
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        raise _unknown(helping_id)
    times = (row.created_at, row.expires_at, row.revoked_at)
    return Helping(row.id, row.person, row.helper, row.way, row.reason, *times)


def errands_of(conn: Connection, ledger_id: int, helping_id: str) -> list[Errand]:
    """The first 200 errands of a helping session, in the order in which they were begun."""
    c = table.c
    query = select(c.id, c.action, c.method, c.thing, c.outcome, c.at).where(
        c.ledger_id == ledger_id, c.session == helping_id
    )
    rows = conn.execute(query.order_by(c.at, c.id).limit(ERRANDS_SHOWN_MAX))
    return [Errand(*row) for row in rows]


# --- whoever helped does not judge ---------------------------------------------------------------


def helpers_of(
    conn: Connection, ledger_id: int, things: Collection[str]
) -> dict[str, frozenset[str]]:
    """Who helped with each of these things, by their ids.  One statement."""
    c = table.c
    found: dict[str, frozenset[str]] = dict.fromkeys(things, frozenset())
    for row in keyed(conn, (c.thing, c.helper), ledger_id, c.thing, things, c.outcome == DONE):
        found[row.thing] |= {row.helper}
    return found


def may_judge(person: str, helpers: Collection[str]) -> bool:
    """Whether a person may verify or honour a thing with which these people helped.

    `person` is who decides; ask it too of whom a deputy stands in for.
    """
    return person not in helpers


def _unknown(helping_id: str) -> HelpingUnknown:
    return HelpingUnknown(f"There is no help {helping_id} that you gave or got.")


def _now(clock: Clock) -> str:
    return format_time(to_us(clock.now()))
