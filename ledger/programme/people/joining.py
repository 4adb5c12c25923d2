"""Joining: somebody becomes a member of their own will, on one screen.

It takes a name, a telephone number or an e-mail address that a code has confirmed, and consent to
recording; all else is asked when something needs it.  One entry comes of it: the person opens their
own account, which makes them a member in the log, bound to the record of their consent.  Their
`basics` and the consent go in with it, or nothing does.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import timedelta
from typing import NamedTuple, Protocol

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.commands import Statement
from ledger.journal.entry import new_id, to_base64
from ledger.journal.orders import Companion, Done, Group, Order
from ledger.journal.times import format_time, to_us
from ledger.programme import records
from ledger.programme.channels import Outgoing
from ledger.programme.people import codes, consents
from ledger.programme.people.contacts import Contact
from ledger.programme.people.devices import CodeRefused, members_with
from ledger.programme.people.notices import RECORDING
from ledger.programme.recording import Change, compose
from ledger.programme.records import BASICS

_PURPOSE = "contact"
_SUBJECT = "加入验证码 · Code to join"
_TEXT = (
    "您的加入验证码是 {code}，{minutes} 分钟内有效，请勿告诉他人。"
    " Your code to join is {code}, good for {minutes} minutes: tell nobody."
)


class MemberAlready(PointsError):
    """A member of that name has that contact: they sign in instead."""

    code = "member-already"


class JoiningRefused(PointsError):
    """The ledger did not take the member up; nothing was changed."""

    code = "joining-refused"


class Accepting(Protocol):
    """What joining brings along, such as a membership of the organisation whose link it was by."""

    def companions(
        self, person: str, contacts: Collection[Contact], at: str
    ) -> tuple[Companion, ...]:
        """What changes together with the entry, or refuses it."""

    def settle(self, database: Database, ledger: OpenLedger, clock: Clock) -> None:
        """What is done once it is entered."""


class Joined(NamedTuple):
    """A new member: the person, the account, and the entry that opened it."""

    person: str
    account: str
    seq: int


def ask_code(
    database: Database, ledger: OpenLedger, clock: Clock, contact: Contact
) -> Outgoing | None:
    """The message with a code that confirms a contact, to be sent at once and kept nowhere.

    None where the contact had its codes of this hour.  Whether it is anybody's plays no part.
    Raises what `Database.writing` raises.
    """
    code = codes.make_code(database, ledger, clock, _PURPOSE, contact)
    if code is None:
        return None
    values = {"code": code, "minutes": codes.LASTS // timedelta(minutes=1)}
    name = new_id("message", os.urandom(16))
    return Outgoing(name, contact.value, "joining-code", _SUBJECT, _TEXT.format_map(values))


def join(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    name: str,
    contact: Contact,
    code: str,
    *,
    notice: int,
    accepting: Accepting | None = None,
) -> Joined:
    """Takes up a member who consents to recording, as version `notice` of its notice tells it.

    `accepting` is what they join by (`entering.py`), if it is a link.

    The code is used up where it is right.  Raises `NoticeNotSeen` and `FieldRefused` before it is
    looked at, `CodeRefused`, `MemberAlready` for the same name with the same contact,
    `JoiningRefused`, and what `compose` and `Appender.submit` raise.
    """
    with database.reading() as conn:
        shown = consents.seen_notice(conn, ledger, RECORDING, notice)
        namesakes = records.found_by(conn, ledger, "full_name", [name])[name]
    if not codes.use_code(database, ledger, clock, _PURPOSE, contact, code):
        raise CodeRefused
    with database.reading() as conn:
        if {(BASICS, each) for each in members_with(conn, ledger, contact)} & set(namesakes):
            raise MemberAlready(
                "A member of this name has this number or address already. Sign in with it."
            )
    account = new_id("member", os.urandom(16))
    person = "person" + account.removeprefix("member")
    at = format_time(to_us(clock.now()))
    said = consents.saying(person, shown, None, consents.GIVEN, how="self", by=person, at=at)
    basics = Change(BASICS, person, person, {"full_name": name, contact.field: contact.value})
    composed = compose(database, ledger, clock, (said.change, basics), by=person)
    bound = {"id": said.change.id, "commitment": to_base64(composed.records[0].commitment)}
    command = Statement(kind="open", actor=person, fields={"account": account}, ref=bound)
    brought = () if accepting is None else accepting.companions(person, (contact,), at)
    companions = (*composed.companions, said.companion, *brought)
    order = Order(command=command, companions=companions)
    (outcome,) = ledger.appender.submit(Group((order,)))
    if not isinstance(outcome, Done):
        raise JoiningRefused(f"{outcome.message[0].upper()}{outcome.message[1:]}.")
    if accepting is not None:
        accepting.settle(database, ledger, clock)
    return Joined(person, account, outcome.last)
