"""Requests for erasure: people ask that all about them is destroyed, and the office decides."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.answers import answer, page
from api.auth import about, calendar, caller, courier, installation, shows, want_impartial, within
from api.fields import Formed, Reason, id_form, limit
from api.posting import WaitingSchema, place, wish_maker
from api.problems import want_done
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.programme import erasing, records
from ledger.programme import erasure_decisions as decisions
from ledger.programme import erasure_requests as domain
from ledger.programme.erasure_requests import (
    CONSENT_WITHDRAWN,
    ERASED,
    REFUSED,
    RESTRICTED,
    STATES,
    Request,
)
from ledger.programme.people import consents
from ledger.programme.people.merges import together
from ledger.programme.restriction import restrict_announced
from ledger.programme.vault import lawful
from ledger.programme.wishes import Wish

blueprint = Resource(
    "erasure-requests", __name__, url_prefix="/v1/ledgers/<ledger:ledger>", description=__doc__
)
ID = id_form("erasure")
OWN_MAX = 50
"""How many of their own requests somebody is shown."""


class AskSchema(Schema):
    """That all about oneself is to be destroyed."""

    reason = Reason(metadata={"description": "nobody has to give one"})


class RequestSchema(Schema):
    """A request for erasure."""

    id = fields.String(required=True)
    person = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    due = fields.String(
        required=True, metadata={"description": "the working day by which it is decided"}
    )
    at = fields.String(required=True)
    reason = fields.String(metadata={"description": "the person's own, if they gave one"})
    cause = fields.String(
        validate=validate.OneOf((CONSENT_WITHDRAWN,)),
        metadata={"description": "what made it, if the person did not by themselves"},
    )
    decided_by = fields.String()
    approved_by = fields.String()
    decided_at = fields.String()
    until = fields.String(metadata={"description": "the local day on which all is destroyed"})
    reasons = fields.String(metadata={"description": "of the decision; the person reads them too"})


class RequestsSchema(Schema):
    """Requests, the soonest due first."""

    requests = fields.List(fields.Nested(RequestSchema), required=True)


class RequestsQuery(Schema):
    """Which requests."""

    state = fields.String(validate=validate.OneOf(STATES), load_default=None)
    after = Formed(ID, load_default=None)
    limit = limit()


class DecisionSchema(Schema):
    """What is decided, and why."""

    outcome = fields.String(
        required=True,
        validate=validate.OneOf((REFUSED, RESTRICTED, ERASED)),
        metadata={
            "description": "refused; restricted: kept as long as the law wants and read by nobody"
            " else, then destroyed; erased: destroyed at once"
        },
    )
    reasons = Reason(required=True, metadata={"description": "the person reads them"})


@blueprint.reads("/me/erasure", RequestsSchema, action="own:read")
def show_mine(ledger: OpenLedger) -> Response:
    """See what became of your requests to be erased"""
    me = caller().person
    with installation().database.reading() as conn:
        found = domain.list_requests(conn, ledger.id, person=me, limit=OWN_MAX)
    return answer({"requests": shown(lawful(ledger, (me,)), found)})


@blueprint.posts("/me/erasure", RequestSchema, action="own:erase", body=AskSchema)
def ask(body: dict[str, str], ledger: OpenLedger) -> Response:
    """Ask that all that is held about you is destroyed

    The office decides by the day named, and says why. While a request is open, asking again gives
    the same one. The signed log keeps opaque ids, times and points.
    """
    me = caller().person
    about(me)
    wish = wish_maker(ledger)(0, domain.RECORD, {})
    place = (*within(ledger), calendar())
    asked = domain.ask(*place, wish, body.get("reason"), by=caller().author)
    want_done(asked.outcome)
    return _one(lawful(ledger, (me,)), asked.id, 201)


@blueprint.deletes("/me/erasure/<id:random>", action="own:erase", also=(409,))
def take_back(ledger: OpenLedger, random: str) -> Response:
    """Take back that you asked to be erased

    As long as nothing is decided. Taken back again, nothing changes. While the consent to
    `recording` is withdrawn it stays: give that again first.
    """
    name = f"erasure/{random}"
    about(name)
    consents.take_back_request(*within(ledger), caller().person, name, by=caller().author)
    return Response(status=204)


@blueprint.reads("/erasure-requests", RequestsSchema, action="erasures:read", query=RequestsQuery)
def show_requests(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List requests to be erased

    The soonest due first; of who is restricted or erased, reasons are not shown any more.
    """
    with installation().database.reading() as conn:
        found = domain.list_requests(conn, ledger.id, **query)
    following = found[-1].id if len(found) == query["limit"] else None
    return page("requests", shown(ledger, found), "after", following)


@blueprint.reads("/erasure-requests/<id:random>", RequestSchema, action="erasures:read")
def show_request(ledger: OpenLedger, random: str) -> Response:
    """See a request to be erased"""
    return _one(ledger, f"erasure/{random}", 200)


@blueprint.posts(
    "/erasure-requests/<id:random>/decision",
    RequestSchema,
    action="erasures:decide",
    body=DecisionSchema,
    waits=WaitingSchema,
)
def decide(body: dict[str, str], ledger: OpenLedger, random: str) -> Response:
    """Decide on a request to be erased

    One person refuses it. To restrict or to erase takes a second one, and the member's account is
    closed before. The person is told what was decided and why.
    """
    here, name = installation(), f"erasure/{random}"
    with here.database.reading() as conn:
        person = domain.find_request(conn, ledger.id, name).person
    about(person)
    want_impartial(ledger, name)
    wish: Wish = wish_maker(ledger)(0, decisions.DEED, {})
    deciding = (*within(ledger), wish, name, body["reasons"])
    if body["outcome"] == REFUSED:
        want_done(decisions.refuse(*deciding))
        return _one(ledger, name, 201)
    years = here.settings.retention_years if body["outcome"] == RESTRICTED else None
    with here.database.reading() as conn:
        people = together(conn, ledger.id, person)
    values = decisions.proposed(*deciding, people=people, retention_years=years)
    return place(ledger, decisions.DEED, values)


def finish_erasures(ledger: OpenLedger, kind: str) -> None:
    """Does now what an approved proposal of this kind decided about erasing, not by the next job.

    Who was erased is told so where they are reached.
    """
    if kind not in ("erasure", decisions.DEED):
        return
    restrict_announced(installation().database, ledger)
    for channel, message in erasing.finish(*within(ledger)):
        courier().hand_over(channel, message)


def _one(ledger: OpenLedger, name: str, status: int) -> Response:
    with installation().database.reading() as conn:
        found = domain.find_request(conn, ledger.id, name)
    return answer(shown(ledger, [found])[0], status)


def shown(ledger: OpenLedger, requests: list[Request]) -> list[dict[str, Any]]:
    """Requests with what their records say, as far as the ledger opens them."""
    asked = [(domain.RECORD, each.id) for each in requests]
    decided = [(decisions.DECISION, each.decision or "") for each in requests]
    with installation().database.reading() as conn:
        found = records.newest_of(conn, ledger, [*asked, *decided])
    told = []
    for each, one, other in zip(requests, asked, decided, strict=True):
        said, why = found.get(one), found.get(other)
        shows(each.person, said and (said.fields or {}).get("reason"), why and why.fields)
        values = {
            "id": each.id,
            "person": each.person,
            "state": each.state,
            "due": each.due,
            "at": each.at,
            "reason": ((said and said.fields) or {}).get("reason"),
            "cause": ((said and said.fields) or {}).get("cause"),
            "decided_by": each.decided_by,
            "approved_by": each.approved_by,
            "decided_at": each.decided_at,
            "until": each.until,
            "reasons": ((why and why.fields) or {}).get("reasons"),
        }
        told.append({name: value for name, value in values.items() if value is not None})
    return told
