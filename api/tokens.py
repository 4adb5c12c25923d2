"""Tokens: made by an admin for one person and one role, shown once, ended at any time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.answers import answer, page
from api.auth import about, caller, installation
from api.fields import Formed, id_form, limit
from api.problems import Problem
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.tokens import (
    DAYS_MAX,
    OVERLAP_DAYS_MAX,
    ROLES,
    SCOPES,
    NewToken,
    Token,
    create_token,
    list_tokens,
    read_token,
    revoke_token,
    rotate_token,
)

blueprint = Resource(
    "tokens", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/tokens", description=__doc__
)
ID = id_form("token")
OVERLAP = e.Form("integer", r"[0-7]", f"0 to {OVERLAP_DAYS_MAX}")
DAYS = e.Form("integer", r"[1-9]\d{0,2}", f"1 to {DAYS_MAX}", lambda days: days <= DAYS_MAX)


class NewTokenSchema(Schema):
    """A token to be made."""

    person = Formed(e.PERSON, required=True)
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    days = Formed(DAYS, load_default=90, description="how long it lasts")
    scopes = fields.List(
        fields.String(validate=validate.Length(1, 40)),
        validate=validate.Length(1, len(SCOPES)),
        metadata={"description": f"left out: all of the role's; of {', '.join(SCOPES)}"},
    )


class RotationSchema(Schema):
    """How long the old token is still good."""

    overlap_days = Formed(OVERLAP, load_default=1, description="0: it ends at once")


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
    scopes = fields.List(
        fields.String(), metadata={"description": "what it was narrowed to; left out: nothing"}
    )


class TokensQuery(Schema):
    """Which part of the list."""

    before = Formed(ID, load_default=None)
    limit = limit()


class TokensSchema(Schema):
    """Tokens of the ledger, the newest first, ended ones included."""

    tokens = fields.List(fields.Nested(TokenSchema), required=True)


@blueprint.posts("", MadeTokenSchema, action="tokens:write", body=NewTokenSchema, keyed=False)
def make_token(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Make a token

    For yourself, or an auditor's for anybody: who holds the token of another clerk would be two
    people. A new clerk's first token is made by whoever runs the service (`points token create`).
    The person's standing must fit the role: office for admin and officer, auditor or office for
    auditor.
    """
    here = installation()
    about(body["person"])
    _want_ours(body["person"], body["role"], body.get("scopes"))
    return _made(create_token(here.database, here.clock, ledger.name, **body))


@blueprint.posts(
    "/<id:random>/rotate", MadeTokenSchema, action="tokens:write", body=RotationSchema, keyed=False
)
def rotate(body: dict[str, int], ledger: OpenLedger, random: str) -> Response:
    """Replace a token by a new one of the same person, role and scopes

    The new one lasts as long as the old one was to; the old one ends after the overlap, so that
    whatever uses it can change over meanwhile. A token is rotated once: whoever lost the new one's
    text rotates that. Whose tokens you make, these you rotate.
    """
    here, token_id = installation(), f"token/{random}"
    about(token_id)
    with here.database.reading() as conn:
        old = read_token(conn, ledger.name, token_id)
    _want_ours(old.person, old.role, old.scopes)
    return _made(rotate_token(here.database, here.clock, ledger.name, token_id, **body))


@blueprint.reads("", TokensSchema, action="tokens:read", query=TokensQuery)
def show_tokens(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List the tokens"""
    found = list_tokens(installation().database, ledger.name, **query)
    following = found[-1].id if len(found) == query["limit"] else None
    return page("tokens", [_shown(token) for token in found], "before", following)


@blueprint.deletes("/<id:random>", action="tokens:write")
def end_token(ledger: OpenLedger, random: str) -> Response:
    """Revoke a token"""
    here = installation()
    about(f"token/{random}")
    revoke_token(here.database, here.clock, ledger.name, f"token/{random}")
    return Response(status=204)


def _want_ours(person: str, role: str, scopes: Iterable[str] | None) -> None:
    """`Problem` where whoever gets this token would be another clerk, or more than the caller."""
    if person != caller().person and role != "auditor":
        raise Problem(
            "token-refused",
            "You make tokens for yourself, and auditors' tokens for others. Ask whoever runs the"
            " service for another clerk's: `points token create`.",
        )
    mine = caller().scopes
    if mine is not None and (scopes is None or not set(scopes) <= set(mine)):
        raise Problem(
            "token-refused",
            f"Your token was made for {', '.join(mine)}: it makes none that can do more.",
        )


def _made(made: NewToken) -> Response:
    return answer({"id": made.id, "token": made.text, "expires_at": made.expires_at}, 201)


def _shown(token: Token) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": token.id,
        "person": token.person,
        "role": token.role,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
    }
    if token.scopes is not None:
        shown["scopes"] = token.scopes
    return shown if token.revoked_at is None else shown | {"revoked_at": token.revoked_at}
