"""Notices of a registry, and members who join under them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ledger.installation import OpenLedger
from ledger.programme import records
from ledger.programme.people import codes, guardians, joining, notices
from ledger.programme.people.contacts import Contact, contact_of
from ledger.programme.people.joining import Accepting, Joined, Joiner
from ledger.programme.people.notices import PARTS, Notice
from tests.programme.registry import Registry

PHONE = "139 1234 5678"


def parts(word: str = "first") -> dict[str, dict[str, str]]:
    """All that a notice has to tell."""
    return {part: {"zh": f"告知 {part} {word}", "en": f"About {part}, {word}"} for part in PARTS}


def inform(
    registry: Registry, purpose: str = notices.RECORDING, seen: int = 0, word: str = "first"
) -> Notice:
    """The next version of a purpose's notice."""
    place = (registry.database, registry.ledger, registry.clock)
    return notices.publish(*place, purpose, parts(word), seen=seen, by=registry.office)


def code_for(registry: Registry, contact: Contact) -> str:
    """A code that confirms a contact."""
    place = (registry.database, registry.ledger, registry.clock)
    code = codes.make_code(*place, "contact", contact)
    assert code is not None
    return code


def joined(
    registry: Registry,
    name: str = "王芳",
    phone: str = PHONE,
    notice: int = 1,
    code: str | None = None,
    accepting: Accepting | None = None,
    **told: Any,
) -> Joined:
    """Somebody joins."""
    contact = contact_of(phone)
    place = (registry.database, registry.ledger, registry.clock)
    joiner = Joiner(name, notice, contact, code or code_for(registry, contact), **told)
    return joining.join(*place, joiner, None if accepting is None else lambda: accepting)


def guarded_by(conn: Connection, ledger: OpenLedger, person: str) -> frozenset[str]:
    """What a person's guardian consents to; nothing where there is none."""
    name = guardians.id_of(person)
    return guardians.consents_in(records.newest(conn, ledger, guardians.RECORD, (name,)).get(name))
