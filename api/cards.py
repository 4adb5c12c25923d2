"""Member cards: made, printed and voided at desks, which find a member by a card's number."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.answers import answer
from api.auth import about, caller, installation, shows, within
from api.fields import Formed, Reference
from api.posting import wish_maker
from api.problems import want_done
from api.resource import Resource
from api.sheets import HTML, SheetQuery, sheet, sign_of
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.people import cards as domain
from ledger.programme.people.cards import Card

blueprint = Resource(
    "cards", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/cards", description=__doc__
)
NUMBER_CHARACTERS_MAX = 40


class NewCardSchema(Schema):
    """Whose card, and the name on it."""

    person = Formed(e.PERSON, required=True)
    name = Reference(required=True, metadata={"description": "as the member likes it"})


class CardSchema(Schema):
    """A member's card."""

    id = fields.String(required=True)
    person = fields.String(required=True)
    edition = fields.Integer(required=True, metadata={"description": "how many they had so far"})
    number = fields.String(required=True, metadata={"description": "12 digits"})
    name = fields.String(required=True)
    by = fields.String(required=True)
    at = fields.String(required=True)
    sheet = fields.String(required=True, metadata={"description": "where it is, to be printed"})


class CardNumberSchema(Schema):
    """A card's number as it was scanned or typed."""

    number = fields.String(
        required=True,
        validate=validate.Length(1, NUMBER_CHARACTERS_MAX),
        metadata={"description": "12 digits, with spaces or without"},
    )


@blueprint.posts("", CardSchema, action="cards:write", body=NewCardSchema)
def issue(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Make a member's card, or the next one

    The one before is void.
    """
    person = body["person"]
    about(person)
    wish = wish_maker(ledger)(0, "card", {})
    want_done(domain.issue(*within(ledger), wish, person, body["name"]))
    return answer(_shown(ledger, _found(ledger, domain.id_of(person))), 201)


@blueprint.posts(
    "/find", CardSchema, action="cards:find", body=CardNumberSchema, keyed=False, status=200
)
def find(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Find a member by a card's number

    It stands in the body, so that no server's log has it. The audit trail says who looked.
    """
    with installation().database.reading() as conn:
        card = domain.find_number(conn, ledger, body["number"])
    about(card.person)
    return answer(_shown(ledger, card))


@blueprint.reads("/<id:random>", CardSchema, action="cards:read")
def show_card(ledger: OpenLedger, random: str) -> Response:
    """See a member's card

    Members see their own.
    """
    return answer(_shown(ledger, _mine(ledger, random)))


@blueprint.reads(
    "/<id:random>/sheet", None, action="cards:read", query=SheetQuery, content_type=HTML
)
def print_sheet(query: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """Print a member's card

    A page with the name, the number and its sign to scan, which needs nothing else.
    """
    card = _mine(ledger, random)
    shows(card.person, card.name)
    return sheet(
        "card.html",
        query["language"],
        card=card,
        number=_grouped(card.number),
        sign=sign_of(domain.url_of(ledger, card)),
        ledger=ledger.name,
        host=ledger.origin.partition("/")[0],
    )


@blueprint.deletes("/<id:random>", action="cards:write")
def void(ledger: OpenLedger, random: str) -> Response:
    """Void a card that was lost"""
    here = installation()
    card = _found(ledger, f"card/{random}")
    about(card.person)
    domain.void(ledger, here.clock, card, by=caller().person)
    return Response(status=204)


def _found(ledger: OpenLedger, card_id: str, own: str | None = None) -> Card:
    with installation().database.reading() as conn:
        return domain.find_card(conn, ledger, card_id, own)


def _mine(ledger: OpenLedger, random: str) -> Card:
    reach = caller().reach("cards:read")
    return _found(ledger, f"card/{random}", None if reach.everything else caller().person)


def _shown(ledger: OpenLedger, card: Card) -> dict[str, Any]:
    shows(card.person, card.name)
    path = card.id.replace("card/", "cards/")
    return {
        **card._asdict(),
        "number": _grouped(card.number),
        "sheet": f"/v1/ledgers/{ledger.name}/{path}/sheet",
    }


def _grouped(number: str) -> str:
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))
