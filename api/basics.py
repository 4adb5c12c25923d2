"""Basics: what is kept of a person by name, corrected by themselves or by the office for them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from api.answers import answer
from api.auth import about, caller, courier, installation, note_now, within
from api.fields import Formed, Reason, Reference
from api.logins import CODE_CHARACTERS_MAX, ContactField
from api.resource import Resource
from api.versions import refuse_changed, seen_version, with_etag
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme import records
from ledger.programme.people import basics as domain
from ledger.programme.people.basics import DOCUMENT_KINDS, LIST_MAX, SEXES, Corrected
from ledger.programme.people.codes import LASTS
from ledger.programme.people.confirming import ask_code
from ledger.programme.people.contacts import Contact
from ledger.programme.people.helping import told_of
from ledger.programme.people.readiness import NEEDED, lacking
from ledger.programme.reading.days import today_of
from ledger.programme.recording import RecordChanged
from ledger.programme.records import BASICS, Record
from ledger.programme.vault import lawful

blueprint = Resource(
    "basics", __name__, url_prefix="/v1/ledgers/<ledger:ledger>", description=__doc__
)
_SHORT = validate.Length(1, CODE_CHARACTERS_MAX)
_NONE = "an empty list says that there are none"
_KEPT = "the code sent to the one kept so far; one of the two is enough"
ONE = "/persons/<id:random>/basics"


class SaidSchema(Schema):
    """What is kept of a person from now on; what is left out goes."""

    full_name = Reference(required=True)
    called = Reference(metadata={"description": "the name as one likes it"})
    sex = fields.String(validate=validate.OneOf(SEXES))
    birth_date = Formed(e.DATE)
    document_kind = fields.String(validate=validate.OneOf(DOCUMENT_KINDS))
    document_number = Reference()
    area = Reference(metadata={"description": "of residence"})
    phone = Reference()
    email = Reference()
    skills = fields.List(
        Reference(), validate=validate.Length(0, LIST_MAX), metadata={"description": _NONE}
    )
    service_categories = fields.List(
        Reference(), validate=validate.Length(0, LIST_MAX), metadata={"description": _NONE}
    )


class NewCodesSchema(Schema):
    """For each contact that is new, the code it was sent."""

    phone = fields.String(validate=_SHORT)
    email = fields.String(validate=_SHORT)


class OwnCodesSchema(NewCodesSchema):
    """For each contact that is new, the code it was sent, and one of a contact kept so far."""

    old_phone = fields.String(validate=_SHORT, metadata={"description": _KEPT})
    old_email = fields.String(validate=_SHORT, metadata={"description": _KEPT})


class OwnChangeSchema(SaidSchema):
    """What is kept of oneself from now on."""

    codes = fields.Nested(OwnCodesSchema)


class HelpedChangeSchema(SaidSchema):
    """What is kept of a member from now on, whom somebody helps."""

    codes = fields.Nested(NewCodesSchema)
    reason = Reason(required=True, metadata={"description": "why; the member reads it too"})


class BasicsSchema(SaidSchema):
    """What is kept of a person; a field that others put there is in it too."""

    version = fields.Integer(required=True)
    at = fields.String(required=True)
    by = fields.String(required=True)
    lacking = fields.List(
        fields.String(validate=validate.OneOf(list(NEEDED))),
        required=True,
        metadata={"description": "what is still needed before service of today's is recorded"},
    )


class NewContactSchema(Schema):
    """A telephone number or e-mail address that is to be confirmed."""

    contact = ContactField()


class SentSchema(Schema):
    """A code is on its way, unless the contact had five in this hour."""

    minutes = fields.Integer(required=True, metadata={"description": "how long a code lasts"})


@blueprint.reads("/me/basics", BasicsSchema, action="own:read")
def show_mine(ledger: OpenLedger) -> Response:
    """See your basics"""
    return _one(ledger, caller().person)


@blueprint.puts("/me/basics", BasicsSchema, action="own:correct", body=OwnChangeSchema)
def correct_mine(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Correct your basics

    The body is all that is kept from now on; what was kept before stays in its history. A new
    contact gets in by the code that was sent to it. Whoever has contacts changes them by a code
    that was sent to one of these, too: a device alone does not do it. Then all other sessions end,
    and a contact that goes is told. Who has none of them any more is helped by the office. A helper
    does the same with the codes that the member reads out, of whom a contact is kept.
    """
    return _correct(ledger, caller().person, body)


@blueprint.posts(
    "/me/basics/codes",
    SentSchema,
    action="own:correct",
    body=NewContactSchema,
    keyed=False,
    status=202,
)
def ask_mine(body: dict[str, Contact], ledger: OpenLedger) -> Response:
    """Ask for a code to confirm a new contact of yours, or to change those that you have

    Where a helper asks, the message says who helps, and that it is read out to them alone.
    """
    return _ask(ledger, body["contact"], caller().person)


@blueprint.reads(ONE, BasicsSchema, action="basics:read")
def show(ledger: OpenLedger, random: str) -> Response:
    """See a person's basics

    That somebody looked is in the audit trail before anything is shown, and the person sees it.
    """
    about(f"person/{random}")
    note_now(ledger)
    return _one(ledger, f"person/{random}")


@blueprint.puts(ONE, BasicsSchema, action="basics:write", body=HelpedChangeSchema)
def correct(body: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """Correct a person's basics for them

    With the reason, and for who has lost their contacts without a code of one of these. The person
    is told in a message what was corrected; where it is a contact, all their sessions end.
    """
    about(f"person/{random}")
    return _correct(ledger, f"person/{random}", body)


@blueprint.posts(
    f"{ONE}/codes",
    SentSchema,
    action="basics:write",
    body=NewContactSchema,
    keyed=False,
    status=202,
)
def ask(body: dict[str, Contact], ledger: OpenLedger, random: str) -> Response:
    """Have a code sent that confirms a new contact of a person's"""
    about(f"person/{random}")
    return _ask(ledger, body["contact"])


def _one(ledger: OpenLedger, person: str) -> Response:
    opened = lawful(ledger, (person,)) if person == caller().person else ledger
    with installation().database.reading() as conn:
        return _shown(conn, ledger, domain.basics_of(conn, opened, person))


def _shown(conn: Connection, ledger: OpenLedger, found: Record) -> Response:
    today = found.id, today_of(conn, ledger.id, installation().clock.now())
    lacks = lacking(conn, ledger, [today])[today]
    beside = {"version": found.version, "at": found.at, "by": found.by, "lacking": lacks}
    return with_etag(answer({**(found.fields or {}), **beside}), found.version)


def _correct(ledger: OpenLedger, person: str, body: dict[str, Any]) -> Response:
    here, seen = installation(), seen_version()
    shown, reason = body.pop("codes", None), body.pop("reason", None)
    try:
        made: Corrected = domain.correct(
            *(here.database, ledger, here.clock, person, body),
            seen=seen,
            by=caller().person,
            shown=shown,
            reason=reason,
            session=caller().id,
            helper=caller().helped_by,
        )
    except RecordChanged:
        with here.database.reading() as conn:
            refuse_changed(records.history(conn, lawful(ledger, (person,)), BASICS, person), seen)
    for channel, message in made.farewells:
        courier().hand_over(channel, message)
    with here.database.reading() as conn:
        return _shown(conn, ledger, made.record)


def _who_helps(ledger: OpenLedger) -> str | None:
    """What the member was told of who helps them; None for whoever does it themselves."""
    me = caller()
    if me.helped_by is None:
        return None
    with installation().database.reading() as conn:
        return told_of(conn, ledger, me.person, me.id)


def _ask(ledger: OpenLedger, contact: Contact, person: str | None = None) -> Response:
    message = ask_code(*within(ledger), contact, person, _who_helps(ledger))
    if message is not None:
        courier().hand_over(contact.field, message)
    return answer({"minutes": LASTS // timedelta(minutes=1)}, 202)
