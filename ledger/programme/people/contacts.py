"""Contacts that people sign in with: a telephone number or an e-mail address of theirs.

A person's own contacts are those of their newest `basics`, and confirmed ones alone are in it.
People are found by blind index, so what is found are candidates, perhaps several: families have one
telephone.  No record is opened for it.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from ledger.installation import OpenLedger
from ledger.journal.bulk import keyed
from ledger.programme import records
from ledger.programme.findable import FINDABLE
from ledger.programme.ids import id_from
from ledger.programme.records import BASICS, find_value
from ledger.programme.tables import blind_index
from ledger.programme.vault import lawful


class Contact(NamedTuple):
    """A telephone number or an e-mail address in its one form (`findable.py`)."""

    field: str  # `phone` or `email`
    value: str

    def __repr__(self) -> str:
        return f"<a contact by {self.field}>"


def contact_of(text: str) -> Contact:
    """What somebody typed as their number or address; `FieldRefused` for what is neither."""
    field = "email" if "@" in text or "＠" in text else "phone"
    return Contact(field, FINDABLE[field](text))


def people_with(conn: Connection, ledger: OpenLedger, contact: Contact) -> list[str]:
    """The people whose own contact it is, in order of their ids.  One statement."""
    c = blind_index.c
    key = (contact.field, find_value(ledger, *contact))
    rows = keyed(conn, (c.subject, c.kind), ledger.id, (c.field, c.value), [key])
    return sorted(
        {row.subject for row in rows if row.kind == BASICS and row.subject.startswith("person/")}
    )


def reached_at(conn: Connection, ledger: OpenLedger, person: str) -> Contact | None:
    """Where a code for a person goes: to their telephone, or else to their e-mail address.

    None where neither is kept of them, or all of it was erased.  Two statements.
    """
    found = records.newest(conn, lawful(ledger, (person,)), BASICS, (person,)).get(person)
    known = {} if found is None or found.fields is None else found.fields
    fields = (each for each in ("phone", "email") if each in known)
    return next((Contact(each, FINDABLE[each](known[each])) for each in fields), None)


def nobody_of(ledger: OpenLedger) -> str:
    """The id of a ledger's nobody, who is looked for where a contact is of no one.

    So the search takes the same course whether there is somebody or not.
    """
    return id_from("nobody", ledger.origin, kind="person")
