"""Attainments: training, qualifications and accident insurance of people."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.answers import answer, page
from api.auth import caller, installation, shows, within
from api.courses import COURSE, ORGANISATION, want_reached
from api.fields import Formed, Reference, id_form, limit
from api.posting import wish_maker
from api.problems import want_done
from api.resource import Resource
from api.versions import seen_version, want_changed, with_etag
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.people import attainments as domain
from ledger.programme.people.attainments import RESULTS, WANTED, Attainment

blueprint = Resource(
    "attainments",
    __name__,
    url_prefix="/v1/ledgers/<ledger:ledger>/attainments",
    description=__doc__,
)
ATTAINMENT = id_form("attainment")
WHAT = e.Form(
    "word",
    rf'"({COURSE.text.strip(chr(34))}|[a-z][a-z-]{{0,30}})"',
    "for training the course's id, else a word such as `first-aid` or `accident`",
)


class SaidOfAttainmentSchema(Schema):
    """What somebody attained, from one local day on, perhaps to another."""

    kind = fields.String(required=True, validate=validate.OneOf(list(WANTED)))
    what = Formed(WHAT, required=True)
    result = fields.String(
        validate=validate.OneOf(RESULTS), metadata={"description": "of training alone"}
    )
    issuer = Reference(metadata={"description": "of a qualification or insurance"})
    number = Reference(metadata={"description": "the issuer's, of insurance always"})
    first = Formed(e.DATE, required=True, data_key="from", attribute="first")
    last = Formed(e.DATE, data_key="to", attribute="last")


class NewAttainmentSchema(SaidOfAttainmentSchema):
    """What a person attained, and the organisation that keeps it."""

    person = Formed(e.PERSON, required=True)
    organisation = Formed(ORGANISATION, required=True)


class AttainmentSchema(Schema):
    """What a person attained; what it is is left out where that was erased."""

    id = fields.String(required=True)
    person = fields.String(required=True)
    organisation = fields.String(required=True)
    version = fields.Integer(required=True)
    kind = fields.String()
    what = fields.String()
    result = fields.String()
    issuer = fields.String()
    number = fields.String()
    first = fields.String(data_key="from")
    last = fields.String(data_key="to")


class AttainmentsSchema(Schema):
    """Attainments in order of their ids."""

    attainments = fields.List(fields.Nested(AttainmentSchema), required=True)


class AttainmentsQuery(Schema):
    """Which attainments."""

    person = Formed(e.PERSON, load_default=None)
    what = Formed(WHAT, load_default=None)
    after = Formed(ATTAINMENT, load_default=None)
    limit = limit()


@blueprint.reads("", AttainmentsSchema, action="attainments:read", query=AttainmentsQuery)
def show_attainments(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List what people attained

    The office sees all, an organisation's managers and organisers what it keeps, and all that those
    have who are in a team that they lead and show the organisation who they are; everybody their
    own.  The cohort of a course is what there is for its id.
    """
    reach = caller().reach("attainments:read")
    with installation().database.reading() as conn:
        found = domain.list_attainments(conn, ledger, reach, **query)
    following = found[-1].id if len(found) == query["limit"] else None
    return page("attainments", [_shown(each) for each in found], "after", following)


@blueprint.posts("", AttainmentSchema, action="attainments:write", body=NewAttainmentSchema)
def keep(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Keep what a person attained

    Somebody joins a course's cohort with the result `enrolled`, which is changed later.
    """
    wish = wish_maker(ledger)(0, "attainment", {})
    person, organisation = body.pop("person"), body.pop("organisation")
    want_reached(caller().reach("attainments:write"), organisation)
    want_done(domain.keep(*within(ledger), wish, person, organisation, body))
    return _one(ledger, domain.id_of(person, body, wish.request), "attainments:write", 201)


@blueprint.reads("/<id:random>", AttainmentSchema, action="attainments:read")
def show_attainment(ledger: OpenLedger, random: str) -> Response:
    """See what a person attained"""
    return _one(ledger, f"attainment/{random}", "attainments:read", 200)


@blueprint.puts(
    "/<id:random>", AttainmentSchema, action="attainments:write", body=SaidOfAttainmentSchema
)
def amend(body: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """Correct what a person attained, or enter a course's result

    The body is all that is kept from now on; what was kept before stays in its history.
    """
    seen = seen_version()
    with installation().database.reading() as conn:
        reach = domain.kept_by(caller().reach("attainments:write"))
        found = domain.find_attainment(conn, ledger, f"attainment/{random}", reach)
    outcome = domain.amend(*within(ledger), found, body, seen=seen, by=caller().person)
    want_changed(ledger, domain.KIND, found.id, outcome, seen)
    return _one(ledger, found.id, "attainments:write", 200)


def _one(ledger: OpenLedger, attainment_id: str, action: str, status: int) -> Response:
    with installation().database.reading() as conn:
        found = domain.find_attainment(conn, ledger, attainment_id, caller().reach(action))
    return with_etag(answer(_shown(found), status), found.version)


def _shown(attainment: Attainment) -> dict[str, Any]:
    said = dict(attainment.fields or {})
    shows(attainment.person, said.get("issuer"), said.get("number"))
    days = {"from": said.pop("first", None), "to": said.pop("last", None)}
    return {
        "id": attainment.id,
        "person": attainment.person,
        "organisation": attainment.organisation,
        "version": attainment.version,
        **said,
        **{name: day for name, day in days.items() if day is not None},
    }
