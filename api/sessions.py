"""Sessions: who one is here, where one is signed in, and how to end that."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields

from api.answers import answer
from api.auth import caller, installation, within
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.programme import records
from ledger.programme.people import sessions
from ledger.programme.people.rights import account_of
from ledger.programme.people.sessions import Session
from ledger.programme.reading.accounts import find_account
from ledger.programme.records import BASICS
from ledger.programme.roles import ACTIONS
from ledger.programme.vault import lawful

blueprint = Resource(
    "sessions", __name__, url_prefix="/v1/ledgers/<ledger:ledger>", description=__doc__
)


class HeldRoleSchema(Schema):
    """A role that the caller holds today."""

    role = fields.String(required=True)
    organisation = fields.String()
    deputy_of = fields.String(metadata={"description": "in whose place"})
    teams = fields.List(
        fields.String(), metadata={"description": "of the organisation, which the caller leads"}
    )


class MeSchema(Schema):
    """Who the caller is, and what they may do today."""

    person = fields.String(required=True)
    account = fields.String(metadata={"description": "as a member; left out without one"})
    balance = fields.Integer(metadata={"description": "points of that account"})
    held = fields.Integer(metadata={"description": "points of it that are set aside"})
    name = fields.String()
    contacts = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "confirmed ones: phone, email"},
    )
    roles = fields.List(fields.Nested(HeldRoleSchema), required=True)
    actions = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={
            "description": "by action: own, team, organisation or ledger, the furthest it reaches"
        },
    )


class SessionSchema(Schema):
    """A session of the caller's."""

    id = fields.String(required=True)
    lasts = fields.String(required=True, metadata={"description": "device, day or helping"})
    helper = fields.String(metadata={"description": "who does something for the caller there"})
    created_at = fields.String(required=True)
    used_on = fields.String(required=True, metadata={"description": "the last local day"})
    expires_at = fields.String(required=True)
    current = fields.Boolean(required=True, metadata={"description": "this request's own"})


class SessionsSchema(Schema):
    """The caller's sessions that last, the newest first."""

    sessions = fields.List(fields.Nested(SessionSchema), required=True)


@blueprint.reads("/me", MeSchema, action="sessions:read")
def show_me(ledger: OpenLedger) -> Response:
    """See who you are here, and what you may do"""
    here, me = installation(), caller()
    with here.database.reading() as conn:
        mine = lawful(ledger, (me.person,))
        basics = records.newest(conn, mine, BASICS, (me.person,)).get(me.person)
        account = find_account(conn, ledger.id, account_of(me.person), here.clock.now())
    known = {} if basics is None or basics.fields is None else basics.fields
    shown = () if account is None else ("account", "balance", "held")
    return answer(
        {
            "person": me.person,
            **{name: getattr(account, name) for name in shown},
            **({"name": known["full_name"]} if "full_name" in known else {}),
            "contacts": {name: known[name] for name in ("phone", "email") if name in known},
            "roles": [
                {name: value for name, value in held._asdict().items() if value} for held in me.held
            ],
            "actions": {
                action: reach.word
                for action in ACTIONS
                if (reach := me.reach(action)) and me.allows(action)
            },
        }
    )


@blueprint.reads("/sessions", SessionsSchema, action="sessions:read")
def show_sessions(ledger: OpenLedger) -> Response:
    """List where you are signed in"""
    here = installation()
    with here.database.reading() as conn:
        found = sessions.list_sessions(conn, ledger.id, caller().person, here.clock.now())
    return answer({"sessions": [_shown(each) for each in found]})


@blueprint.deletes("/sessions", action="sessions:write")
def end_all(ledger: OpenLedger) -> Response:
    """Sign out everywhere"""
    sessions.revoke_all(*within(ledger), caller().person)
    return Response(status=204)


@blueprint.deletes("/sessions/<id:random>", action="sessions:write")
def end(ledger: OpenLedger, random: str) -> Response:
    """Sign out here, or on another device"""
    sessions.revoke(*within(ledger), caller().person, f"session/{random}")
    return Response(status=204)


def _shown(session: Session) -> dict[str, Any]:
    helper = {} if session.helper is None else {"helper": session.helper}
    return {
        **helper,
        "id": session.id,
        "lasts": session.lasts,
        "created_at": session.created_at,
        "used_on": session.used_on,
        "expires_at": session.expires_at,
        "current": session.id == caller().id,
    }
