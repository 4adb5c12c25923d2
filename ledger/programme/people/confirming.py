"""Confirming: what lets a contact in among somebody's basics, and what lets one go.

A contact gets in by a code that was sent to it, whoever writes it down: whoever could put a number
of their own there could sign in as that person.  For the same reason a device on which somebody is
signed in changes none of their contacts by itself, since it may be in other hands: that takes a
code which was sent to one of those that were kept so far, whichever its owner still has.  Who has
none of them any more is helped by the office.  A contact that goes is told, and one that stays
where somebody else did it.

A helper (`helping.py`) changes them by the same two codes, which the member reads out: their
messages say who asks for that.  Where no contact is kept there is nothing to read out, and a helper
puts none there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.entry import new_id
from ledger.programme import messages
from ledger.programme.channels import Outgoing
from ledger.programme.findable import FINDABLE
from ledger.programme.messages import Kind, Text
from ledger.programme.people import codes
from ledger.programme.people.contacts import Contact, people_with
from ledger.programme.people.devices import CodeRefused
from ledger.programme.people.labels import FIELDS, label

CONTACTS = ("phone", "email")
OLD = "old_"
"""What stands before a contact's field where the code is one that was sent to the kept one."""

_NEW, _CHANGE = "contact", "contact-change"
_FAREWELL = Text(
    "联系方式已更改 · Your contact was changed",
    "您在志愿服务账本中的联系方式已更改，今后不再使用此处。如非本人所为，请立即联系办公室。"
    " Your contact here was replaced by another one. If that was not you, tell the office at once.",
)

_STAYS = Text(
    "联系方式已代为更改 · Your contacts were changed for you",
    "您在志愿服务账本中的联系方式已由他人代为更改，此处仍继续使用。如非您所请，请立即联系办公室。"
    " Somebody changed your contacts here for you; this one stays. If you did not ask for that,"
    " tell the office at once.",
)

messages.register(
    "helped-contact-code",
    Kind(
        frozenset({"code", "who"}),
        Text(
            "代办登记联系方式确认码",
            "$who要为您登记此联系方式，确认码是 $code，10 分钟内有效。您本人正在请其代办时才可"
            "告知。",
        ),
        Text(
            "A contact is written down for you",
            "$who is about to write this contact down as yours. Read out $code, good for 10"
            " minutes, only if it is you who asked for that.",
        ),
    ),
)
messages.register(
    "helped-contact-change-code",
    Kind(
        frozenset({"code", "who"}),
        Text(
            "代办更改联系方式验证码",
            "$who要为您更改联系方式，验证码是 $code，10 分钟内有效。您本人正在请其代办时才可告知，"
            "否则请立即联系办公室。",
        ),
        Text(
            "Your contacts are changed for you",
            "$who is about to change your contacts for you. Read out $code, good for 10 minutes,"
            " only if it is you who asked for that; else tell the office at once.",
        ),
    ),
)
messages.register(
    "contact-change-code",
    Kind(
        frozenset({"code"}),
        Text(
            "更改联系方式验证码",
            "有人正以您的身份更改您的联系方式，验证码是 $code，10 分钟内有效。如非本人操作，"
            "请勿告诉他人，并立即联系办公室。",
        ),
        Text(
            "Change of your contacts",
            "Somebody signed in as you changes your contacts. The code is $code, for 10 minutes. If"
            " that is not you, tell it to nobody, and tell the office at once.",
        ),
    ),
)


class BasicsRefused(PointsError):
    """What is said of a person does not fit together."""

    code = "basics-refused"


class Changing(NamedTuple):
    """How somebody's contacts change: those kept so far, those of them that go, those that come."""

    kept: tuple[Contact, ...]
    going: tuple[Contact, ...]
    coming: tuple[Contact, ...]


def changing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changing:
    """How the contacts of somebody's basics change from one version to the next."""
    kept, new = _contacts(before), _contacts(after)
    going = tuple(each for each in kept if each not in new)
    return Changing(kept, going, tuple(each for each in new if each not in kept))


def ask_code(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    contact: Contact,
    person: str | None = None,
    who: str | None = None,
) -> Outgoing | None:
    """The message with a code for a contact, to be sent at once and kept nowhere.

    It confirms a new one, or lets `person` change their contacts, where it is one of theirs.  `who`
    is what they are told of who helps them, if somebody does.  None where the contact had its codes
    of this hour.  Raises what `Database.writing` raises.
    """
    with database.reading() as conn:
        is_own = person is not None and person in people_with(conn, ledger, contact)
    purpose = _CHANGE if is_own else _NEW
    code = codes.make_code(database, ledger, clock, purpose, contact)
    if code is None:
        return None
    kind, values = f"{purpose}-code", {"code": code}
    if who is not None:
        kind, values = f"helped-{kind}", values | {"who": who}
    zh, en = messages.texts_of(kind, values).values()
    said = Text(f"{zh.subject} · {en.subject}", f"{zh.body} {en.body}")
    return _outgoing(contact, kind, said)


def want_codes(
    database: Database,
    ledger: OpenLedger,
    clock: Clock,
    contacts: Changing,
    shown: Mapping[str, str],
    *,
    own: bool,
    helped: bool = False,
) -> None:
    """Uses up the codes that a change of contacts takes: of each new one and, if one's `own`
    change, of one that was kept so far; where somebody is `helped` with it, there has to be one.

    `shown` has them by field, those of kept ones behind `OLD`.  Raises `BasicsRefused` where one is
    not shown, and `CodeRefused` for a wrong one: then none is used up.
    """
    if helped and contacts.coming and not contacts.kept:
        # Else a helper could put one of their own there, and sign in as that member.
        raise BasicsRefused(
            "Where no contact is kept, a helper changes no telephone number and no e-mail address:"
            " the member does it themselves, or the office, which says why."
        )
    if lacking := [each.field for each in contacts.coming if each.field not in shown]:
        raise BasicsRefused(
            f"Have a code sent to the new {label(FIELDS, lacking[0]).en.lower()}, and send it"
            " along."
        )
    wanted = [(_NEW, each, shown[each.field]) for each in contacts.coming]
    if own and contacts.kept and (contacts.coming or contacts.going):
        old = [each for each in contacts.kept if OLD + each.field in shown]
        if not old:
            raise BasicsRefused(
                "Have a code sent to a contact that was kept so far too, and send it along as"
                f" {' or '.join(f'`{OLD}{each.field}`' for each in contacts.kept)}. If you have"
                " none of them any more, have the office change it for you, at a desk."
            )
        wanted += [(_CHANGE, each, shown[OLD + each.field]) for each in old]
    for keep in (True, False):
        for purpose, contact, code in wanted:
            if not codes.use_code(database, ledger, clock, purpose, contact, code, keep=keep):
                raise CodeRefused


def farewells(contacts: Changing, *, alone: bool) -> tuple[tuple[str, Outgoing], ...]:
    """What those that go are told, each with its channel; and those that stay, where a person did
    not do it `alone`.
    """
    told = [(each, _FAREWELL) for each in contacts.going]
    if not alone and (contacts.going or contacts.coming):
        told += [(each, _STAYS) for each in contacts.kept if each not in contacts.going]
    return tuple((each.field, _outgoing(each, "contact-changed", said)) for each, said in told)


def _contacts(fields: Mapping[str, Any]) -> tuple[Contact, ...]:
    return tuple(Contact(name, FINDABLE[name](fields[name])) for name in CONTACTS if name in fields)


def _outgoing(contact: Contact, kind: str, said: Text) -> Outgoing:
    name = new_id("message", os.urandom(16))
    return Outgoing(name, contact.value, kind, said.subject, said.body)
