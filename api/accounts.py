"""Accounts: members' and organisations', found by id or by what another system calls them."""

from __future__ import annotations

import os
from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.auth import installation
from api.fields import Count, Reference, limit
from api.posting import EntriesSchema, WaitQuery, place
from api.problems import Problem
from api.resource import Resource, answer, page
from ledger.installation import OpenLedger
from ledger.journal.entry import HOLDER_KINDS, POINTS_MAX, new_id
from ledger.programme.names import account_called, naming, reference_index
from ledger.programme.reading import AccountView, account_history, find_account

blueprint = Resource(
    "accounts", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/accounts", description=__doc__
)
ONE = "/<any(member, org):kind>/<id:random>"


class NewAccountSchema(Schema):
    """An account to be opened."""

    kind = fields.String(required=True, validate=validate.OneOf(HOLDER_KINDS))
    reference = Reference(
        metadata={"description": "what another system calls it; kept as a blind index only"}
    )


class OpenedSchema(EntriesSchema):
    """The account just opened."""

    account = fields.String(required=True)


class PartSchema(Schema):
    """Points with the last day on which they can be spent."""

    valid_until = fields.Date(
        required=True, allow_none=True, metadata={"description": "a local day; null: for good"}
    )
    points = fields.Integer(required=True)


class AccountSchema(Schema):
    """An account as it stands."""

    account = fields.String(required=True)
    open = fields.Boolean(required=True)
    balance = fields.Integer(
        required=True, metadata={"description": "points of its own, held ones not counted"}
    )
    held = fields.Integer(required=True, metadata={"description": "points in its open holds"})
    available = fields.Integer(
        required=True,
        metadata={
            "description": "what can be spent now: without points whose day is over, with those of"
            " holds that have run out, 0 where there is a debt"
        },
    )
    parts = fields.List(
        fields.Nested(PartSchema),
        required=True,
        metadata={"description": "what the balance consists of, the soonest day first"},
    )
    holds = fields.List(
        fields.Integer(), required=True, metadata={"description": "open holds, the oldest first"}
    )


class AccountsSchema(Schema):
    """The accounts of that reference: one or none."""

    accounts = fields.List(fields.Nested(AccountSchema), required=True)


class ReferenceQuery(Schema):
    """What another system calls an account."""

    reference = Reference(required=True)


class HistoryQuery(Schema):
    """Which part of a history."""

    before = Count(0, POINTS_MAX, load_default=None)
    limit = limit()


class LineSchema(Schema):
    """One posting."""

    seq = fields.Integer(required=True)
    at = fields.String(required=True)
    type = fields.String(required=True)
    amount = fields.Integer(required=True)
    balance = fields.Integer(required=True, metadata={"description": "after it"})
    parts = fields.List(fields.Nested(PartSchema), required=True)


class HistorySchema(Schema):
    """Postings, the newest first."""

    postings = fields.List(fields.Nested(LineSchema), required=True)


@blueprint.posts("", OpenedSchema, roles=["officer"], body=NewAccountSchema, query=WaitQuery)
def open_account(body: dict[str, Any], query: dict[str, int], ledger: OpenLedger) -> Response:
    """Open an account"""
    account = new_id(body["kind"], os.urandom(16))
    companions = ()
    if "reference" in body:
        companions = (naming(reference_index(ledger.keys, body["reference"]), account),)
    response = place(
        ledger,
        "open",
        {"account": account},
        wait=query["wait"],
        companions=companions,
        extra=lambda entry: {"account": entry["account"]},
    )
    # A replay answers with the account that was opened the first time.
    opened = response.get_json()["account"]
    response.headers["Location"] = f"/v1/ledgers/{ledger.name}/accounts/{opened}"
    return response


@blueprint.reads("", AccountsSchema, query=ReferenceQuery)
def find_by_reference(query: dict[str, str], ledger: OpenLedger) -> Response:
    """Look an account up by its outside reference"""
    index = reference_index(ledger.keys, query["reference"])
    with installation().database.reading() as conn:
        name = account_called(conn, ledger.id, index)
        found = find_account(conn, ledger.id, name, installation().clock.now()) if name else None
    return answer({"accounts": [_shown(found)] if found else []})


@blueprint.reads(ONE, AccountSchema)
def show_account(ledger: OpenLedger, kind: str, random: str) -> Response:
    """See an account"""
    name = f"{kind}/{random}"
    with installation().database.reading() as conn:
        found = find_account(conn, ledger.id, name, installation().clock.now())
    if found is None:
        raise Problem("account", f"There is no account {name} in this ledger.")
    return answer(_shown(found))


@blueprint.reads(f"{ONE}/history", HistorySchema, query=HistoryQuery)
def show_history(query: dict[str, Any], ledger: OpenLedger, kind: str, random: str) -> Response:
    """Read an account's history"""
    name, most = f"{kind}/{random}", query["limit"]
    with installation().database.reading() as conn:
        if find_account(conn, ledger.id, name, installation().clock.now()) is None:
            raise Problem("account", f"There is no account {name} in this ledger.")
        lines = account_history(conn, ledger.id, name, before=query["before"], limit=most)
    items = [
        {
            "seq": line.seq,
            "at": line.at,
            "type": line.type,
            "amount": line.amount,
            "balance": line.balance,
            "parts": _parts(line.parts),
        }
        for line in lines
    ]
    return page("postings", items, "before", lines[-1].seq if len(lines) == most else None)


@blueprint.posts(f"{ONE}/close", EntriesSchema, roles=["officer"], query=WaitQuery)
def close_account(query: dict[str, int], ledger: OpenLedger, kind: str, random: str) -> Response:
    """Close an account that is empty and has no holds"""
    return place(ledger, "close", {"account": f"{kind}/{random}"}, wait=query["wait"])


@blueprint.posts(f"{ONE}/reopen", EntriesSchema, roles=["officer"], query=WaitQuery)
def reopen_account(query: dict[str, int], ledger: OpenLedger, kind: str, random: str) -> Response:
    """Open a closed account again"""
    name = f"{kind}/{random}"
    with installation().database.reading() as conn:
        if find_account(conn, ledger.id, name, installation().clock.now()) is None:
            raise Problem("account", f"There is no account {name} in this ledger.")
    return place(ledger, "open", {"account": name}, wait=query["wait"])


def _shown(view: AccountView) -> dict[str, Any]:
    return {
        "account": view.account,
        "open": view.open,
        "balance": view.balance,
        "held": view.held,
        "available": view.available,
        "parts": _parts(view.parts),
        "holds": view.holds,
    }


def _parts(shown: tuple[tuple[str | None, int], ...]) -> list[dict[str, Any]]:
    return [{"valid_until": day, "points": points} for day, points in shown]
