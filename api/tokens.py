"""Tokens: made by an admin for one person and one role, shown once, ended at any time."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.auth import caller, installation
from api.fields import Formed
from api.problems import Problem
from api.resource import Resource, answer
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.tokens import (
    DAYS_MAX,
    ROLES,
    Token,
    create_token,
    list_tokens,
    revoke_token,
)

blueprint = Resource(
    "tokens", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/tokens", description=__doc__
)
DAYS = e.Form("integer", r"[1-9]\d{0,2}", f"1 to {DAYS_MAX}", lambda days: days <= DAYS_MAX)


class NewTokenSchema(Schema):
    """A token to be made."""

    person = Formed(e.PERSON, required=True)
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    days = Formed(DAYS, load_default=90, description="how long it lasts")


class MadeTokenSchema(Schema):
    """A token just made."""

    id = fields.String(required=True)
    token = fields.String(required=True, metadata={"description": "shown this once"})
    expires_at = fields.String(required=True)


class TokenSchema(Schema):
    """A token without its secret."""

    id = fields.String(required=True)
    person = fields.String(required=True)
    role = fields.String(required=True)
    created_at = fields.String(required=True)
    expires_at = fields.String(required=True)
    revoked_at = fields.String()


class TokensSchema(Schema):
    """All tokens of the ledger, the newest first, ended ones included."""

    tokens = fields.List(fields.Nested(TokenSchema), required=True)


@blueprint.posts("", MadeTokenSchema, roles=["admin"], body=NewTokenSchema, keyed=False)
def make_token(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Make a token

    For yourself, or an auditor's for anybody: who holds the token of another clerk would be two
    people. A new clerk's first token is made by whoever runs the service (`points token create`).
    The person's standing must fit the role: office for admin and officer, auditor or office for
    auditor.
    """
    here = installation()
    if body["person"] != caller().person and body["role"] != "auditor":
        raise Problem(
            "token-refused",
            "You make tokens for yourself, and auditors' tokens for others. Ask whoever runs the"
            " service for another clerk's: `points token create`.",
        )
    made = create_token(here.database, here.clock, ledger.name, **body)
    return answer({"id": made.id, "token": made.text, "expires_at": made.expires_at}, 201)


@blueprint.reads("", TokensSchema, roles=["admin"])
def show_tokens(ledger: OpenLedger) -> Response:
    """List the tokens"""
    found = list_tokens(installation().database, ledger.name)
    return answer({"tokens": [_shown(token) for token in found]})


@blueprint.deletes("/<id:random>", roles=["admin"])
def end_token(ledger: OpenLedger, random: str) -> Response:
    """Revoke a token"""
    here = installation()
    revoke_token(here.database, here.clock, ledger.name, f"token/{random}")
    return Response(status=204)


def _shown(token: Token) -> dict[str, str]:
    shown = {
        "id": token.id,
        "person": token.person,
        "role": token.role,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
    }
    return shown if token.revoked_at is None else shown | {"revoked_at": token.revoked_at}
