"""Ledgers: the operator makes them; everybody with a token sees where theirs stands."""

from __future__ import annotations

import os
from typing import Any

from flask import Response
from marshmallow import Schema, ValidationError, fields, validates_schema

from api.answers import answer, page
from api.auth import installation
from api.fields import Formed, limit
from api.problems import Problem
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.journal.entry import new_id
from ledger.journal.founding import Founding
from ledger.programme.reading.overview import list_ledgers, overview
from ledger.programme.tokens import OPERATOR, create_token

FOUNDERS_TOKEN_DAYS = 90

blueprint = Resource("ledgers", __name__, url_prefix="/v1/ledgers", description=__doc__)

NAME = e.Form("name", f'"{e.LEDGER_NAME}"', "3 to 32 lower-case letters, digits and hyphens")
OFFSET = e.fields_of("ledger")["utc_offset_minutes"][0]
HOLD_DAYS = e.fields_of("policy")["hold_days"][0]


class FirstBudgetSchema(Schema):
    """The budget that the ledger starts with; its days are local, both included."""

    limit = Formed(e.LIMIT, required=True)
    first = Formed(e.DATE, required=True, data_key="from")
    last = Formed(e.DATE, required=True, data_key="to")

    @validates_schema
    def _in_order(self, values: dict[str, Any], **_: Any) -> None:
        if values["first"] > values["last"]:
            raise ValidationError("Wanted a day not before `from`.", "to")


class FirstPolicySchema(Schema):
    """The policy that the ledger starts with."""

    first = Formed(e.DATE, required=True, data_key="from")
    grant_limit = Formed(e.LIMIT)
    reversal_limit = Formed(e.LIMIT)
    hold_days = Formed(HOLD_DAYS)
    transfers = Formed(e.TRANSFERS)

    @validates_schema
    def _each_once(self, values: dict[str, Any], **_: Any) -> None:
        ways = [(each["purpose"], each["from"], each["to"]) for each in values.get("transfers", ())]
        if len(set(ways)) != len(ways):
            raise ValidationError("List each purpose from one kind to another once.", "transfers")


class NewLedgerSchema(Schema):
    """A ledger to be founded by two people."""

    name = Formed(NAME, required=True)
    budget = fields.Nested(FirstBudgetSchema, required=True)
    policy = fields.Nested(FirstPolicySchema, required=True)
    utc_offset_minutes = Formed(OFFSET)


class FounderSchema(Schema):
    """One of the two founders, with an admin token that is shown this once."""

    person = fields.String(required=True)
    token = fields.String(required=True)
    expires_at = fields.String(required=True)


class FoundedSchema(Schema):
    """A ledger just made."""

    ledger = fields.String(required=True)
    origin = fields.String(required=True)
    budget = fields.String(required=True)
    founders = fields.List(fields.Nested(FounderSchema), required=True)


class LedgersQuery(Schema):
    """Which part of the list."""

    after = Formed(NAME, load_default=None)
    limit = limit()


class LedgersSchema(Schema):
    """The names of ledgers, in order."""

    ledgers = fields.List(fields.String(), required=True)


class LedgerSchema(Schema):
    """Where a ledger stands."""

    ledger = fields.String(required=True)
    origin = fields.String(required=True)
    size = fields.Integer(required=True, metadata={"description": "entries in the log"})
    at = fields.String(required=True, metadata={"description": "time of the last entry"})
    published = fields.Integer(
        required=True, metadata={"description": "entries under the newest checkpoint"}
    )
    utc_offset_minutes = fields.Integer(required=True)
    budgets = fields.Integer(required=True)


@blueprint.posts("", FoundedSchema, action="ledgers:write", body=NewLedgerSchema, keyed=False)
def create_ledger(body: dict[str, Any]) -> Response:
    """Make a ledger

    Its log starts with its keys, two founders of standing office, a policy and a budget.
    """
    if body["name"] == OPERATOR:
        raise Problem("ledger-exists", f"The name {OPERATOR!r} is reserved: choose another.")
    here = installation()
    founders = (_new("person"), _new("person"))
    budget, policy = body["budget"], body["policy"]
    founding = Founding(
        founders=founders,
        budget=_new("issuer"),
        budget_limit=budget["limit"],
        budget_from=budget["first"],
        budget_to=budget["last"],
        policy_from=policy.pop("first"),
        **policy,
        **{name: body[name] for name in ("utc_offset_minutes",) if name in body},
    )
    ledger = here.create_ledger(body["name"], founding)
    tokens = [
        create_token(here.database, here.clock, ledger.name, person, "admin", FOUNDERS_TOKEN_DAYS)
        for person in founders
    ]
    made = {
        "ledger": ledger.name,
        "origin": ledger.origin,
        "budget": founding.budget,
        "founders": [
            {"person": person, "token": token.text, "expires_at": token.expires_at}
            for person, token in zip(founders, tokens, strict=True)
        ],
    }
    return answer(made, 201, Location=f"/v1/ledgers/{ledger.name}")


@blueprint.reads("", LedgersSchema, action="ledgers:list", query=LedgersQuery)
def show_ledgers(query: dict[str, Any]) -> Response:
    """List the ledgers"""
    with installation().database.reading() as conn:
        names = list_ledgers(conn, after=query["after"], limit=query["limit"])
    return page("ledgers", names, "after", names[-1] if len(names) == query["limit"] else None)


@blueprint.reads("/<ledger:ledger>", LedgerSchema, action="ledgers:read")
def show_ledger(ledger: OpenLedger) -> Response:
    """See where a ledger stands"""
    with installation().database.reading() as conn:
        seen = overview(conn, ledger.id)
    return answer(
        {
            "ledger": ledger.name,
            "origin": ledger.origin,
            "size": seen.size,
            "at": seen.at,
            "published": seen.published,
            "utc_offset_minutes": seen.utc_offset_minutes,
            "budgets": seen.budgets,
        }
    )


def _new(kind: str) -> str:
    return new_id(kind, os.urandom(16))
