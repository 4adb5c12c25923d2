"""Points: credits, debits, transfers and reversals; settlements and write-offs by two people.

What needs a second person answers 202 with the proposal that it became: grants above the policy's
limit, reversals above the policy's limit, debits with `overdraw`, settlements, write-offs.
"""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, ValidationError, validates_schema

from api.fields import Flag, Formed, Time
from api.posting import EntriesSchema, WaitingSchema, WaitQuery, place
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e

blueprint = Resource(
    "points", __name__, url_prefix="/v1/ledgers/<ledger:ledger>", description=__doc__
)

ORG = e.fields_of("credit")["org"][0]
PROJECT = e.fields_of("credit")["project"][0]
PURPOSE = e.fields_of("transfer")["purpose"][0]


class CreditSchema(Schema):
    """Points from a budget to a member or organisation."""

    account = Formed(e.HOLDER, required=True)
    amount = Formed(e.POINTS, required=True)
    budget = Formed(e.BUDGET, required=True)
    effective_at = Time()
    valid_until = Formed(e.DATE, description="the last day on which they can be spent")
    service = Formed(e.SEQ, description="the service entry that they are for; none: a grant")
    project = Formed(PROJECT)
    org = Formed(ORG)
    ref = Formed(e.REF)

    @validates_schema
    def _one_time(self, values: dict[str, Any], **_: Any) -> None:
        if "service" in values and "effective_at" in values:
            raise ValidationError(
                "A credit for a service is of the service's time: leave this out.", "effective_at"
            )


class DebitSchema(Schema):
    """Points of a member or organisation that leave circulation."""

    account = Formed(e.HOLDER, required=True)
    amount = Formed(e.POINTS, required=True)
    overdraw = Flag(description="may go below zero, which needs a second person")
    project = Formed(PROJECT)
    org = Formed(ORG)
    ref = Formed(e.REF)


class TransferSchema(Schema):
    """Points from one holder to another."""

    giver = Formed(e.HOLDER, required=True, data_key="from", attribute="from")
    receiver = Formed(e.HOLDER, required=True, data_key="to", attribute="to")
    amount = Formed(e.POINTS, required=True)
    purpose = Formed(PURPOSE, required=True)
    ref = Formed(e.REF)


class ReversalSchema(Schema):
    """An earlier credit, debit, transfer or capture to be undone."""

    entry = Formed(e.SEQ, required=True)
    amount = Formed(e.POINTS, description="all that is left of it when left out")
    ref = Formed(e.REF)


class SettlementSchema(Schema):
    """Points that an organisation collected leave circulation against its statement."""

    account = Formed(e.HOLDER, required=True)
    amount = Formed(e.POINTS, required=True)
    ref = Formed(e.REF, required=True)


class WriteOffSchema(Schema):
    """A debt to be forgiven, wholly or in part."""

    account = Formed(e.HOLDER, required=True)
    amount = Formed(e.POINTS, required=True)
    ref = Formed(e.REF)


Body = dict[str, Any]
Query = dict[str, int]


@blueprint.posts(
    "/credits",
    EntriesSchema,
    action="points:write",
    body=CreditSchema,
    query=WaitQuery,
    only_enters=True,
    waits=WaitingSchema,
)
def credit(body: Body, query: Query, ledger: OpenLedger) -> Response:
    """Credit points"""
    return place(ledger, "credit", body, wait=query["wait"])


@blueprint.posts(
    "/debits",
    EntriesSchema,
    action="points:write",
    body=DebitSchema,
    query=WaitQuery,
    only_enters=True,
    waits=WaitingSchema,
)
def debit(body: Body, query: Query, ledger: OpenLedger) -> Response:
    """Debit points"""
    return place(ledger, "debit", body, wait=query["wait"])


@blueprint.posts(
    "/transfers",
    EntriesSchema,
    action="points:write",
    body=TransferSchema,
    query=WaitQuery,
    only_enters=True,
)
def transfer(body: Body, query: Query, ledger: OpenLedger) -> Response:
    """Transfer points for a purpose that the policy lists"""
    return place(ledger, "transfer", body, wait=query["wait"])


@blueprint.posts(
    "/reversals",
    EntriesSchema,
    action="points:write",
    body=ReversalSchema,
    query=WaitQuery,
    only_enters=True,
    waits=WaitingSchema,
)
def reverse(body: Body, query: Query, ledger: OpenLedger) -> Response:
    """Reverse an entry, wholly or in part"""
    return place(ledger, "reversal", body, wait=query["wait"])


@blueprint.posts(
    "/settlements",
    WaitingSchema,
    action="points:write",
    body=SettlementSchema,
    query=WaitQuery,
    status=202,
)
def settle(body: Body, query: Query, ledger: OpenLedger) -> Response:
    """Propose a settlement"""
    return place(ledger, "settlement", body, wait=query["wait"])


@blueprint.posts(
    "/write-offs",
    WaitingSchema,
    action="points:write",
    body=WriteOffSchema,
    query=WaitQuery,
    status=202,
)
def write_off(body: Body, query: Query, ledger: OpenLedger) -> Response:
    """Propose to write a debt off"""
    return place(ledger, "write-off", body, wait=query["wait"])
