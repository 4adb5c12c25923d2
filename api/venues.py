"""Venues: where organisations receive people."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.auth import caller, installation
from api.courses import want_reached
from api.fields import ORGANISATION, Flag, Formed, Reason, Reference, id_form, limit
from api.posting import wish_maker
from api.problems import refuse
from api.resource import Resource, answer, page, seen_version, with_etag
from api.versions import refuse_changed
from ledger.installation import OpenLedger
from ledger.journal.orders import Done, Refusal
from ledger.programme import records
from ledger.programme.people import belongings
from ledger.programme.people.belongings import Belonging
from ledger.programme.people.venues import CAPACITY_MAX, VENUE, reached
from ledger.programme.recording import CHANGED

blueprint = Resource(
    "venues", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/venues", description=__doc__
)
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
    mine = reached(caller().reach("venues:read"))
    with installation().database.reading() as conn:
        found = belongings.listed(conn, ledger, VENUE, mine, **query)
    following = found[-1].id if len(found) == query["limit"] else None
    return page("venues", [_shown(each) for each in found], "after", following)


@blueprint.posts("", VenueSchema, action="venues:write", body=NewVenueSchema)
def take_up(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Take up a venue"""
    here, wish = installation(), wish_maker(ledger)(0, "venue", {})
    organisation = body.pop("organisation")
    want_reached(caller().reach("venues:write"), organisation)
    outcome = belongings.take_up(here.database, ledger, here.clock, VENUE, wish, organisation, body)
    if not isinstance(outcome, Done):
        refuse(outcome)
    return _one(ledger, belongings.id_of(VENUE, wish.request), "venues:write", 201)


@blueprint.reads("/<id:random>", VenueSchema, action="venues:read")
def show_venue(ledger: OpenLedger, random: str) -> Response:
    """See a venue"""
    return _one(ledger, f"venue/{random}", "venues:read", 200)


@blueprint.puts("/<id:random>", VenueSchema, action="venues:write", body=SaidOfVenueSchema)
def amend(body: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """Change a venue

    The body is all that is kept from now on; what was kept before stays in its history.
    """
    here, seen = installation(), seen_version()
    known = _found(ledger, f"venue/{random}", "venues:write")
    outcome = belongings.amend(
        here.database, ledger, here.clock, VENUE, known, body, seen=seen, by=caller().person
    )
    if isinstance(outcome, Refusal) and outcome.rule == CHANGED:
        with here.database.reading() as conn:
            refuse_changed(records.history(conn, ledger, VENUE.word, known.id), seen)
    if not isinstance(outcome, Done):
        refuse(outcome)
    return _one(ledger, known.id, "venues:write", 200)


def _found(ledger: OpenLedger, venue_id: str, action: str) -> Belonging:
    mine = reached(caller().reach(action))
    with installation().database.reading() as conn:
        return belongings.find(conn, ledger, VENUE, venue_id, mine)


def _one(ledger: OpenLedger, venue_id: str, action: str, status: int) -> Response:
    found = _found(ledger, venue_id, action)
    return with_etag(answer(_shown(found), status), found.version)


def _shown(venue: Belonging) -> dict[str, Any]:
    return {
        "id": venue.id,
        "organisation": venue.organisation,
        "at": venue.at,
        "version": venue.version,
        **(venue.fields or {}),
    }
