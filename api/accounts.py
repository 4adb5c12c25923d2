"""Accounts: members' and organisations', found by id or by what another system calls them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import Response
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from api.answers import answer, page
from api.auth import installation
from api.fields import Formed, Reference, limit
from api.listing import NEWEST, AsOfQuery, cursor, page_span, span_query
from api.posting import EntriesSchema, WaitQuery, place
from api.problems import Problem
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal.asof import resolve, span_of
from ledger.journal.entry import HOLDER, HOLDER_KINDS, new_id, person_of
from ledger.journal.orders import Companion
from ledger.programme.names import account_called, naming, reference_index
from ledger.programme.reading.accounts import (
    AccountView,
    PastView,
    Shown,
    account_exists,
    find_account,
    find_past_account,
    list_accounts,
)
from ledger.programme.reading.histories import Line, account_history
from ledger.programme.restriction import restricted_among

blueprint = Resource(
    "accounts", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/accounts", description=__doc__
)
AVAILABLE = {
    "description": "what can be spent now: without points whose day is over, with those of holds"
    " that have run out, 0 where there is a debt"
}
PARTS = {"description": "what the balance consists of, the soonest day first"}
HOLDS = {"description": "open holds, the oldest first"}
HistoryQuery = span_query(NEWEST)
ONE = "/<any(member, org):kind>/<id:random>"


class Opening(NamedTuple):
    """An account to be opened: the values of the wish, and its companions."""

    values: dict[str, Any]
    companions: tuple[Companion, ...]


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


class PastAccountSchema(Schema):
    """An account as its postings and openings tell of it."""

    account = fields.String(required=True)
    open = fields.Boolean(required=True)
    last = fields.Integer(
        required=True,
        metadata={"description": "its last posting, or the entry that opened it before the first"},
    )
    balance = fields.Integer(
        required=True, metadata={"description": "points of its own, held ones not counted"}
    )
    held = fields.Integer(required=True, metadata={"description": "points in its open holds"})


class AccountSchema(PastAccountSchema):
    """An account as it stands now."""

    available = fields.Integer(required=True, metadata=AVAILABLE)
    parts = fields.List(fields.Nested(PartSchema), required=True, metadata=PARTS)
    holds = fields.List(fields.Integer(), required=True, metadata=HOLDS)


class OneAccountSchema(AccountSchema):
    """An account as of the entry `as_of`.

    When an earlier entry or time was asked for, `available`, `parts` and `holds` are left out: it
    would take a replay of the log to know them.
    """

    as_of = fields.Integer(required=True)
    available = fields.Integer(metadata=AVAILABLE)
    parts = fields.List(fields.Nested(PartSchema), metadata=PARTS)
    holds = fields.List(fields.Integer(), metadata=HOLDS)


class AccountsSchema(Schema):
    """Accounts in order of their names, as they stand now."""

    accounts = fields.List(fields.Nested(AccountSchema), required=True)


class AccountsQuery(Schema):
    """Which accounts: one by what another system calls it, or all, or those of a kind."""

    reference = Reference()
    kind = fields.String(validate=validate.OneOf(HOLDER_KINDS), load_default=None)
    after = Formed(HOLDER, load_default=None)
    limit = limit()

    @validates_schema
    def _one_or_a_list(self, values: dict[str, Any], **_: Any) -> None:
        if "reference" in values and (values.get("kind") or values.get("after")):
            raise ValidationError("Name `reference`, or `kind` and `after`, not both.", "reference")


class LineSchema(Schema):
    """One posting."""

    seq = fields.Integer(required=True)
    at = fields.String(required=True)
    type = fields.String(required=True)
    amount = fields.Integer(required=True)
    balance = fields.Integer(required=True, metadata={"description": "after it"})
    parts = fields.List(fields.Nested(PartSchema), required=True)


class HistorySchema(Schema):
    """Postings of a period, as of the entry `as_of`, with the balances before and after it."""

    account = fields.String(required=True)
    as_of = fields.Integer(required=True)
    opening = fields.Integer(
        required=True, metadata={"description": "balance before the first posting of the period"}
    )
    closing = fields.Integer(
        required=True, metadata={"description": "balance after the last posting of the period"}
    )
    postings = fields.List(fields.Nested(LineSchema), required=True)


def opening(ledger: OpenLedger, body: dict[str, Any]) -> Opening:
    """The account to be opened, and what gives it its reference."""
    account = new_id(body["kind"], os.urandom(16))
    if "reference" not in body:
        return Opening({"account": account}, ())
    index = reference_index(ledger.keys, body["reference"])
    return Opening({"account": account}, (naming(index, account),))


def opened(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The account that an entry opened: on a replay the one of the first time."""
    return {"account": entry["account"]}


@blueprint.posts("", OpenedSchema, action="accounts:write", body=NewAccountSchema, query=WaitQuery)
def open_account(body: dict[str, Any], query: dict[str, int], ledger: OpenLedger) -> Response:
    """Open an account"""
    values, companions = opening(ledger, body)
    response = place(
        ledger, "open", values, wait=query["wait"], companions=companions, extra=opened
    )
    account = response.get_json()["account"]
    response.headers["Location"] = f"/v1/ledgers/{ledger.name}/accounts/{account}"
    return response


@blueprint.reads("", AccountsSchema, action="accounts:read", query=AccountsQuery)
def show_accounts(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List accounts, or look one up by its outside reference"""
    now, most = installation().clock.now(), query["limit"]
    with installation().database.reading(snapshot=True) as conn:
        if "reference" in query:
            name = account_called(conn, ledger.id, reference_index(ledger.keys, query["reference"]))
            one = find_account(conn, ledger.id, name, now) if name else None
            found, most = [one] if one else [], most + 1
        else:
            kind, after = query["kind"], query["after"]
            found = list_accounts(conn, ledger.id, now, kind=kind, after=after, limit=most)
    following = found[-1].account if len(found) == most else None
    return page("accounts", [_shown(each) for each in found], "after", following)


@blueprint.reads(ONE, OneAccountSchema, action="accounts:read", query=AsOfQuery)
def show_account(query: dict[str, Any], ledger: OpenLedger, kind: str, random: str) -> Response:
    """See an account, as it stands or as of an earlier entry or time"""
    name = f"{kind}/{random}"
    past = query["as_of"] is not None or query["as_of_time"] is not None
    with installation().database.reading(snapshot=True) as conn:
        as_of = resolve(conn, ledger.id, query["as_of"], query["as_of_time"])
        found: AccountView | PastView | None
        if past:
            found = find_past_account(conn, ledger.id, name, as_of)
        else:
            found = find_account(conn, ledger.id, name, installation().clock.now())
    if found is None:
        raise absent(name, as_of if past else None)
    return answer({"as_of": as_of, **_shown(found)})


@blueprint.reads(f"{ONE}/history", HistorySchema, action="accounts:read", query=HistoryQuery)
def show_history(query: dict[str, Any], ledger: OpenLedger, kind: str, random: str) -> Response:
    """Read an account's history: a statement of a period, page by page"""
    name, most = f"{kind}/{random}", query["limit"]
    with installation().database.reading(snapshot=True) as conn:
        as_of = resolve(conn, ledger.id, query["as_of"], query["as_of_time"])
        if find_past_account(conn, ledger.id, name, as_of) is None:
            raise absent(name, as_of)
        history = account_history(
            conn,
            ledger.id,
            name,
            span_of(conn, ledger.id, as_of, query["start"], query["end"]),
            page=page_span(query),
            newest_first=query["order"] == NEWEST,
            limit=most,
        )
    following = history.lines[-1].seq if len(history.lines) == most else None
    return page(
        "postings",
        [_line(line) for line in history.lines],
        cursor(query),
        following,
        account=name,
        as_of=as_of,
        opening=history.opening,
        closing=history.closing,
    )


@blueprint.posts(f"{ONE}/close", EntriesSchema, action="accounts:write", query=WaitQuery)
def close_account(query: dict[str, int], ledger: OpenLedger, kind: str, random: str) -> Response:
    """Close an account that is empty and has no holds"""
    return place(ledger, "close", {"account": f"{kind}/{random}"}, wait=query["wait"])


@blueprint.posts(f"{ONE}/reopen", EntriesSchema, action="accounts:write", query=WaitQuery)
def reopen_account(query: dict[str, int], ledger: OpenLedger, kind: str, random: str) -> Response:
    """Open a closed account again"""
    name = f"{kind}/{random}"
    with installation().database.reading() as conn:
        if not account_exists(conn, ledger.id, name):
            raise absent(name)
        if restricted_among(conn, ledger.id, (person_of(name),)):
            raise Problem(
                "erasure-refused",
                f"The person of {name} is to be erased, and is used no more: open another account.",
            )
    return place(ledger, "open", {"account": name}, wait=query["wait"])


def absent(name: str, as_of: int | None = None) -> Problem:
    """There is no such account, or was none by then."""
    by_then = "" if as_of is None else f" as of entry {as_of}"
    return Problem("account", f"There is no account {name} in this ledger{by_then}.")


def _shown(view: AccountView | PastView) -> dict[str, Any]:
    shown = {
        "account": view.account,
        "open": view.open,
        "balance": view.balance,
        "held": view.held,
        "last": view.last,
    }
    if isinstance(view, PastView):
        return shown
    now = {"available": view.available, "parts": _parts(view.parts), "holds": view.holds}
    return shown | now


def _line(line: Line) -> dict[str, Any]:
    return {
        "seq": line.seq,
        "at": line.at,
        "type": line.type,
        "amount": line.amount,
        "balance": line.balance,
        "parts": _parts(line.parts),
    }


def _parts(shown: Shown) -> list[dict[str, Any]]:
    return [{"valid_until": day, "points": points} for day, points in shown]
