"""Members of an alliance or federation (联盟、联合会), which are organisations."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields

from api.answers import answer, page
from api.auth import about, caller, installation
from api.fields import ORGANISATION, After, Formed, limit
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.people.alliances import Membership, join_alliance, members_of
from ledger.programme.people.organisations import Organisation, find_organisation

blueprint = Resource(
    "alliances",
    __name__,
    url_prefix="/v1/ledgers/<ledger:ledger>/organisations/<id:random>/members",
    description=__doc__,
)


class MembershipSchema(Schema):
    """An organisation in an alliance, for some local days."""

    organisation = Formed(ORGANISATION, required=True)
    first = Formed(e.DATE, required=True, data_key="from", attribute="first")
    last = Formed(
        e.DATE, data_key="to", attribute="last", description="left out: until further notice"
    )


class MembershipsSchema(Schema):
    """Memberships in order of organisation and first day."""

    members = fields.List(fields.Nested(MembershipSchema), required=True)


class MembershipsQuery(Schema):
    """Which part of the list."""

    after = After(ORGANISATION, "an organisation, `@` and its first day")
    limit = limit()


@blueprint.reads("", MembershipsSchema, action="organisations:read", query=MembershipsQuery)
def show_members(query: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """List the members of an alliance"""
    alliance = _found(ledger, f"org/{random}", "organisations:read")
    with installation().database.reading() as conn:
        found = members_of(conn, ledger.id, alliance.id, **query)
    full = len(found) == query["limit"]
    last = f"{found[-1].organisation}@{found[-1].first}" if full else None
    return page("members", [_shown(each) for each in found], "after", last)


@blueprint.posts(
    "", MembershipSchema, action="organisations:admit", body=MembershipSchema, keyed=False
)
def join(body: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """Say that an organisation is a member, from a day on

    The same organisation and first day again changes the last one, which ends a membership.
    """
    about(body["organisation"])
    alliance = _found(ledger, f"org/{random}", "organisations:admit")
    member = _found(ledger, body["organisation"], "organisations:admit")
    last = body.get("last")
    join_alliance(ledger, alliance, member, body["first"], last)
    return answer(_shown(Membership(member.id, body["first"], last)), 201)


def _found(ledger: OpenLedger, organisation_id: str, action: str) -> Organisation:
    with installation().database.reading() as conn:
        return find_organisation(conn, ledger, organisation_id, caller().reach(action))


def _shown(membership: Membership) -> dict[str, Any]:
    shown = {"organisation": membership.organisation, "from": membership.first}
    return shown if membership.last is None else {**shown, "to": membership.last}
