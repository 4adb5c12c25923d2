"""Grants: who holds which role, from when to when, and deputies (代理)."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.answers import page
from api.auth import about, caller, installation
from api.fields import ORGANISATION, Formed, id_form, limit
from api.posting import WaitingSchema, do
from api.problems import Problem
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme import grants
from ledger.programme.grants import GRANTED_ROLES, TWO_PEOPLE_ROLES, Grant

blueprint = Resource(
    "grants", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/grants", description=__doc__
)
ID = id_form("grant")


class NewGrantSchema(Schema):
    """A role to be given to a person."""

    person = Formed(e.PERSON, required=True)
    role = fields.String(required=True, validate=validate.OneOf(GRANTED_ROLES))
    organisation = Formed(ORGANISATION, description="of which, for the roles of organisations")
    first = Formed(e.DATE, required=True, data_key="from", attribute="first")
    last = Formed(
        e.DATE, data_key="to", attribute="last", description="left out: until it is ended"
    )
    deputy_of = Formed(
        e.PERSON, description="yourself: they stand in for you in a role of yours, for some days"
    )


class GrantSchema(Schema):
    """A role that a person holds, or held."""

    id = fields.String(required=True)
    person = fields.String(required=True)
    role = fields.String(required=True)
    organisation = fields.String()
    deputy_of = fields.String(metadata={"description": "in whose place, for a deputy"})
    first = fields.String(required=True, data_key="from")
    last = fields.String(data_key="to")
    by = fields.String(required=True, metadata={"description": "who gave it"})
    by_for = fields.String(metadata={"description": "in whose place, where a deputy gave it"})
    at = fields.String(required=True)
    ended_by = fields.String()
    ended_at = fields.String()


class GivenSchema(Schema):
    """A role just given."""

    grant = fields.String(required=True)


class GrantsSchema(Schema):
    """Grants in order of their ids, ended ones included."""

    grants = fields.List(fields.Nested(GrantSchema), required=True)


class GrantsQuery(Schema):
    """Which grants."""

    person = Formed(e.PERSON, load_default=None)
    organisation = Formed(ORGANISATION, load_default=None)
    after = Formed(ID, load_default=None)
    limit = limit()


@blueprint.reads("", GrantsSchema, action="grants:read", query=GrantsQuery)
def show_grants(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List who holds which role

    The office and auditors see all, a manager those of the own organisation, others their own.
    """
    with installation().database.reading() as conn:
        found = grants.list_grants(conn, ledger.id, caller().reach("grants:read"), **query)
    following = found[-1].id if len(found) == query["limit"] else None
    return page("grants", [_shown(each) for each in found], "after", following)


@blueprint.posts("", GivenSchema, action="grants:write", body=NewGrantSchema, waits=WaitingSchema)
def give(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Give a role, or name a deputy

    A manager gives the roles of the own organisation, an admin those of any; roles of the office
    and auditors' need a second person of the office. Whoever holds a role names a deputy for it
    beforehand, for some days.
    """
    here = installation()
    about(body["person"])
    with here.database.reading() as conn:
        if "deputy_of" in body:
            _want_own(body)
            grants.check_deputy(conn, ledger.id, body, caller().held)
        else:
            _want_theirs(body)
            grants.check(conn, ledger.id, body)
    return do(ledger, "grant", body, lambda request: {"grant": grants.id_of(request)})


@blueprint.deletes("/<id:random>", action="grants:write")
def end(ledger: OpenLedger, random: str) -> Response:
    """End a grant

    One's own, or one that names one's deputy; a manager's are those of the own organisation. A role
    of the office is taken from somebody else by changing their standing, which takes two people.
    """
    here, grant_id = installation(), f"grant/{random}"
    about(grant_id)
    reach = caller().reach("grants:write")
    with here.database.reading() as conn:
        found = grants.find_grant(conn, ledger.id, grant_id, reach)
    others = found.person != caller().person and found.deputy_of != caller().person
    if others and found.role in TWO_PEOPLE_ROLES:
        raise Problem(
            "grant-refused",
            "You do not end somebody else's role of the office: propose another standing for them.",
        )
    grants.end(ledger, here.clock, grant_id, by=caller().person)
    return Response(status=204)


def _want_own(body: dict[str, Any]) -> None:
    if body["deputy_of"] != caller().person:
        raise Problem(
            "grant-refused", "You name deputies of your own: set `deputy_of` to yourself."
        )


def _want_theirs(body: dict[str, Any]) -> None:
    reach = caller().reach("grants:write")
    organisation = body.get("organisation")
    if not (reach.everything or (organisation and reach.has_organisation(organisation))):
        raise Problem(
            "grant-refused",
            "You give roles in an organisation that you manage, and name deputies of your own. Ask"
            " an admin for others.",
        )


def _shown(grant: Grant) -> dict[str, Any]:
    shown = {
        "id": grant.id,
        "person": grant.person,
        "role": grant.role,
        "organisation": grant.organisation,
        "deputy_of": grant.deputy_of,
        "from": grant.first,
        "to": grant.last,
        "by": grant.by,
        "by_for": grant.by_for,
        "at": grant.at,
        "ended_by": grant.ended_by,
        "ended_at": grant.ended_at,
    }
    return {name: value for name, value in shown.items() if value is not None}
