"""Done for somebody (代办): at a desk, a helper does what a member could do alone.

The member is present and shows their card, or is on the telephone and reads out a code that was
sent to them: an id, or a card's number, is known to others too.  The helper, signed in as
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
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection, insert, or_, select, update

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.bulk import keyed
from ledger.journal.entry import new_id
from ledger.journal.times import format_time, to_us
from ledger.programme import messages, records
from ledger.programme.channels import Outgoing
from ledger.programme.messages import Kind, New, Text
from ledger.programme.people import codes, organisations, sessions
from ledger.programme.people.contacts import Contact, reached_at
from ledger.programme.people.devices import CodeRefused
from ledger.programme.people.labels import Label
from ledger.programme.people.sessions import HELPING, Helped, NewSession
from ledger.programme.people.tables import errand as table
from ledger.programme.reading.accounts import account_exists
from ledger.programme.reading.days import clock_of
from ledger.programme.roles import HELPED, TELEPHONE
from ledger.programme.tables import session as session_table

WAYS = tuple(HELPED)
REASONS = ("no-device", "cannot-use-it", "lost-device", "asked")
"""Why somebody on the telephone is helped; whoever is present has shown a card."""

BEGUN, DONE, REFUSED = "begun", "done", "refused"
ERRANDS_SHOWN_MAX = 200

MESSAGE = "helped"
OFFICE = Label("办公室", "the office")
_PURPOSE = "helping"
_SUBJECT = "代办验证码 · A code to be helped"
_TEXT = (
    "{who}要通过电话为您代办，验证码 {code}，{minutes} 分钟内有效。您本人正在请其代办时才可告知。"
    " {who} is about to do things for you by telephone. Read out {code}, good for {minutes}"
    " minutes, only if it is you who asked for that."
)

messages.register(
    MESSAGE,
    Kind(
        frozenset({"who", "at"}),
        Text(
            "有人为您代办",
            "$at，$who开始为您代办。如您当时不在场，也未来电，请立即联系办公室。",
        ),
        Text(
            "You were helped",
            "At $at $who began to do something for you. If you were neither there nor on the"
            " telephone, tell the office at once.",
        ),
    ),
)


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


def called(conn: Connection, ledger: OpenLedger, for_whom: Collection[str | None]) -> str:
    """What the organisations are called for which somebody helps; None is the office.

    Raises what `records.newest` raises.
    """
    if None in for_whom:
        return str(OFFICE)
    names = sorted(name for name in for_whom if name is not None)
    found = records.newest(conn, ledger, organisations.RECORD, names)
    return ", ".join(_called(name, found.get(name)) for name in names)


def told_of(conn: Connection, ledger: OpenLedger, person: str, helping_id: str) -> str:
    """Who helps in a helping session, as its member was told when it began.

    Raises what `records.newest` raises.
    """
    name = New(person, MESSAGE, {}, helping_id).id
    values = messages.values_of(conn, ledger, [name])
    return str(values[name]["who"])


def ask_code(
    database: Database, ledger: OpenLedger, clock: Clock, helper: str, person: str, who: str
) -> tuple[Contact, Outgoing | None]:
    """Where a member on the telephone gets the code that they read out, and the message with it.

    `who` is what they are told of who helps.  No message where the contact had its codes of this
    hour.  Raises `HelpingRefused`, and what `Database.writing` raises.
    """
    with database.reading() as conn:
        contact = _reached(conn, ledger, helper, person)
    code = codes.make_code(database, ledger, clock, _PURPOSE, contact)
    if code is None:
        return contact, None
    values = {"code": code, "minutes": codes.LASTS // timedelta(minutes=1), "who": who}
    name = new_id("message", os.urandom(16))
    text = _TEXT.format_map(values)
    return contact, Outgoing(name, contact.value, "helping-code", _SUBJECT, text)


def begin(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    helper: str,
    person: str,
    way: str,
    reason: str | None,
    *,
    code: str | None = None,
    who: str = "",
) -> NewSession:
    """Begins a helping session of a helper's, who is signed in, for a member.

    On the telephone it takes the `code` that the member was sent.  They are told in a message `who`
    helps and when.  Raises `HelpingRefused`, `CodeRefused`, and what `Database.writing` and
    `messages.post` raise: then nobody has the session's text.
    """
    helped = Helped(helper, way, reason)
    if (reason is None) == (way == TELEPHONE):
        raise HelpingRefused("Say why somebody on the telephone is helped, and of nobody else.")
    with database.reading() as conn:
        contact = None
        if way == TELEPHONE:
            contact = _reached(conn, ledger, helper, person)
        else:
            _want_member(conn, ledger, helper, person)
        shown_by = clock_of(conn, ledger.id)
    if contact and not codes.use_code(database, ledger, clock, _PURPOSE, contact, code or ""):
        raise CodeRefused
    made = sessions.begin(database, ledger, clock, person, HELPING, helped)
    told = New(person, MESSAGE, {"who": who, "at": shown_by(_now(clock))}, made.id)
    messages.post(database, ledger, clock, told, by=helper)
    return made


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


def _want_member(conn: Connection, ledger: OpenLedger, helper: str, person: str) -> None:
    if helper == person:
        raise HelpingRefused("You do what is your own under your own sign-in.")
    if not account_exists(conn, ledger.id, "member" + person.removeprefix("person")):
        raise HelpingRefused(f"There is no member {person} in this ledger.")


def _reached(conn: Connection, ledger: OpenLedger, helper: str, person: str) -> Contact:
    """Where a code for a member on the telephone goes."""
    _want_member(conn, ledger, helper, person)
    contact = reached_at(conn, ledger, person)
    if contact is None:
        raise HelpingRefused(
            "No telephone number or e-mail address of theirs is known, so nobody can tell who"
            " calls. They come to a desk, with their card."
        )
    return contact


def _called(name: str, found: records.Record | None) -> str:
    said = {} if found is None or found.fields is None else found.fields
    zh, en = said.get("name_zh"), said.get("name_en")
    return str(Label(zh or en or name, en or zh or name))


def _unknown(helping_id: str) -> HelpingUnknown:
    return HelpingUnknown(f"There is no help {helping_id} that you gave or got.")


def _now(clock: Clock) -> str:
    return format_time(to_us(clock.now()))
