"""Holds: points set aside for a payee, then captured in parts or whole, or released."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response
from marshmallow import Schema, fields

from api.answers import answer
from api.auth import installation
from api.fields import Flag, Formed, Time
from api.posting import EntriesSchema, WaitQuery, place
from api.problems import Problem
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.reading.holds import find_hold

blueprint = Resource(
    "holds", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/holds", description=__doc__
)


class NewHoldSchema(Schema):
    """Points to be set aside."""

    account = Formed(e.HOLDER, required=True)
    payee = Formed(e.HOLDER, required=True)
    amount = Formed(e.POINTS, required=True)
    until = Time()
    ref = Formed(e.REF)


class CaptureSchema(Schema):
    """How much of a hold is paid."""

    amount = Formed(e.POINTS, description="all that is left when left out")
    final = Flag(description="gives the rest back in the same entry")
    ref = Formed(e.REF)


class HeldSchema(EntriesSchema):
    """The hold just placed."""

    hold = fields.Integer(required=True, metadata={"description": "the `seq` that names it"})


class HoldSchema(Schema):
    """A hold as it stands."""

    hold = fields.Integer(required=True)
    account = fields.String(required=True)
    payee = fields.String(required=True)
    until = fields.String(required=True)
    left = fields.Integer(required=True, metadata={"description": "0 once it is closed"})
    open = fields.Boolean(required=True)


def held(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The hold that an entry placed."""
    return {"hold": entry["seq"]}


@blueprint.posts(
    "", HeldSchema, action="points:write", body=NewHoldSchema, query=WaitQuery, only_enters=True
)
def place_hold(body: dict[str, Any], query: dict[str, int], ledger: OpenLedger) -> Response:
    """Place a hold"""
    return place(ledger, "hold", body, wait=query["wait"], extra=held)


@blueprint.reads("/<seq:seq>", HoldSchema, action="accounts:read")
def show_hold(ledger: OpenLedger, seq: int) -> Response:
    """See a hold"""
    with installation().database.reading() as conn:
        found = find_hold(conn, ledger.id, seq)
    if found is None:
        raise Problem("not-found", f"Entry {seq} is no hold of this ledger.")
    return answer(
        {
            "hold": found.seq,
            "account": found.account,
            "payee": found.payee,
            "until": found.until,
            "left": found.left,
            "open": found.left > 0,
        }
    )


@blueprint.posts(
    "/<seq:seq>/captures",
    EntriesSchema,
    action="points:write",
    body=CaptureSchema,
    query=WaitQuery,
    only_enters=True,
)
def capture(body: dict[str, Any], query: dict[str, int], ledger: OpenLedger, seq: int) -> Response:
    """Pay a hold, or part of it, to its payee"""
    return place(ledger, "capture", {"hold": seq, **body}, wait=query["wait"])


@blueprint.posts(
    "/<seq:seq>/release", EntriesSchema, action="points:write", query=WaitQuery, only_enters=True
)
def release(query: dict[str, int], ledger: OpenLedger, seq: int) -> Response:
    """Give back what is left of a hold"""
    return place(ledger, "release", {"hold": seq}, wait=query["wait"])
