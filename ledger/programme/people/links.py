"""Joining links: by which people join, and say to which organisation they belong.

An organisation has one link at a time, on its posters and in its messages.  It is an address of the
public host with a code behind `#`, so that no server's log has it:

    https://points.example.org/ledgers/beiyuan/join#org.<organisation>.<number>.<check>

The check is an HMAC under a key of the ledger; so the link can be shown again, and none of it is
kept but its number.  The next number voids the one before, and revoking voids it at once.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from ledger.clock import Clock
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.entry import new_id
from ledger.journal.orders import Companion, CompanionRow, Done, Group, Order, Outcome, Refusal
from ledger.journal.times import format_time, to_us
from ledger.programme.people import tables as t
from ledger.programme.people.organisations import ADMITTED
from ledger.programme.people.tables import joining_link as table
from ledger.programme.wishes import Wish

OPEN, REVOKED = "open", "revoked"
CODE_CHARACTERS_MAX = 80
_CHECK_BYTES = 16
_CODE = re.compile(r"(org|invitation)\.([a-z2-7]{26})\.([1-9]\d{0,8})\.([a-z2-7]{26})", re.ASCII)


class LinkRefused(PointsError):
    """A code of a link was replaced, revoked, used or has run out, or never was: all look alike."""

    code = "link-refused"

    def __init__(self) -> None:
        super().__init__(
            "This link is no longer good: it was replaced, used, or has run out. Ask for a new one."
        )


class LinkUnknown(PointsError):
    """The organisation has no joining link."""

    code = "link-unknown"


class Link(NamedTuple):
    """An organisation's joining link: its code, and the address with it."""

    organisation: str
    number: int
    code: str
    url: str
    by: str
    at: str


class Code(NamedTuple):
    """What a genuine code names: an organisation or an invitation, and a number."""

    kind: str
    id: str
    number: int


def rotate(ledger: OpenLedger, clock: Clock, wish: Wish, organisation: str) -> Outcome:
    """Gives an organisation a link, the next where it has one; the same request again does not."""
    row = {"organisation": organisation, "state": OPEN, "by": wish.actor, "at": _now(clock)}

    def change(rows: Mapping[Any, CompanionRow | None], _: Done) -> Mapping[Any, CompanionRow]:
        before = rows[organisation]
        return {organisation: {**row, "number": 1 if before is None else before["number"] + 1}}

    companion = Companion(table, (organisation,), change)
    order = Order(request=wish.request, fingerprint=wish.fingerprint, companions=(companion,))
    (outcome,) = ledger.appender.submit(Group((order,)))
    return outcome


def revoke(ledger: OpenLedger, clock: Clock, organisation: str, *, by: str) -> None:
    """Voids an organisation's link; `LinkUnknown` where it has none."""
    at = _now(clock)

    def change(
        rows: Mapping[Any, CompanionRow | None], _: Done
    ) -> Mapping[Any, CompanionRow] | Refusal:
        before = rows[organisation]
        if before is None or before["state"] == REVOKED:
            return Refusal(LinkUnknown.code, "there is no link")
        return {organisation: {**before, "state": REVOKED, "by": by, "at": at}}

    order = Order(companions=(Companion(table, (organisation,), change),))
    (outcome,) = ledger.appender.submit(Group((order,)))
    if not isinstance(outcome, Done):
        raise _none(organisation)


def link_of(conn: Connection, ledger: OpenLedger, organisation: str) -> Link:
    """An organisation's link; `LinkUnknown` where it has none.  One statement."""
    c = table.c
    query = select(table).where(c.ledger_id == ledger.id, c.organisation == organisation)
    row = conn.execute(query).one_or_none()
    if row is None or row.state == REVOKED:
        raise _none(organisation)
    code = code_of(ledger, organisation, row.number)
    return Link(organisation, row.number, code, url_of(ledger, code), row.by, row.at)


def organisation_by(conn: Connection, ledger: OpenLedger, code: Code) -> str:
    """The organisation whose link it is, which takes part; `LinkRefused`.  One statement."""
    c, of = table.c, t.organisation.c
    query = (
        select(c.organisation)
        .join_from(table, t.organisation, (of.ledger_id == c.ledger_id) & (of.id == c.organisation))
        .where(
            c.ledger_id == ledger.id,
            c.organisation == code.id,
            c.number == code.number,
            c.state == OPEN,
            of.status == ADMITTED,
        )
    )
    found: str | None = conn.execute(query).scalar_one_or_none()
    if found is None:
        raise LinkRefused
    return found


def code_of(ledger: OpenLedger, name: str, number: int = 1) -> str:
    """The code of an organisation's or an invitation's link of that number."""
    kind, _, random = name.partition("/")
    return f"{kind}.{random}.{number}.{_check(ledger, name, number)}"


def read_code(ledger: OpenLedger, text: str) -> Code:
    """What a code names, whether it still is good or not; `LinkRefused` for one that is not ours.

    It is found by what it names, and compared in constant time.
    """
    found = _CODE.fullmatch(text.strip())
    if found is None:
        raise LinkRefused
    name, number = f"{found[1]}/{found[2]}", int(found[3])
    if not hmac.compare_digest(_check(ledger, name, number), found[4]):
        raise LinkRefused
    return Code(found[1], name, number)


def url_of(ledger: OpenLedger, code: str) -> str:
    """The address that a code is scanned or clicked as."""
    host = ledger.origin.partition("/")[0]
    return f"https://{host}/ledgers/{ledger.name}/join#{code}"


def _check(ledger: OpenLedger, name: str, number: int) -> str:
    digest = ledger.keys.blind_index("joining-link", f"{name} {number}")[:_CHECK_BYTES]
    return new_id("check", digest).partition("/")[2]


def _none(organisation: str) -> LinkUnknown:
    return LinkUnknown(f"{organisation} has no joining link. Make one.")


def _now(clock: Clock) -> str:
    return format_time(to_us(clock.now()))
