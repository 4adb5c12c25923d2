"""Invitations: an organisation names people who are asked to join, if they like."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.answers import answer
from api.auth import caller, installation, within
from api.fields import ORGANISATION, Formed, Reference
from api.posting import wish_maker
from api.problems import want_done
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.programme.findable import full_name
from ledger.programme.people import invitations as domain
from ledger.programme.people import inviting
from ledger.programme.people.contacts import contact_of
from ledger.programme.people.entering import entering
from ledger.programme.people.invitations import Invitee
from ledger.programme.people.links import CODE_CHARACTERS_MAX
from ledger.programme.people.organisations import find_organisation
from ledger.programme.roles import Reach

blueprint = Resource(
    "invitations",
    __name__,
    url_prefix="/v1/ledgers/<ledger:ledger>/invitations",
    description=__doc__,
)


class NewInvitationSchema(Schema):
    """Somebody who is invited."""

    organisation = Formed(ORGANISATION, required=True)
    name = Reference(required=True)
    contact = Reference(
        required=True, metadata={"description": "a telephone number or an e-mail address"}
    )


class InvitedPeopleSchema(Schema):
    """How many were invited.  It is the same whether they take part already or not."""

    organisation = fields.String(required=True)
    invited = fields.Integer(required=True)


class LinkCodeSchema(Schema):
    """The code of a link: of an invitation, or an organisation's joining link."""

    code = fields.String(
        required=True,
        validate=validate.Length(1, CODE_CHARACTERS_MAX),
        metadata={"description": "what stands behind the `#` of the link"},
    )


class InviterSchema(Schema):
    """Whose link it is."""

    organisation = fields.String(required=True)
    name_zh = fields.String()
    name_en = fields.String()
    personal = fields.Boolean(
        required=True,
        metadata={"description": "whether it is an invitation, which is good once and erased"},
    )


class ErasedInvitationSchema(Schema):
    """What is kept of who was invited."""

    erased = fields.Boolean(required=True)


@blueprint.posts("", InvitedPeopleSchema, action="invitations:write", body=NewInvitationSchema)
def invite(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Invite somebody

    Soon they get a message with a link of their own. Who has not accepted it in thirty days is
    erased; the organisation learns how many accepted, and never who.
    """
    wish = wish_maker(ledger)(0, "invitation", {})
    full_name(body["name"])
    invitee = Invitee(0, body["name"], contact_of(body["contact"]))
    with installation().database.reading() as conn:
        reach = caller().reach("invitations:write")
        organisation = find_organisation(conn, ledger, body["organisation"], reach)
    want_done(inviting.invite(*within(ledger), wish, organisation, [invitee]))
    return answer({"organisation": organisation.id, "invited": 1}, 201)


@blueprint.takes("/look", InviterSchema, body=LinkCodeSchema, status=200)
def look(body: dict[str, str], ledger: OpenLedger) -> Response:
    """See whose link it is

    Whoever has it may, before they join.
    """
    found = entering(*within(ledger), body["code"])
    with installation().database.reading() as conn:
        theirs = Reach(organisations=frozenset({found.organisation}))
        named = find_organisation(conn, ledger, found.organisation, theirs).fields or {}
    names = {name: named[name] for name in ("name_zh", "name_en") if name in named}
    personal = found.invitation is not None
    return answer({"organisation": found.organisation, **names, "personal": personal})


@blueprint.takes("/decline", ErasedInvitationSchema, body=LinkCodeSchema, status=200)
def decline(body: dict[str, str], ledger: OpenLedger) -> Response:
    """Want nothing of an invitation

    What is kept of who was invited is erased at once. Nobody is told.
    """
    domain.decline(*within(ledger), body["code"])
    return answer({"erased": True})
