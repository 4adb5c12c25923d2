"""Memberships: to which organisations people belong, claimed by themselves and confirmed there."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.answers import answer, page
from api.auth import caller, installation, shows, want_impartial, within
from api.fields import ORGANISATION, Formed, id_form, limit
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.people import memberships as domain
from ledger.programme.people.entering import enter
from ledger.programme.people.links import CODE_CHARACTERS_MAX
from ledger.programme.people.memberships import CONFIRMED, DECLINED, STATES, Membership
from ledger.programme.reading.days import today_of
from ledger.programme.roles import Reach

blueprint = Resource(
    "memberships",
    __name__,
    url_prefix="/v1/ledgers/<ledger:ledger>/memberships",
    description=__doc__,
)
MEMBERSHIP = id_form("membership")
CODE = validate.Length(1, CODE_CHARACTERS_MAX)
EVERYTHING = Reach(everything=True)


class NewMembershipSchema(Schema):
    """By which link somebody says that they belong to its organisation."""

    code = fields.String(
        required=True,
        validate=CODE,
        metadata={"description": "what stands behind the `#` of the link"},
    )


class LastDaySchema(Schema):
    """When a membership ended."""

    last = Formed(
        e.DATE,
        data_key="to",
        attribute="last",
        description="its last local day, today or earlier; today where it is left out",
    )


class PersonMembershipSchema(Schema):
    """A person's membership of an organisation."""

    id = fields.String(required=True)
    organisation = fields.String(required=True)
    person = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    shares = fields.Boolean(
        required=True,
        metadata={"description": "whether the person shows the organisation who they are"},
    )
    name = fields.String(metadata={"description": "of who shares it alone"})
    minutes = fields.Integer(
        metadata={"description": "of verified service within it, of who shares them alone"}
    )
    first = fields.String(required=True, data_key="from")
    last = fields.String(data_key="to")
    by = fields.String(required=True, metadata={"description": "who changed it last"})
    at = fields.String(required=True)


class PersonMembershipsSchema(Schema):
    """Memberships in order of their ids."""

    memberships = fields.List(fields.Nested(PersonMembershipSchema), required=True)


class PersonMembershipsQuery(Schema):
    """Which memberships."""

    organisation = Formed(ORGANISATION, load_default=None)
    state = fields.String(validate=validate.OneOf(STATES), load_default=None)
    after = Formed(MEMBERSHIP, load_default=None)
    limit = limit()


@blueprint.reads(
    "", PersonMembershipsSchema, action="memberships:read", query=PersonMembershipsQuery
)
def show_memberships(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List memberships

    Members see their own, the office all. A manager sees those of the own organisation that last or
    are claimed, of people who consent to that; how many the others are is among its totals.
    """
    reach = caller().reach("memberships:read")
    with installation().database.reading() as conn:
        found = domain.list_memberships(conn, ledger, reach, **query)
    following = found[-1].id if len(found) == query["limit"] else None
    return page("memberships", [_shown(each) for each in found], "after", following)


@blueprint.posts(
    "",
    PersonMembershipSchema,
    action="memberships:claim",
    body=NewMembershipSchema,
    keyed=False,
)
def claim(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Say, by its link, that one belongs to an organisation

    The organisation confirms it, if it may know who one is. Whoever belongs to it already changes
    nothing by it.
    """
    made = enter(*within(ledger), caller().person, body["code"])
    return answer(_shown(made), 201)


@blueprint.reads("/<id:random>", PersonMembershipSchema, action="memberships:read")
def show_membership(ledger: OpenLedger, random: str) -> Response:
    """See a membership"""
    return answer(_shown(_found(ledger, random, "memberships:read")))


@blueprint.posts(
    "/<id:random>/confirm",
    PersonMembershipSchema,
    action="memberships:decide",
    keyed=False,
    status=200,
)
def confirm(ledger: OpenLedger, random: str) -> Response:
    """Confirm that somebody belongs to the organisation"""
    return _decided(ledger, random, CONFIRMED)


@blueprint.posts(
    "/<id:random>/decline",
    PersonMembershipSchema,
    action="memberships:decide",
    keyed=False,
    status=200,
)
def decline(ledger: OpenLedger, random: str) -> Response:
    """Say that somebody does not belong to the organisation

    They stay a member of the programme.
    """
    return _decided(ledger, random, DECLINED)


@blueprint.posts(
    "/<id:random>/end",
    PersonMembershipSchema,
    action="memberships:end",
    body=LastDaySchema,
    keyed=False,
    status=200,
)
def end(body: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """Leave an organisation, or say that somebody left it

    The membership ends; they stay a member of the programme.
    """
    here, found = installation(), _found(ledger, random, "memberships:end")
    with here.database.reading() as conn:
        today = today_of(conn, ledger.id, here.clock.now())
    last = body.get("last", today)
    if last > today:
        raise domain.MembershipRefused(f"{last} is still to come. Give today or an earlier day.")
    domain.end(ledger, here.clock, found, last, by=caller().author)
    return _after(ledger, found.id)


def _decided(ledger: OpenLedger, random: str, state: str) -> Response:
    found = _found(ledger, random, "memberships:decide")
    want_impartial(ledger, found.id)
    domain.decide(ledger, installation().clock, found, state, by=caller().person)
    return _after(ledger, found.id)


def _found(ledger: OpenLedger, random: str, action: str) -> Membership:
    with installation().database.reading() as conn:
        reach = caller().reach(action)
        return domain.find_membership(conn, ledger, f"membership/{random}", reach)


def _after(ledger: OpenLedger, membership_id: str) -> Response:
    """The membership as whoever changed it is shown it, for the last time where it ended."""
    with installation().database.reading() as conn:
        return answer(_shown(domain.find_membership(conn, ledger, membership_id, EVERYTHING)))


def _shown(membership: Membership) -> dict[str, Any]:
    shows(membership.person, membership.name)
    shown = {
        "id": membership.id,
        "organisation": membership.organisation,
        "person": membership.person,
        "state": membership.state,
        "shares": membership.shares,
        "name": membership.name,
        "minutes": membership.minutes,
        "from": membership.first,
        "to": membership.last,
        "by": membership.by,
        "at": membership.at,
    }
    return {name: value for name, value in shown.items() if value is not None}
