"""Budgets: how much may be issued, for which days; made and changed by two people."""

from __future__ import annotations

import os
from typing import Any

from flask import Response
from marshmallow import Schema, fields

from api.accounts import absent
from api.answers import page
from api.auth import installation
from api.fields import Formed, limit
from api.listing import AsOfQuery
from api.posting import WaitingSchema, place
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.journal.asof import resolve
from ledger.programme.reading.accounts import account_exists
from ledger.programme.reading.budgets import list_budgets

blueprint = Resource(
    "budgets", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/budgets", description=__doc__
)
PROJECT = e.fields_of("budget")["project"][0]


class NewBudgetSchema(Schema):
    """A budget to be made, or changed when it is named; its days are local, both included."""

    budget = Formed(e.BUDGET, description="left out: a new one")
    limit = Formed(e.LIMIT, required=True)
    first = Formed(e.DATE, required=True, data_key="from", attribute="from")
    last = Formed(e.DATE, required=True, data_key="to", attribute="to")
    project = Formed(PROJECT, description="left out: for all projects")


class BudgetSchema(Schema):
    """A budget as it stands."""

    budget = fields.String(required=True)
    limit = fields.Integer(required=True)
    first = fields.Date(required=True, data_key="from")
    last = fields.Date(required=True, data_key="to")
    project = fields.String()
    issued = fields.Integer(required=True, metadata={"description": "less what was reversed"})
    left = fields.Integer(required=True)


class BudgetsQuery(AsOfQuery):
    """Which part of the list, as of when."""

    after = Formed(e.BUDGET, load_default=None)
    limit = limit()


class BudgetsSchema(Schema):
    """Budgets in order of their ids, as they were after the entry `as_of`."""

    as_of = fields.Integer(required=True)
    budgets = fields.List(fields.Nested(BudgetSchema), required=True)


@blueprint.reads("", BudgetsSchema, action="rules:read", query=BudgetsQuery)
def show_budgets(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List the budgets with what is issued and left"""
    most = query["limit"]
    with installation().database.reading(snapshot=True) as conn:
        as_of = resolve(conn, ledger.id, query["as_of"], query["as_of_time"])
        found = list_budgets(conn, ledger.id, as_of, after=query["after"], limit=most)
    items = [
        {
            "budget": each.budget,
            "limit": each.limit,
            "from": each.first,
            "to": each.last,
            **({} if each.project is None else {"project": each.project}),
            "issued": each.issued,
            "left": each.left,
        }
        for each in found
    ]
    following = found[-1].budget if len(found) == most else None
    return page("budgets", items, "after", following, as_of=as_of)


@blueprint.posts("", WaitingSchema, action="rules:write", body=NewBudgetSchema, status=202)
def propose_budget(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Propose a budget, or that one is changed"""
    named = body.get("budget")
    if named is not None:
        with installation().database.reading() as conn:
            if not account_exists(conn, ledger.id, named):
                raise absent(named)  # the book would take the id for a new one's
    values = {"budget": e.new_id("issuer", os.urandom(16)), **body}
    return place(ledger, "budget", values)
