"""Proposals: what waits for a second person, who approves or declines it."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.answers import answer, page
from api.auth import about, caller, in_place_of, installation, want_impartial, within
from api.erasure_requests import finish_erasures
from api.fields import Formed, id_form, limit
from api.posting import EntriesSchema, WaitQuery, entered
from api.problems import Problem, refuse, want_done
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal.orders import Companion, Done
from ledger.programme.people import readiness
from ledger.programme.proposals import (
    STATES,
    Decider,
    Proposal,
    approve,
    decline,
    find_proposal,
    list_proposals,
)

blueprint = Resource(
    "proposals", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/proposals", description=__doc__
)
ID = id_form("proposal")


class ProposalSchema(Schema):
    """A proposal."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    values = fields.Dict(required=True, metadata={"description": "what is to be entered"})
    actor = fields.String(required=True, metadata={"description": "who proposed it"})
    actor_for = fields.String(metadata={"description": "in whose place, for a deputy"})
    at = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    decided_by = fields.String()
    decided_for = fields.String(metadata={"description": "in whose place, for a deputy"})
    entry = fields.Integer(metadata={"description": "its last entry, once it is approved"})


class ProposalsSchema(Schema):
    """Proposals, the newest first."""

    proposals = fields.List(fields.Nested(ProposalSchema), required=True)


class ProposalsQuery(Schema):
    """Which proposals."""

    state = fields.String(validate=validate.OneOf(STATES), load_default=None)
    before = Formed(ID, load_default=None)
    limit = limit()


@blueprint.reads("", ProposalsSchema, action="proposals:read", query=ProposalsQuery)
def show_proposals(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List proposals"""
    with installation().database.reading() as conn:
        found = list_proposals(conn, ledger.id, **query)
    following = found[-1].id if len(found) == query["limit"] else None
    return page("proposals", [_shown(each) for each in found], "before", following)


@blueprint.reads("/<id:random>", ProposalSchema, action="proposals:read")
def show_proposal(ledger: OpenLedger, random: str) -> Response:
    """See a proposal"""
    with installation().database.reading() as conn:
        return answer(_shown(find_proposal(conn, ledger.id, f"proposal/{random}")))


@blueprint.posts(
    "/<id:random>/approve",
    EntriesSchema,
    action="proposals:decide",
    query=WaitQuery,
    keyed=False,
    replays=True,
)
def approve_proposal(query: dict[str, int], ledger: OpenLedger, random: str) -> Response:
    """Approve what somebody else proposed

    It is entered in both names, or refused by the book and closed; a role is given, and nothing
    entered. Service of a member of whom something lacks by now stays open. Sent again by the same
    person, it gets the same answer.
    """
    about(f"proposal/{random}")
    with installation().database.reading() as conn:
        proposed = find_proposal(conn, ledger.id, f"proposal/{random}")
    want_impartial(ledger, *(each for each in proposed.values.values() if isinstance(each, str)))
    conditions: tuple[Companion, ...] = ()
    if (proposed.kind, proposed.state) == ("service", "open"):
        _want_ready(ledger, proposed)
        conditions = readiness.approving(proposed.values)
    me = Decider(caller().person, in_place_of())
    outcome = approve(*within(ledger), f"proposal/{random}", me, conditions)
    if isinstance(outcome, Done):
        finish_erasures(ledger, proposed.kind)
    return entered(ledger, outcome, wait=query["wait"])


@blueprint.posts("/<id:random>/decline", ProposalSchema, action="proposals:decline", keyed=False)
def decline_proposal(ledger: OpenLedger, random: str) -> Response:
    """Decline a proposal, or withdraw one's own

    An officer withdraws what they proposed; an admin declines what anybody did.
    """
    proposal_id = f"proposal/{random}"
    about(proposal_id)
    here = installation()
    reach = caller().reach("proposals:decline")
    if not reach.everything:
        with here.database.reading() as conn:
            if not reach.has_person(find_proposal(conn, ledger.id, proposal_id).actor):
                raise Problem(
                    "role",
                    "You withdraw what you proposed yourself; ask an admin to decline this.",
                )
    me = Decider(caller().person, in_place_of())
    want_done(decline(*within(ledger), proposal_id, me))
    with here.database.reading() as conn:
        return answer(_shown(find_proposal(conn, ledger.id, proposal_id)), 201)


def _want_ready(ledger: OpenLedger, proposed: Proposal) -> None:
    """A refusal of the append path would close the proposal; this one leaves it open.

    Who withdraws the consent only after it was looked at closes it.
    """
    with installation().database.reading() as conn:
        refused = readiness.refusal(conn, ledger, proposed.values)
    if refused is not None:
        refuse(refused)


def _shown(proposal: Proposal) -> dict[str, Any]:
    shown = {
        "id": proposal.id,
        "kind": proposal.kind,
        "values": proposal.values,
        "actor": proposal.actor,
        "actor_for": proposal.actor_for,
        "at": proposal.at,
        "state": proposal.state,
        "decided_by": proposal.decided_by,
        "decided_for": proposal.decided_for,
        "entry": proposal.seq,
    }
    return {name: value for name, value in shown.items() if value is not None}
