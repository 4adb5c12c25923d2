"""People of the staff: introduced to the log with the roles that they hold, in one order.

It is what `points user add` does for whoever runs the service.  The rules are those of the API:
raising somebody to office, and roles of the office and of auditors, take two people of the office.
Whoever is to sign in needs a contact, which goes into their `basics`; `enrolment.invite` then gives
the code that is handed over.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.commands import Statement
from ledger.journal.entry import to_base64
from ledger.journal.orders import Done, Group, Order
from ledger.journal.times import format_time, to_us
from ledger.programme import records
from ledger.programme.grants import TWO_PEOPLE_ROLES, GrantRefused, check, granting, id_of
from ledger.programme.people.contacts import Contact
from ledger.programme.reading.days import today_of
from ledger.programme.reading.people import standing_of
from ledger.programme.recording import Change, compose
from ledger.programme.records import BASICS

STANDINGS = ("office", "partner", "auditor")
"""What people of the staff are in the log."""


class StaffRefused(PointsError):
    """The person was not added; nothing was changed."""

    code = "staff-refused"


class Given(NamedTuple):
    """A role to be given, of an organisation where it is one of these."""

    role: str
    organisation: str | None = None


class Added(NamedTuple):
    """A person, the entry that gives their standing, and the grants of their roles."""

    person: str
    seq: int
    grants: tuple[str, ...]


def add_person(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    person: str,
    standing: str,
    roles: Sequence[Given],
    *,
    actor: str,
    approver: str | None = None,
    contact: Contact | None = None,
) -> Added:
    """Enters the standing of a person, with roles from today on, and what they sign in with.

    Raises `StaffRefused`, `GrantRefused`, and what `compose` and `Appender.submit` raise; nothing
    was changed then.
    """
    if len(set(roles)) < len(roles):
        raise GrantRefused("Name each role once.")
    with database.reading() as conn:
        first = today_of(conn, ledger.id, clock.now())
        wanted = [_values(person, given, first) for given in roles]
        _check_people(conn, ledger.id, actor, approver, needed=_needs_two(standing, roles))
        for values in wanted:
            check(conn, ledger.id, values, becoming=standing)
    at = format_time(to_us(clock.now()))
    requests = [to_base64(os.urandom(32)) for _ in wanted]
    companions = [
        granting(values, request=request, by=actor, at=at)
        for values, request in zip(wanted, requests, strict=True)
    ]
    if contact is not None:
        change = _reached_by(database, ledger, person, contact)
        companions += compose(database, ledger, clock, (change,), by=actor).companions
    fields = {"person": person, "standing": standing}
    command = Statement(kind="person", fields=fields, actor=actor, approver=approver)
    order = Order(command=command, companions=tuple(companions))
    (outcome,) = ledger.appender.submit(Group((order,)))
    if not isinstance(outcome, Done):
        raise StaffRefused(f"{outcome.message[0].upper()}{outcome.message[1:]}.")
    return Added(person, outcome.last, tuple(map(id_of, requests)))


def _needs_two(standing: str, roles: Sequence[Given]) -> bool:
    return standing == "office" or any(given.role in TWO_PEOPLE_ROLES for given in roles)


def _check_people(
    conn: Connection, ledger_id: int, actor: str, approver: str | None, *, needed: bool
) -> None:
    if needed and approver is None:
        raise StaffRefused(
            "Raising somebody to office, and roles of the office and auditors', take two people:"
            " name an approver as well."
        )
    if approver == actor:
        raise StaffRefused("The approver is another person than the actor.")
    for each in (actor, *([approver] if approver else [])):
        if standing_of(conn, ledger_id, each) != "office":
            raise StaffRefused(f"{each} is not of standing office, and adds nobody.")


def _values(person: str, given: Given, first: str) -> Mapping[str, Any]:
    values = {"person": person, "role": given.role, "first": first}
    return values if given.organisation is None else values | {"organisation": given.organisation}


def _reached_by(database: Database, ledger: OpenLedger, person: str, contact: Contact) -> Change:
    """Their `basics` with that contact, whatever else is in them."""
    with database.reading() as conn:
        before = records.newest(conn, ledger, BASICS, (person,)).get(person)
    fields = {} if before is None or before.fields is None else dict(before.fields)
    fields[contact.field] = contact.value
    return Change(BASICS, person, person, fields, seen=0 if before is None else before.version)
