"""Member cards: a sheet with a number, for members who come to a desk without a telephone.

A card has the name as its member likes it and a random number with a check digit; both are one
record about the member (kind `card`), whose versions are the cards that they had.  By its number a
desk finds the member: kept beside the record is an HMAC of the newest number, so that the next card
voids the one before.  A lost one is voided at once.

The number opens nothing by itself: whoever finds a member by it is signed in, in a role that may,
and stands in the audit trail.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from ledger.clock import Clock
from ledger.db import Database
from ledger.errors import PointsError
from ledger.installation import OpenLedger
from ledger.journal.entry import to_base64
from ledger.journal.orders import Companion, Group, Order, Outcome, Refusal
from ledger.journal.times import format_time, to_us
from ledger.programme import records
from ledger.programme.ids import id_from
from ledger.programme.people.numbers import card_number, new_card_number
from ledger.programme.reading.accounts import account_exists
from ledger.programme.recording import CHANGED, Change, compose
from ledger.programme.tables import card as table
from ledger.programme.wishes import Wish

RECORD = "card"


class CardUnknown(PointsError):
    """There is no such card: it was replaced or voided, or never was; which, nobody is told."""

    code = "card-unknown"


class CardRefused(PointsError):
    """No card can be made for that person."""

    code = "card-refused"


class Card(NamedTuple):
    """A member's newest card; `edition` counts those that they had."""

    id: str
    person: str
    edition: int
    number: str
    name: str
    by: str
    at: str

    def __repr__(self) -> str:
        return f"<edition {self.edition} of {self.id}>"


def id_of(person: str) -> str:
    """The id of a person's card, which the next one keeps."""
    return id_from("card", person)


def issue(
    database: Database, ledger: OpenLedger, clock: Clock, wish: Wish, person: str, name: str
) -> Outcome:
    """Makes a member's card with the name as they like it, and voids the one before.

    The same request again changes nothing.  Raises `CardRefused` for who is no member, or where
    another card was made meanwhile, and what `recording.compose` raises.
    """
    mine, number = id_of(person), new_card_number()
    with database.reading() as conn:
        if not account_exists(conn, ledger.id, "member" + person.removeprefix("person")):
            raise CardRefused(f"There is no member {person} in this ledger. Let them join first.")
        before = records.newest(conn, ledger, RECORD, (mine,)).get(mine)
    seen, at = 0 if before is None else before.version, format_time(to_us(clock.now()))
    change = Change(RECORD, mine, person, {"name": name, "number": number}, seen)
    row = {"subject": person, "id": mine, "code": _kept(ledger, number), "by": wish.actor, "at": at}
    companions = (
        *compose(database, ledger, clock, [change], by=wish.actor).companions,
        Companion(table, (person,), lambda _rows, _done: {person: row}),
    )
    order = Order(request=wish.request, fingerprint=wish.fingerprint, companions=companions)
    (outcome,) = ledger.appender.submit(Group((order,)))
    if isinstance(outcome, Refusal) and outcome.rule == CHANGED:
        raise CardRefused("Another card was made for this member just now. Print that one.")
    return outcome


def void(ledger: OpenLedger, clock: Clock, card: Card, *, by: str) -> None:
    """Voids a card that was lost; another one can be made.

    `CardUnknown` where it is void already, or was replaced meanwhile.
    """
    at, code = format_time(to_us(clock.now())), _kept(ledger, card.number)
    row = {"subject": card.person, "id": card.id, "code": None, "by": by, "at": at}

    def change(rows: Any, _: Any) -> Any:
        known = rows[card.person]
        if known is None or known["code"] != code:
            return Refusal(CHANGED, "the card was replaced meanwhile")
        return {card.person: row}

    companion = Companion(table, (card.person,), change)
    (outcome,) = ledger.appender.submit(Group((Order(companions=(companion,)),)))
    if isinstance(outcome, Refusal):
        raise CardUnknown(f"There is no {card.id} that is good.")


def find_card(conn: Connection, ledger: OpenLedger, card_id: str, own: str | None = None) -> Card:
    """A card that is good by its id, of the person `own` where one is named; `CardUnknown`."""
    c = table.c
    mine = [] if own is None else [c.subject == own]
    query = select(table).where(c.ledger_id == ledger.id, c.id == card_id, *mine)
    return _opened(conn, ledger, conn.execute(query).one_or_none(), f"There is no {card_id}")


def find_number(conn: Connection, ledger: OpenLedger, number: str) -> Card:
    """The card of a number as somebody typed or scanned it.

    Raises `NumberRefused` where its check digit does not fit, and `CardUnknown`.
    """
    c, form, says = table.c, card_number(number), "There is no card of this number"
    query = select(table).where(c.ledger_id == ledger.id, c.code == _kept(ledger, form))
    found = _opened(conn, ledger, conn.execute(query).one_or_none(), says)
    if found.number != form:  # rows that somebody exchanged
        raise CardUnknown(f"{says} that is good.")
    return found


def url_of(ledger: OpenLedger, card: Card) -> str:
    """What the card's sign says: an address of the public host, the number behind `#`."""
    host = ledger.origin.partition("/")[0]
    return f"https://{host}/ledgers/{ledger.name}/card#{card.number}"


def _kept(ledger: OpenLedger, number: str) -> str:
    return to_base64(ledger.keys.blind_index("card-number", number))


def _opened(conn: Connection, ledger: OpenLedger, row: Row[Any] | None, says: str) -> Card:
    told = {} if row is None else records.newest(conn, ledger, RECORD, (row.id,))
    fields = None if row is None or row.id not in told else told[row.id].fields
    if row is None or row.code is None or fields is None:
        raise CardUnknown(f"{says} that is good.")
    edition = told[row.id].version
    return Card(row.id, row.subject, edition, fields["number"], fields["name"], row.by, row.at)
