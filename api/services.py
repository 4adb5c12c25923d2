"""Services: verified time, recorded by one person and verified by another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response
from marshmallow import Schema, fields
from sqlalchemy import Connection

from api.auth import installation
from api.fields import Formed, Time
from api.posting import EntriesSchema, WaitingSchema, WaitQuery, place, wish_maker
from api.problems import refuse
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.journal.orders import Companion
from ledger.programme.people import readiness
from ledger.programme.proposals import made_proposal
from ledger.programme.wishes import approval_reason

blueprint = Resource(
    "services", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/services", description=__doc__
)
FORMS = {name: form for name, (form, _) in e.fields_of("service").items()}


class NewServiceSchema(Schema):
    """Verified time of one member; the caller is who verified it."""

    member = Formed(FORMS["member"], required=True)
    minutes = Formed(FORMS["minutes"], required=True)
    assurance = Formed(FORMS["assurance"], required=True)
    effective_at = Time(required=True)
    recorder = Formed(FORMS["recorder"], required=True, description="who recorded it")
    ref = Formed(e.REF, required=True)
    org = Formed(FORMS["org"])
    project = Formed(FORMS["project"])
    replaces = Formed(e.SEQ, description="the service of the same member that this one corrects")


class ServiceSchema(EntriesSchema):
    """The service just recorded."""

    service = fields.Integer(required=True, metadata={"description": "the `seq` that names it"})


def recorded(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The service that an entry recorded."""
    return {"service": entry["seq"]}


@blueprint.posts(
    "",
    ServiceSchema,
    action="services:write",
    body=NewServiceSchema,
    query=WaitQuery,
    waits=WaitingSchema,
)
def record_service(body: dict[str, Any], query: dict[str, int], ledger: OpenLedger) -> Response:
    """Record verified service

    Of a member whose consent and basics are there; what lacks, the problem names. Back entries and
    corrections need a second person.
    """
    with installation().database.reading() as conn:
        companions = _conditions(conn, ledger, body)
    return place(ledger, "service", body, wait=query["wait"], companions=companions, extra=recorded)


def _conditions(
    conn: Connection, ledger: OpenLedger, service: dict[str, Any]
) -> tuple[Companion, ...]:
    """What refuses the service when it is entered.

    One that is to wait is refused here, unless it waits already: then it is answered as it was.
    """
    wish = wish_maker(ledger)(0, "service", service)
    if approval_reason(wish, None, None) is None:
        return readiness.conditions(conn, ledger, [service])[0]
    refused = readiness.refusal(conn, ledger, service)
    if refused is not None and not made_proposal(conn, ledger.id, wish.request):
        refuse(refused)
    return ()
