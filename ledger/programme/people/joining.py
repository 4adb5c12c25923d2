"""Joining: somebody becomes a member of their own will, on one screen.

It takes a name, a telephone number or an e-mail address that a code has confirmed, and consent to
recording; all else is asked when something needs it.  One entry comes of it: the person opens their
own account, which makes them a member in the log, bound to the record of their consent.  Their
`basics` and the consent go in with it, or nothing does.

At a desk a helper enters the same, in their own name: for somebody who is there or on the
telephone (`helped`), or by a signed form (`paper`), which also takes who has neither telephone nor
e-mail.  It waits for no second person.

Who is under 18 tells their date of birth, which is kept, and who their guardian is
(`guardians.py`).  Who tells none declares to be of age.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.commands import Statement
from ledger.journal.entry import new_id, person_of, to_base64
from ledger.journal.orders import Companion, Done, Group, Order, Outcome
from ledger.journal.times import format_time, to_us
from ledger.programme import records
from ledger.programme.channels import Outgoing
from ledger.programme.findable import FINDABLE
from ledger.programme.ids import id_from
from ledger.programme.people import codes, consents, guardians
from ledger.programme.people.ages import DATA, GROWN, Stage
from ledger.programme.people.contacts import Contact
from ledger.programme.people.devices import CodeRefused, members_with
from ledger.programme.people.guardians import CONTACT, Guardian, GuardianNeeded
from ledger.programme.people.notices import RECORDING, Notice
from ledger.programme.reading.accounts import account_exists
from ledger.programme.reading.days import today_of
from ledger.programme.recording import Change, compose
from ledger.programme.records import BASICS
from ledger.programme.wishes import Wish

HELPED, PAPER = "helped", "paper"
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


class Joiner(NamedTuple):
    """Who joins, and what they tell of themselves.

    `contact` and the `code` that confirms it are None only on paper, where `reached` says how the
    person is reached.  `notice` is the version that was shown.
    """

    name: str
    notice: int
    contact: Contact | None = None
    code: str | None = None
    reached: str | None = None
    birth_date: str | None = None
    guardian: Guardian | None = None

    def __repr__(self) -> str:
        return "<somebody who joins>"


class Joined(NamedTuple):
    """A member: the person and the account; `seq` is None where they had joined by that code."""

    person: str
    account: str
    seq: int | None


def ask_code(
    database: Database, ledger: OpenLedger, clock: Clock, contact: Contact
) -> Outgoing | None:
    """The message with a code that confirms a contact, to be sent at once and kept nowhere.

    None where the contact had its codes of this hour.  Whether it is anybody's plays no part.
    Raises what `Database.writing` raises.
    """
    code = codes.make_code(database, ledger, clock, CONTACT, contact)
    if code is None:
        return None
    values = {"code": code, "minutes": codes.LASTS // timedelta(minutes=1)}
    name = new_id("message", os.urandom(16))
    return Outgoing(name, contact.value, "joining-code", _SUBJECT, _TEXT.format_map(values))


def join(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    joiner: Joiner,
    accepting: Callable[[], Accepting] | None = None,
) -> Joined:
    """Takes up a member who consents to recording, as the version of its notice tells it.

    `accepting` looks up what they join by (`entering.py`), if it is a link.

    The code is used up where it is right; sent again with the same name it gives the same member.
    Raises `NoticeNotSeen`, `FieldRefused`, `BirthRefused` and `GuardianNeeded` before it is looked
    at, `CodeRefused`, `MemberAlready` for the same name with the same contact, `JoiningRefused`,
    and what `accepting`, `compose` and `Appender.submit` raise.
    """
    with database.reading() as conn:
        checked = _checked(conn, ledger, clock, joiner)
    spent = _confirmed(database, ledger, clock, joiner, FINDABLE["full_name"](joiner.name))
    if spent is None:
        raise CodeRefused
    account = new_id("member", spent)
    person = person_of(account)
    with database.reading() as conn:
        if account_exists(conn, ledger.id, account):
            return Joined(person, account, None)
        _want_new(conn, ledger, joiner, checked)
    brought = None if accepting is None else accepting()
    how = "guardian" if DATA in checked.stage.guardian else "self"
    order = _order(database, ledger, clock, account, joiner, checked, how=how, by=person)
    if brought is not None:
        own = () if joiner.contact is None else (joiner.contact,)
        more = brought.companions(person, own, format_time(to_us(clock.now())))
        order = replace(order, companions=(*order.companions, *more))
    (outcome,) = ledger.appender.submit(Group((order,)))
    if isinstance(outcome, Done):
        if brought is not None:
            brought.settle(database, ledger, clock)
        return Joined(person, account, outcome.last)
    with database.reading() as conn:
        if account_exists(conn, ledger.id, account):  # sent twice at once
            return Joined(person, account, None)
    raise JoiningRefused(f"{outcome.message[0].upper()}{outcome.message[1:]}.")


def join_at_desk(
    database: Database, ledger: OpenLedger, clock: Clock, wish: Wish, joiner: Joiner, *, how: str
) -> Outcome:
    """Takes up a member in the name of the helper who wishes it; the same request is done once.

    The account is `account_of(wish.request)`.  Raises as `join` does, but `JoiningRefused`.
    """
    account = account_of(wish.request)
    with database.reading() as conn:
        known = account_exists(conn, ledger.id, account)
        checked = None if known else _checked(conn, ledger, clock, joiner)
    if checked is None:  # the same request again, which is answered as it was
        order = Order(command=Statement(kind="open", actor=wish.actor, fields={"account": account}))
    else:
        if joiner.contact is not None:
            if _confirmed(database, ledger, clock, joiner, wish.request) is None:
                raise CodeRefused
            with database.reading() as conn:
                _want_new(conn, ledger, joiner, checked)
        order = _order(database, ledger, clock, account, joiner, checked, how=how, by=wish.actor)
    once = replace(order, request=wish.request, fingerprint=wish.fingerprint)
    (outcome,) = ledger.appender.submit(Group((once,)))
    return outcome


def account_of(request: str) -> str:
    """The account of a member taken up at a desk follows from the request."""
    return id_from("joining", request, kind="member")


class _Checked(NamedTuple):
    """What was looked up of somebody who joins, before any code is."""

    notice: Notice
    stage: Stage
    namesakes: frozenset[str]


def _checked(conn: Connection, ledger: OpenLedger, clock: Clock, joiner: Joiner) -> _Checked:
    notice = consents.seen_notice(conn, ledger, RECORDING, joiner.notice)
    stage = guardians.stage_of(joiner.birth_date, today_of(conn, ledger.id, clock.now()))
    guardians.check_guardian(stage, joiner.guardian)
    if joiner.guardian is not None and not stage.guardian:
        raise GuardianNeeded("Who is of age joins without a guardian. Leave the guardian out.")
    found = records.found_by(conn, ledger, "full_name", [joiner.name])[joiner.name]
    return _Checked(notice, stage, frozenset(name for kind, name in found if kind == BASICS))


def _confirmed(
    database: Database, ledger: OpenLedger, clock: Clock, joiner: Joiner, what: str
) -> bytes | None:
    """Uses up the codes of the contact, and of a guardian's other one; None where one is wrong."""
    place = (database, ledger, clock, CONTACT)
    if joiner.contact is None:
        return None
    guardian = joiner.guardian
    if guardian is not None and guardian.contact not in (None, joiner.contact):
        theirs = codes.spend_code(*place, guardian.contact, guardian.code or "", what)
        if theirs is None:
            return None
    return codes.spend_code(*place, joiner.contact, joiner.code or "", what)


def _want_new(conn: Connection, ledger: OpenLedger, joiner: Joiner, checked: _Checked) -> None:
    if joiner.contact is not None and checked.namesakes.intersection(
        members_with(conn, ledger, joiner.contact)
    ):
        raise MemberAlready(
            "A member of this name has this number or address already. Sign in with it."
        )


def _order(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    account: str,
    joiner: Joiner,
    checked: _Checked,
    *,
    how: str,
    by: str,
) -> Order:
    """What opens the account, with the person's basics, consent and guardian."""
    person = person_of(account)
    at = format_time(to_us(clock.now()))
    said = consents.saying(person, checked.notice, None, consents.GIVEN, how=how, by=by, at=at)
    told = {"full_name": joiner.name}
    if joiner.contact is not None:
        told[joiner.contact.field] = joiner.contact.value
    if joiner.reached is not None:
        told["reached"] = joiner.reached
    if joiner.birth_date is not None and checked.stage is not GROWN:
        told["birth_date"] = joiner.birth_date
    changes = [said.change, Change(BASICS, person, person, told)]
    if joiner.guardian is not None:
        changes.append(guardians.change_for(person, joiner.guardian, joiner.contact, how))
    composed = compose(database, ledger, clock, changes, by=by)
    bound = {"id": said.change.id, "commitment": to_base64(composed.records[0].commitment)}
    command = Statement(kind="open", actor=by, fields={"account": account}, ref=bound)
    return Order(command=command, companions=(*composed.companions, said.companion))
