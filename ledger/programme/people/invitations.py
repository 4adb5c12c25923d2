"""Invitations: an organisation names people, by name and one contact, who are asked to join.

Each is a record (name and contact) under a data key of its own, a row with its state, and a message
to the contact with a link that only they have.

    open ── accepted      they joined, or were members, and belong to the organisation
      ├──── declined      they said so, by the link
      └──── expired       thirty days are over

Whom an organisation names is kept at once, and invited soon afterwards (`inviting.py`).  Invited
people count for nothing, and what is kept of them is erased as soon as it is over (`lapses.py`).
Nobody learns from this who accepted: the same is done, and told, whether somebody takes part
already, was invited before, or is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from ledger.clock import Clock
from ledger.db import Database
from ledger.installation import OpenLedger
from ledger.journal.bulk import keyed
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Outcome, Refusal
from ledger.journal.times import format_time, to_us
from ledger.programme import records
from ledger.programme.ids import id_from
from ledger.programme.lapses import DECLINED, OPEN, erase_now
from ledger.programme.messages import New, posting
from ledger.programme.people.contacts import Contact
from ledger.programme.people.links import Code, LinkRefused, code_of, read_code, url_of
from ledger.programme.people.memberships import OPEN as BELONGING
from ledger.programme.people.organisations import ADMITTED, Organisation, taking_part
from ledger.programme.people.tables import organisation as organisation_table
from ledger.programme.recording import Change, compose
from ledger.programme.records import BASICS, INVITED
from ledger.programme.tables import invitation as table
from ledger.programme.tables import membership
from ledger.programme.vault import living

KEPT = timedelta(days=30)
PER_ORDER = 100
MESSAGE = "invitation"


class Invitee(NamedTuple):
    """Somebody to invite: the place in their request, the name as written, the contact."""

    place: int
    name: str
    contact: Contact

    def __repr__(self) -> str:
        return f"<the invitee of row {self.place}>"


def enter(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    organisation: Organisation,
    invitees: Sequence[Invitee],
    *,
    batch: str,
    by: str,
) -> Outcome:
    """Invites at the most `PER_ORDER` people of a batch, by one order, in the name of a person.

    Those whom the organisation has invited or has as members are excepted; the same again enters
    nobody twice.  While the organisation is not admitted nobody is invited: a `Refusal` of
    `NOT_ADMITTED`; one of `CHANGED` where these were entered before.  Raises what
    `recording.compose` and `Appender.submit` raise.
    """
    with database.reading() as conn:
        settled = _settled(conn, ledger, organisation.id, invitees, format_time(to_us(clock.now())))
        names = {id_of(batch, each.place): each for each in invitees if each not in settled}
        # Who was erased stays so, where a backup brings back a batch and not what came of it.
        open_ = living(conn, ledger.id, names)
    wanted = {name: each for name, each in names.items() if name in open_}
    inviting = _inviting(database, ledger, clock, organisation, wanted, by) if wanted else ()
    order = Order(companions=(taking_part(organisation.id), *inviting))
    (outcome,) = ledger.appender.submit(Group((order,)))
    return outcome


def look(conn: Connection, ledger: OpenLedger, code: Code, now: str) -> str:
    """The organisation that invites by a code which is good now; `LinkRefused`.  One statement."""
    c, of = table.c, organisation_table.c
    query = (
        select(c.organisation)
        .join_from(
            table,
            organisation_table,
            (of.ledger_id == c.ledger_id) & (of.id == c.organisation),
        )
        .where(
            c.ledger_id == ledger.id,
            c.id == code.id,
            c.state == OPEN,
            c.until > now,
            of.status == ADMITTED,
        )
    )
    found: str | None = conn.execute(query).scalar_one_or_none()
    if found is None:
        raise LinkRefused
    return found


def decline(database: Database, ledger: OpenLedger, clock: Clock, text: str) -> None:
    """Whoever has an invitation's code wants none of it: what is kept of them is erased at once.

    Raises `LinkRefused`, and what `Appender.submit` raises.
    """
    code, now = read_code(ledger, text), format_time(to_us(clock.now()))
    if code.kind != INVITED:
        raise LinkRefused
    name = code.id
    (outcome,) = ledger.appender.submit(Group((Order(companions=(closing(name, DECLINED, now),)),)))
    if not isinstance(outcome, Done):
        raise LinkRefused
    erase_now(database, ledger, clock, name)


def closing(name: str, state: str, at: str) -> Companion:
    """What ends an open invitation, or refuses where it is over."""

    def change(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        row = rows[name]
        if row is None or row["state"] != OPEN or row["until"] <= at:
            return Refusal(LinkRefused.code, "the invitation is over")
        return {name: {**row, "state": state}}

    return Companion(table, (name,), change)


def id_of(batch: str, place: int) -> str:
    """An invitation's id follows from its batch and its place in it."""
    return id_from("invitation", batch, str(place))


def _inviting(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    organisation: Organisation,
    names: Mapping[str, Invitee],
    by: str,
) -> tuple[Companion, ...]:
    """What enters these invitations, given by their ids."""
    now, said = clock.now(), organisation.fields or {}
    called = said.get("name_zh") or said.get("name_en") or organisation.id
    row = {"organisation": organisation.id, "state": OPEN, "by": by}
    row |= {"at": format_time(to_us(now)), "until": format_time(to_us(now + KEPT))}
    rows = {name: {"id": name, **row} for name in names}
    changes = [
        Change(
            *(INVITED, name, name), {"full_name": each.name, each.contact.field: each.contact.value}
        )
        for name, each in names.items()
    ]
    messages = [
        New(name, MESSAGE, _told(ledger, name, called), name, each.contact.field)
        for name, each in names.items()
    ]
    return (
        *compose(database, ledger, clock, changes, by=by).companions,
        *posting(database, ledger, clock, messages, by=by),
        Companion(table, (*rows,), lambda _rows, _done: rows),
    )


def _told(ledger: OpenLedger, name: str, called: str) -> dict[str, str]:
    return {"organisation": called, "url": url_of(ledger, code_of(ledger, name))}


def _settled(
    conn: Connection, ledger: OpenLedger, organisation: str, invitees: Sequence[Invitee], now: str
) -> set[Invitee]:
    """Those whom the organisation has invited, or who belong to it.  At most five statements."""
    by_contact = {each.contact: each for each in invitees}
    places: dict[Contact, list[tuple[str, str]]] = {}
    for field in ("email", "phone"):
        values = [each.value for each in by_contact if each.field == field]
        for value, found in records.found_by(conn, ledger, field, values).items():
            places[Contact(field, value)] = found
    invited = {name for found in places.values() for kind, name in found if kind == INVITED}
    people = {name for found in places.values() for kind, name in found if kind == BASICS}
    open_ = _open_of(conn, ledger.id, organisation, invited, now)
    belonging = _belonging(conn, ledger.id, organisation, people)
    doubtful = [each.name for each in by_contact.values() if places.get(each.contact)]
    named = records.found_by(conn, ledger, "full_name", doubtful) if belonging else {}
    settled = set()
    for contact, found in places.items():
        each = by_contact[contact]
        theirs = {name for kind, name in found if kind == BASICS} & belonging
        namesakes = {name for kind, name in named.get(each.name, ()) if kind == BASICS}
        if theirs & namesakes or {name for _, name in found} & open_:
            settled.add(each)
    return settled


def _open_of(
    conn: Connection, ledger_id: int, organisation: str, names: set[str], now: str
) -> set[str]:
    c = table.c
    rows = keyed(conn, (c.id, c.organisation, c.state, c.until), ledger_id, c.id, names)
    return {
        row.id
        for row in rows
        if row.organisation == organisation and row.state == OPEN and row.until > now
    }


def _belonging(conn: Connection, ledger_id: int, organisation: str, people: set[str]) -> set[str]:
    c = membership.c
    columns = (c.subject, c.organisation, c.state)
    rows = keyed(conn, columns, ledger_id, c.subject, people)
    return {
        row.subject for row in rows if row.organisation == organisation and row.state in BELONGING
    }
