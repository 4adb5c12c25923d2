"""Members sign in by a code in a message, and stay signed in on that device.

Whoever asks for a code learns nothing: one is made for every contact, and sent only where it is a
member's.  Several members may have one telephone, as families do: whoever has its code then says
which of them signs in.  What such a session may do is a member's own things (`sessions.py`).
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal import tables as t
from ledger.journal.bulk import keyed
from ledger.journal.entry import new_id, person_of
from ledger.programme import records
from ledger.programme.channels import Outgoing
from ledger.programme.people import codes
from ledger.programme.people.contacts import Contact, nobody_of, people_with
from ledger.programme.vault import lawful

_PURPOSE = "sign-in"
_SUBJECT = "登录验证码 · Sign-in code"
_TEXT = (
    "您的登录验证码是 {code}，{minutes} 分钟内有效，请勿告诉他人。"
    " Your sign-in code is {code}, good for {minutes} minutes: tell nobody."
)


class CodeRefused(PointsError):
    """The code is wrong, used or too old, or the contact is no member's: which, nobody is told."""

    code = "code-refused"

    def __init__(self) -> None:
        super().__init__("This code is wrong, was used, or is too old. Ask for another one.")


class ToSend(NamedTuple):
    """A code for one of the members who have a contact, to be sent at once and kept nowhere."""

    person: str
    contact: Contact
    code: str

    def __repr__(self) -> str:
        return f"<a code for {self.person}>"

    def message(self) -> Outgoing:
        """What is sent, in both languages, since nobody has said yet which one they read."""
        values = {"code": self.code, "minutes": codes.LASTS // timedelta(minutes=1)}
        name = new_id("message", os.urandom(16))
        return Outgoing(
            name, self.contact.value, "sign-in-code", _SUBJECT, _TEXT.format_map(values)
        )


class Several(NamedTuple):
    """The code was right and can still be used: it is for one of these people to say who it is."""

    people: tuple[str, ...]


def ask_code(
    database: Database, ledger: OpenLedger, clock: Clock, contact: Contact
) -> ToSend | None:
    """A code to sign in with, to be sent; None where there is nobody to send it to, or no more.

    The same statements whoever's contact it is.  Raises what `Database.writing` raises.
    """
    code = codes.make_code(database, ledger, clock, _PURPOSE, contact)
    with database.reading() as conn:
        people = members_with(conn, ledger, contact)
    return ToSend(people[0], contact, code) if code is not None and people else None


def use_code(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    contact: Contact,
    code: str,
    person: str | None = None,
) -> str | Several:
    """The member whose code it is, used up by that; of several, the one that `person` names.

    Raises `CodeRefused`, and what `Database.writing` raises.
    """
    with database.reading() as conn:
        people = members_with(conn, ledger, contact)
    meant = [each for each in people if person in (None, each)]
    is_one = len(meant) == 1
    right = codes.use_code(database, ledger, clock, _PURPOSE, contact, code, keep=not is_one)
    if not right or not meant:
        raise CodeRefused
    return meant[0] if is_one else Several(tuple(people))


def names_of(conn: Connection, ledger: OpenLedger, several: Several) -> dict[str, str]:
    """What each of them is called, so that one can say who signs in; empty where that is erased.

    Two statements.
    """
    people = several.people
    told = records.newest(conn, lawful(ledger, people), records.BASICS, people)
    return {each: str((told[each].fields or {}).get("full_name") or "") for each in people}


def members_with(conn: Connection, ledger: OpenLedger, contact: Contact) -> list[str]:
    """The people with an open member's account whose own contact it is, in order of their ids.

    Two statements, whoever's it is.
    """
    people = people_with(conn, ledger, contact)
    wanted = ["member" + each.removeprefix("person") for each in (*people, nobody_of(ledger))]
    c = t.account.c
    rows = keyed(conn, (c.name,), ledger.id, c.name, wanted, c.open)
    return sorted(person_of(row.name) for row in rows)
