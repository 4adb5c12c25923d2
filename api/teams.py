"""Teams (服务队) of organisations: their leaders, and who is in them from day to day."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields

from api.answers import answer, page
from api.auth import about, caller, installation, within
from api.belongings import Views, want_reached
from api.fields import ORGANISATION, After, Formed, Reference, id_form, limit
from api.posting import wish_maker
from api.problems import want_done
from api.resource import Resource
from api.versions import seen_version, want_changed
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.people import belongings
from ledger.programme.people import teams as domain
from ledger.programme.people.teams import TEAM, Membership
from ledger.programme.roles import Reach

blueprint = Resource(
    "teams", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/teams", description=__doc__
)
TEAMS = Views(TEAM, domain.ways)
ID = id_form("team")


class SaidOfTeamSchema(Schema):
    """What a team is called, and who leads it."""

    name = Reference(required=True)
    leader = Formed(e.PERSON, description="an organiser who leads it reaches what belongs to it")


class NewTeamSchema(SaidOfTeamSchema):
    """A team of an organisation."""

    organisation = Formed(ORGANISATION, required=True)


class TeamSchema(Schema):
    """A team."""

    id = fields.String(required=True)
    organisation = fields.String(required=True)
    at = fields.String(required=True, metadata={"description": "when it was formed"})
    version = fields.Integer(required=True)
    name = fields.String()
    leader = fields.String()


class TeamsSchema(Schema):
    """Teams in order of their ids."""

    teams = fields.List(fields.Nested(TeamSchema), required=True)


class TeamsQuery(Schema):
    """Which teams."""

    organisation = Formed(ORGANISATION, load_default=None)
    after = Formed(ID, load_default=None)
    limit = limit()


class TeamMemberSchema(Schema):
    """A person in a team, for some local days."""

    person = Formed(e.PERSON, required=True)
    first = Formed(e.DATE, required=True, data_key="from", attribute="first")
    last = Formed(
        e.DATE, data_key="to", attribute="last", description="left out: until further notice"
    )


class TeamMembersSchema(Schema):
    """Memberships in order of person and first day."""

    members = fields.List(fields.Nested(TeamMemberSchema), required=True)


class TeamMembersQuery(Schema):
    """Which part of the list."""

    after = After(e.PERSON, "a person, `@` and the first day")
    limit = limit()


@blueprint.reads("", TeamsSchema, action="teams:read", query=TeamsQuery)
def show_teams(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List teams

    The office sees all, people of an organisation its own, everybody those that they lead or are
    in.
    """
    return TEAMS.page(ledger, caller().reach("teams:read"), query)


@blueprint.posts("", TeamSchema, action="teams:write", body=NewTeamSchema)
def form(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Form a team"""
    wish, organisation = wish_maker(ledger)(0, "team", {}), body.pop("organisation")
    want_reached(caller().reach("teams:write"), organisation)
    want_done(domain.form(*within(ledger), wish, organisation, body))
    return _one(ledger, belongings.id_of(TEAM, wish.request), 201)


@blueprint.reads("/<id:random>", TeamSchema, action="teams:read")
def show_team(ledger: OpenLedger, random: str) -> Response:
    """See a team"""
    return _one(ledger, f"team/{random}")


@blueprint.puts("/<id:random>", TeamSchema, action="teams:write", body=SaidOfTeamSchema)
def amend(body: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """Change a team

    By a manager of its organisation, or the organiser who leads it. The body is all that is kept
    from now on; what was kept before stays in its history.
    """
    seen = seen_version()
    known = TEAMS.found(ledger, f"team/{random}", _writing())
    outcome = domain.amend(*within(ledger), known, body, seen=seen, by=caller().person)
    want_changed(ledger, TEAM.word, known.id, outcome, seen)
    return _one(ledger, known.id)


@blueprint.reads(
    "/<id:random>/members", TeamMembersSchema, action="teams:read", query=TeamMembersQuery
)
def show_members(query: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """List who is or was in a team

    Who is in it without leading it sees themselves alone.
    """
    reach = caller().reach("teams:read")
    team = TEAMS.found(ledger, f"team/{random}", reach)
    with installation().database.reading() as conn:
        found = domain.members_of(conn, ledger.id, team, reach, **query)
    full = len(found) == query["limit"]
    last = f"{found[-1].person}@{found[-1].first}" if full else None
    return page("members", [_member(each) for each in found], "after", last)


@blueprint.posts(
    "/<id:random>/members",
    TeamMemberSchema,
    action="teams:write",
    body=TeamMemberSchema,
    keyed=False,
)
def join(body: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """Say that a person is in a team, from a day on

    They are of the team's organisation on that day: a confirmed member, or with a role of it. The
    same person and first day again changes the last one, which ends a membership.
    """
    about(body["person"])
    team = TEAMS.found(ledger, f"team/{random}", _writing())
    last = body.get("last")
    domain.join_team(installation().database, ledger, team, body["person"], body["first"], last)
    return answer(_member(Membership(body["person"], body["first"], last)), 201)


def _writing() -> Reach:
    return domain.changed_by(caller().reach("teams:write"))


def _one(ledger: OpenLedger, team_id: str, status: int = 200) -> Response:
    return TEAMS.one(ledger, team_id, caller().reach("teams:read"), status)


def _member(membership: Membership) -> dict[str, Any]:
    shown = {"person": membership.person, "from": membership.first}
    return shown if membership.last is None else {**shown, "to": membership.last}
