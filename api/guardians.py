"""Guardians: who consents for a minor, and to what."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate, validates_schema

from api.answers import answer
from api.auth import about, caller, installation, shows, within
from api.fields import Reference
from api.joining import want_both
from api.logins import ContactField, code
from api.resource import Resource
from api.versions import refuse_changed, seen_version, with_etag
from ledger.installation import OpenLedger
from ledger.programme import records
from ledger.programme.people import guardians as domain
from ledger.programme.people.guardians import CONSENTS, Guardian
from ledger.programme.people.joining import HELPED, PAPER
from ledger.programme.recording import RecordChanged
from ledger.programme.records import Record

blueprint = Resource(
    "guardians", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/guardians", description=__doc__
)


def _consents() -> fields.List:
    return fields.List(
        fields.String(validate=validate.OneOf(CONSENTS)),
        required=True,
        validate=validate.Length(0, len(CONSENTS)),
        metadata={"description": f"{', '.join(CONSENTS)}; what is left out is withdrawn"},
    )


class SaidOfGuardianSchema(Schema):
    """Who a minor's guardian is, and what they consent to from now on."""

    name = Reference(required=True)
    consents = _consents()
    how = fields.String(
        required=True,
        validate=validate.OneOf((HELPED, PAPER)),
        metadata={"description": "helped: there, or on the telephone; paper: by a signed form"},
    )
    contact = ContactField("another one than before, if it is", required=False)
    code = code("the six digits that were sent there", required=False)

    @validates_schema
    def _confirmed(self, body: dict[str, Any], **_: Any) -> None:
        want_both(body, "")


class MinorsGuardianSchema(Schema):
    """A minor's guardian."""

    person = fields.String(required=True, metadata={"description": "the minor"})
    version = fields.Integer(required=True)
    name = fields.String(required=True)
    consents = _consents()
    how = fields.String(required=True)
    guardian_phone = fields.String()
    guardian_email = fields.String()
    by = fields.String(required=True, metadata={"description": "who entered it"})
    at = fields.String(required=True)


@blueprint.reads("/<id:random>", MinorsGuardianSchema, action="guardians:read")
def show_guardian(ledger: OpenLedger, random: str) -> Response:
    """See who a minor's guardian is, and what they consent to

    The minor sees their own, the office all. What follows the `/` is that of the minor's id.
    """
    reach = caller().reach("guardians:read")
    with installation().database.reading() as conn:
        return _one(domain.find_guardian(conn, ledger, f"person/{random}", reach))


@blueprint.puts(
    "/<id:random>",
    MinorsGuardianSchema,
    action="guardians:write",
    body=SaidOfGuardianSchema,
    first=True,
)
def amend(body: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """Enter what a minor's guardian consents to now

    What they said before stays in its history.
    """
    here, seen, person = installation(), seen_version(first=True), f"person/{random}"
    about(person)
    how, consents = body.pop("how"), frozenset(body.pop("consents"))
    guardian = Guardian(**body, consents=consents)
    place = (*within(ledger), person, guardian)
    try:
        return _one(domain.amend(*place, seen=seen, how=how, by=caller().person))
    except RecordChanged:
        with here.database.reading() as conn:
            name = domain.id_of(person)
            refuse_changed(records.history(conn, ledger, domain.RECORD, name), seen)


def _one(found: Record) -> Response:
    shows(found.subject, found.fields)
    body = {"person": found.subject, "version": found.version, "by": found.by, "at": found.at}
    return with_etag(answer(body | dict(found.fields or {})), found.version)
