"""Joining links: by which people join, and say to which organisation they belong."""

from __future__ import annotations

import io
from typing import Any

import segno
from flask import Response
from marshmallow import Schema, fields

from api.answers import answer
from api.auth import caller, installation
from api.posting import wish_maker
from api.problems import want_done
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.programme.people import links as domain
from ledger.programme.people.organisations import find_organisation

blueprint = Resource(
    "joining-links",
    __name__,
    url_prefix="/v1/ledgers/<ledger:ledger>/organisations/<id:random>/joining-link",
    description=__doc__,
)


class JoiningLinkSchema(Schema):
    """An organisation's joining link."""

    organisation = fields.String(required=True)
    number = fields.Integer(required=True, metadata={"description": "how many it had so far"})
    code = fields.String(required=True, metadata={"description": "what the address ends with"})
    url = fields.String(required=True, metadata={"description": "what is scanned or clicked"})
    by = fields.String(required=True)
    at = fields.String(required=True)


@blueprint.reads("", JoiningLinkSchema, action="joining-links:read")
def show_link(ledger: OpenLedger, random: str) -> Response:
    """See an organisation's joining link"""
    return _shown(ledger, _found(ledger, random, "joining-links:read"), 200)


@blueprint.reads("/poster", None, action="joining-links:read", content_type="image/svg+xml")
def show_poster(ledger: OpenLedger, random: str) -> Response:
    """Get an organisation's joining link as a code to scan

    An SVG to print on a poster; any scanner opens the page to join.
    """
    organisation = _found(ledger, random, "joining-links:read")
    with installation().database.reading() as conn:
        link = domain.link_of(conn, ledger, organisation)
    picture = io.BytesIO()
    segno.make(link.url, error="m", micro=False).save(picture, kind="svg", scale=8, border=4)
    return Response(picture.getvalue(), mimetype="image/svg+xml")


@blueprint.posts("", JoiningLinkSchema, action="joining-links:write")
def rotate(ledger: OpenLedger, random: str) -> Response:
    """Give an organisation a joining link, or a new one

    The one before is no longer good.
    """
    organisation = _found(ledger, random, "joining-links:write")
    wish = wish_maker(ledger)(0, "joining-link", {})
    want_done(domain.rotate(ledger, installation().clock, wish, organisation))
    return _shown(ledger, organisation, 201)


@blueprint.deletes("", action="joining-links:write")
def revoke(ledger: OpenLedger, random: str) -> Response:
    """Void an organisation's joining link"""
    organisation = _found(ledger, random, "joining-links:write")
    domain.revoke(ledger, installation().clock, organisation, by=caller().person)
    return Response(status=204)


def _found(ledger: OpenLedger, random: str, action: str) -> str:
    with installation().database.reading() as conn:
        return find_organisation(conn, ledger, f"org/{random}", caller().reach(action)).id


def _shown(ledger: OpenLedger, organisation: str, status: int) -> Response:
    with installation().database.reading() as conn:
        link = domain.link_of(conn, ledger, organisation)
    body: dict[str, Any] = link._asdict()
    return answer(body, status)
