"""Venues: where organisations receive people."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.auth import caller, within
from api.belongings import Views, want_reached
from api.fields import ORGANISATION, Flag, Formed, Reason, Reference, id_form, limit
from api.posting import wish_maker
from api.problems import want_done
from api.resource import Resource
from api.versions import seen_version, want_changed
from ledger.installation import OpenLedger
from ledger.programme.people import belongings
from ledger.programme.people.venues import CAPACITY_MAX, VENUE

blueprint = Resource(
    "venues", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/venues", description=__doc__
)
VENUES = Views(VENUE)
ID = id_form("venue")


class SaidOfVenueSchema(Schema):
    """What a venue is called, where it is, and whom it can receive."""

    name = Reference(required=True)
    address = Reason(required=True)
    capacity = fields.Integer(
        strict=True,
        validate=validate.Range(1, CAPACITY_MAX),
        metadata={"description": "how many people at once"},
    )
    accessible = Flag(required=True, description="whether one gets in with a wheelchair")


class NewVenueSchema(SaidOfVenueSchema):
    """A venue of an organisation."""

    organisation = Formed(ORGANISATION, required=True)


class VenueSchema(Schema):
    """A venue."""

    id = fields.String(required=True)
    organisation = fields.String(required=True)
    at = fields.String(required=True, metadata={"description": "when it was taken up"})
    version = fields.Integer(required=True)
    name = fields.String()
    address = fields.String()
    capacity = fields.Integer()
    accessible = fields.Boolean()


class VenuesSchema(Schema):
    """Venues in order of their ids."""

    venues = fields.List(fields.Nested(VenueSchema), required=True)


class VenuesQuery(Schema):
    """Which venues."""

    organisation = Formed(ORGANISATION, load_default=None)
    after = Formed(ID, load_default=None)
    limit = limit()


@blueprint.reads("", VenuesSchema, action="venues:read", query=VenuesQuery)
def show_venues(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List venues

    The office sees all, people of an organisation its own.
    """
    return VENUES.page(ledger, caller().reach("venues:read"), query)


@blueprint.posts("", VenueSchema, action="venues:write", body=NewVenueSchema)
def take_up(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Take up a venue"""
    wish, mine = wish_maker(ledger)(0, "venue", {}), caller().reach("venues:write")
    organisation = body.pop("organisation")
    want_reached(mine, organisation)
    want_done(belongings.take_up(*within(ledger), VENUE, wish, organisation, body))
    return VENUES.one(ledger, belongings.id_of(VENUE, wish.request), mine, 201)


@blueprint.reads("/<id:random>", VenueSchema, action="venues:read")
def show_venue(ledger: OpenLedger, random: str) -> Response:
    """See a venue"""
    return VENUES.one(ledger, f"venue/{random}", caller().reach("venues:read"))


@blueprint.puts("/<id:random>", VenueSchema, action="venues:write", body=SaidOfVenueSchema)
def amend(body: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """Change a venue

    The body is all that is kept from now on; what was kept before stays in its history.
    """
    seen, mine = seen_version(), caller().reach("venues:write")
    known = VENUES.found(ledger, f"venue/{random}", mine)
    outcome = belongings.amend(*within(ledger), VENUE, known, body, seen=seen, by=caller().person)
    want_changed(ledger, VENUE.word, known.id, outcome, seen)
    return VENUES.one(ledger, known.id, mine)
