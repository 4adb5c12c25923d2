"""Totals of organisations: how many people belong to one, and what they did together."""

from __future__ import annotations

from flask import Response
from marshmallow import Schema, fields

from api.answers import answer
from api.auth import caller, installation
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.programme.people.headcount import FROM, totals_of
from ledger.programme.people.organisations import find_organisation

blueprint = Resource(
    "totals",
    __name__,
    url_prefix="/v1/ledgers/<ledger:ledger>/organisations/<id:random>/totals",
    description=__doc__,
)


class TotalsSchema(Schema):
    """Totals of an organisation: people in whole fives; what is of fewer than five is left out."""

    organisation = fields.String(required=True)
    shown_from = fields.Integer(
        required=True, metadata={"description": "how many people a number is of at the least"}
    )
    members = fields.Integer(metadata={"description": "who belong to it, confirmed"})
    claimed = fields.Integer(metadata={"description": "who say so, and are not confirmed"})
    accepted = fields.Integer(metadata={"description": "invitations that were accepted so far"})
    minutes = fields.Integer(
        metadata={
            "description": "of verified service that its members gave since they belong to it"
        }
    )
    points = fields.Integer(metadata={"description": "what these minutes earned"})


@blueprint.reads("", TotalsSchema, action="totals:read")
def show_totals(ledger: OpenLedger, random: str) -> Response:
    """See the totals of an organisation

    Nothing of one person can be told from them: each number is of five people at the least, people
    are counted in whole fives, and balances and redemptions are never among them.
    """
    here, name = installation(), f"org/{random}"
    with here.database.reading() as conn:
        found = find_organisation(conn, ledger, name, caller().reach("totals:read"))
        totals = totals_of(conn, ledger, found.id)
    numbers = {each: number for each, number in totals._asdict().items() if number is not None}
    return answer({"organisation": found.id, "shown_from": FROM, **numbers})
