"""Budgets: how much may be issued, for which days; made and changed by two people."""

from __future__ import annotations

import os
from typing import Any

from flask import Response
from marshmallow import Schema, fields

from api.auth import installation
from api.fields import Formed
from api.posting import EntriesSchema, WaitingSchema, place
from api.resource import Resource, answer
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.reading import list_budgets

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


class BudgetsSchema(Schema):
    """All budgets."""

    budgets = fields.List(fields.Nested(BudgetSchema), required=True)


@blueprint.reads("", BudgetsSchema)
def show_budgets(ledger: OpenLedger) -> Response:
    """List the budgets with what is issued and left"""
    with installation().database.reading() as conn:
        found = list_budgets(conn, ledger.id)
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
    return answer({"budgets": items})


@blueprint.posts("", EntriesSchema, roles=["admin"], body=NewBudgetSchema, waits=WaitingSchema)
def propose_budget(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Propose a budget"""
    values = {"budget": e.new_id("issuer", os.urandom(16)), **body}
    return place(ledger, "budget", values)
