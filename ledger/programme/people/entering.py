"""Entering an organisation by the code of a link: its joining link, or an invitation of its own.

By a joining link somebody claims to belong to it, and it confirms that later.  By an invitation
they are confirmed at once where the contact is their own, since it named them itself; whoever was
handed somebody else's invitation claims it like others.  An invitation is good once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order
from ledger.journal.times import format_time, to_us
from ledger.programme import records
from ledger.programme.lapses import ACCEPTED, erase_now
from ledger.programme.people import invitations, links, memberships
from ledger.programme.people.contacts import Contact, contact_of
from ledger.programme.people.links import LinkRefused, read_code
from ledger.programme.people.memberships import CLAIMED, CONFIRMED, Membership, id_of
from ledger.programme.reading.days import today_of
from ledger.programme.records import BASICS, INVITED
from ledger.programme.roles import Reach
from ledger.programme.tables import membership as table


class Entering(NamedTuple):
    """What a code lets its bearer do on a local day: become a member of that organisation."""

    organisation: str
    today: str
    invitation: str | None = None
    invited: Contact | None = None
    before: Membership | None = None  # an open one that the bearer has

    def companions(
        self, person: str, contacts: Collection[Contact], at: str
    ) -> tuple[Companion, ...]:
        """What makes a person with these contacts a member of it, or refuses where it is late."""
        state = CONFIRMED if self.invited in contacts else CLAIMED
        name = self.before.id if self.before else id_of(self.organisation, person, self.today)
        fresh = {"id": name, "organisation": self.organisation, "subject": person}
        fresh |= {"first": self.today}

        def change(rows: Mapping[Any, CompanionRow | None], _: Done) -> Mapping[Any, CompanionRow]:
            row = rows[name]
            is_open = row is not None and row["state"] in memberships.OPEN
            if is_open and row is not None and row["state"] in (state, CONFIRMED):
                return {}
            kept = row if is_open and row is not None else {**fresh, "last": None}
            return {name: {**kept, "state": state, "by": person, "at": at}}

        entering = Companion(table, (name,), change)
        if self.invitation is None:
            return (entering,)
        return (entering, invitations.closing(self.invitation, ACCEPTED, at))

    def settle(self, database: Database, ledger: OpenLedger, clock: Clock) -> None:
        """Erases what was kept of the invitation, once it has been accepted."""
        if self.invitation is not None:
            erase_now(database, ledger, clock, self.invitation)


def entering(database: Database, ledger: OpenLedger, clock: Clock, text: str) -> Entering:
    """What a code is good for now; `LinkRefused`, and what `records.newest` raises."""
    code, now = read_code(ledger, text), clock.now()
    with database.reading() as conn:
        today = today_of(conn, ledger.id, now)
        if code.kind != INVITED:
            return Entering(links.organisation_by(conn, ledger, code), today)
        organisation = invitations.look(conn, ledger, code, format_time(to_us(now)))
        kept = records.newest(conn, ledger, INVITED, (code.id,)).get(code.id)
    found = _contacts({} if kept is None else kept.fields or {})
    return Entering(organisation, today, code.id, found[0] if found else None)


def enter(
    database: Database, ledger: OpenLedger, clock: Clock, person: str, text: str
) -> Membership:
    """A member says, by a code, that they belong to its organisation; again, it changes nothing.

    Raises `LinkRefused`, and what `records.newest` and `Appender.submit` raise.
    """
    entry = entering(database, ledger, clock, text)
    with database.reading() as conn:
        before = memberships.open_one(conn, ledger, person, entry.organisation)
        basics = records.newest(conn, ledger, BASICS, (person,)).get(person)
    if before is not None and entry.invitation is None:
        return before
    contacts = _contacts({} if basics is None else basics.fields or {})
    at = format_time(to_us(clock.now()))
    companions = entry._replace(before=before).companions(person, contacts, at)
    (outcome,) = ledger.appender.submit(Group((Order(companions=companions),)))
    if not isinstance(outcome, Done):
        raise LinkRefused
    entry.settle(database, ledger, clock)
    name = before.id if before else id_of(entry.organisation, person, entry.today)
    with database.reading() as conn:
        return memberships.find_membership(conn, ledger, name, Reach(own=person))


def _contacts(fields: Mapping[str, Any]) -> list[Contact]:
    """The contacts among somebody's basics, or an invitation's, each in its one form."""
    found = []
    for field in ("email", "phone"):
        try:
            found.append(contact_of(fields.get(field) or ""))
        except PointsError:
            continue  # none, or one that was kept before it had to have a form
    return found
