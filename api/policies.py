"""Policies: limits, holds, transfers and the rule set's hash; published by two people."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields

from api.answers import page
from api.auth import installation
from api.fields import Count, Formed, limit
from api.posting import WaitingSchema, place
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.journal.entry import POINTS_MAX
from ledger.journal.founding import NO_RULES
from ledger.programme.reading.policies import list_policies

blueprint = Resource(
    "policies", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/policies", description=__doc__
)
HOLD_DAYS = e.fields_of("policy")["hold_days"][0]


class NewPolicySchema(Schema):
    """A policy to be published, in force from a local day on."""

    first = Formed(e.DATE, required=True, data_key="from", attribute="from")
    grant_limit = Formed(e.LIMIT, required=True)
    reversal_limit = Formed(e.LIMIT, required=True)
    hold_days = Formed(HOLD_DAYS, required=True)
    transfers = Formed(e.TRANSFERS, required=True)
    rules = Formed(e.HASH, load_default=NO_RULES, description="of the rule set")


class TransferRuleSchema(Schema):
    """One way in which points may be transferred."""

    purpose = fields.String(required=True)
    giver = fields.String(required=True, data_key="from")
    receiver = fields.String(required=True, data_key="to")
    limit = fields.Integer(required=True)


class PolicySchema(Schema):
    """A published policy."""

    policy = fields.Integer(required=True, metadata={"description": "the `seq` of its entry"})
    first = fields.Date(required=True, data_key="from")
    grant_limit = fields.Integer(required=True)
    reversal_limit = fields.Integer(required=True)
    hold_days = fields.Integer(required=True)
    transfers = fields.List(fields.Nested(TransferRuleSchema), required=True)


class PoliciesQuery(Schema):
    """Which part of the list."""

    after = Count(0, POINTS_MAX, load_default=-1, description="policies above this `seq`")
    limit = limit()


class PoliciesSchema(Schema):
    """Policies, in the order in which they were published."""

    policies = fields.List(fields.Nested(PolicySchema), required=True)


@blueprint.reads("", PoliciesSchema, action="rules:read", query=PoliciesQuery)
def show_policies(query: dict[str, int], ledger: OpenLedger) -> Response:
    """List the policies

    Of those whose day has come, the last is in force.
    """
    with installation().database.reading() as conn:
        found = list_policies(conn, ledger.id, after=query["after"], limit=query["limit"])
    items = [
        {
            "policy": each.seq,
            "from": each.first,
            "grant_limit": each.grant_limit,
            "reversal_limit": each.reversal_limit,
            "hold_days": each.hold_days,
            "transfers": [
                {"purpose": purpose, "from": giver, "to": receiver, "limit": limit}
                for (purpose, giver, receiver), limit in sorted(each.transfers.items())
            ],
        }
        for each in found
    ]
    following = found[-1].seq if len(found) == query["limit"] else None
    return page("policies", items, "after", following)


@blueprint.posts("", WaitingSchema, action="rules:write", body=NewPolicySchema, status=202)
def propose_policy(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Propose a policy"""
    return place(ledger, "policy", body)
