"""Consents: what one agrees to, purpose by purpose, when that was said, and what proves it."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.answers import answer, page
from api.auth import about, calendar, caller, installation, within
from api.fields import Count, Formed
from api.notices import ONE
from api.resource import Resource
from api.versions import VERSION_MAX
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.journal.entry import to_base64
from ledger.programme.commitments import Disclosure
from ledger.programme.erasure_requests import RESTRICTED, Request, pending
from ledger.programme.people import consents as domain
from ledger.programme.people.consents import GIVEN, WAYS, WITHDRAWN, Consent
from ledger.programme.people.contacts import nobody_of
from ledger.programme.people.notices import PURPOSES, RECORDING
from ledger.programme.records import Record

blueprint = Resource(
    "consents", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/consents", description=__doc__
)
VERSIONS_MAX = 50
SELF, HELPED = "self", "helped"


class NoticeSeenSchema(Schema):
    """Which version of the notice was shown."""

    notice = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Range(1, VERSION_MAX),
        metadata={"description": "the newest version of the purpose's notice"},
    )


class SaidSchema(Schema):
    """What somebody said of a purpose."""

    state = fields.String(required=True, validate=validate.OneOf((GIVEN, WITHDRAWN)))
    version = fields.Integer(
        required=True, metadata={"description": "how often something was said of it"}
    )
    notice = fields.Integer(required=True, metadata={"description": "the notice's version"})
    notice_hash = fields.String(required=True, metadata={"description": "the notice's `hash`"})
    how = fields.String(required=True, validate=validate.OneOf(WAYS))
    by = fields.String(required=True, metadata={"description": "who entered it"})
    at = fields.String(required=True)


class ConsentSchema(SaidSchema):
    """Where a person's consent to a purpose stands."""

    purpose = fields.String(required=True, metadata={"description": ", ".join(PURPOSES)})


class FollowsSchema(Schema):
    """What follows where the consent on which all rests is withdrawn."""

    says = fields.String(required=True, metadata={"description": "what follows, in a sentence"})
    request = fields.String(required=True, metadata={"description": "the request for erasure"})
    href = fields.String(required=True, metadata={"description": "where to see what becomes of it"})


class ConsentsSchema(Schema):
    """Each purpose of which the person ever said something."""

    person = fields.String(required=True)
    consents = fields.List(fields.Nested(ConsentSchema), required=True)


class SaidAndShownSchema(SaidSchema):
    """What was said once, and what shows it to somebody else."""

    commitment = fields.String(
        required=True, metadata={"description": "in the log where the account was opened with it"}
    )
    disclosure = fields.Dict(
        required=True,
        metadata={"description": "shows each field under the commitment (docs/records.md)"},
    )


class SaidAndShownsSchema(Schema):
    """All that was said of a purpose, the first first."""

    versions = fields.List(fields.Nested(SaidAndShownSchema), required=True)


class PersonQuery(Schema):
    """Whose consents."""

    person = Formed(e.PERSON, load_default=None, description="oneself where it is left out")


class SaidQuery(PersonQuery):
    """Whose consents, and which times."""

    after = Count(0, VERSION_MAX, load_default=0, description="those after this version")
    limit = Count(1, VERSIONS_MAX, load_default=10)


@blueprint.reads("", ConsentsSchema, action="consents:read", query=PersonQuery)
def show_consents(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """See what you consent to

    The office sees whether anybody does, and changes nothing of it. Of others, everybody else is
    told what is told of somebody who never said anything.
    """
    whose = _reached(ledger, query["person"])
    with installation().database.reading() as conn:
        found = domain.of_person(conn, ledger.id, whose)
    consents = [_shown(found[purpose]) for purpose in PURPOSES if purpose in found]
    return answer({"person": query["person"] or caller().person, "consents": consents})


@blueprint.posts(ONE, ConsentSchema, action="consents:write", body=NoticeSeenSchema, keyed=False)
def give(body: dict[str, Any], ledger: OpenLedger, purpose: str) -> Response:
    """Consent to a purpose

    It is to the notice that was shown, which has to be the newest. Said again, nothing changes.
    """
    me = caller().person
    about(domain.id_of(me, purpose))
    said = {"notice": body["notice"], "how": _how(), "by": caller().author}
    return answer(_shown(domain.give(*within(ledger), me, purpose, **said)), 201)


@blueprint.deletes(ONE, action="consents:write", says=FollowsSchema)
def withdraw(ledger: OpenLedger, purpose: str) -> Response:
    """Withdraw a consent

    It costs nothing that does not need it, and what was done before stays right. Said again, or of
    what one never consented to, nothing changes. All rests on the consent to `recording`: who
    withdraws that one asks by it to be erased, and the answer names that request.
    """
    me = caller().person
    about(domain.id_of(me, purpose))
    place = (*within(ledger), calendar(), me, purpose)
    withdrawn = domain.withdraw(*place, how=_how(), by=caller().author)
    if withdrawn is None or purpose != RECORDING:
        return Response(status=204)
    with installation().database.reading() as conn:
        follows = pending(conn, ledger.id, me)
    if follows is None:
        return Response(status=204)
    about(follows.id)  # whoever helped with it does not decide it
    return answer(_follows(ledger, follows))


@blueprint.reads(f"{ONE}/history", SaidAndShownsSchema, action="consents:read", query=SaidQuery)
def show_history(query: dict[str, Any], ledger: OpenLedger, purpose: str) -> Response:
    """See all that was said of a purpose, with its proof

    Each time has a commitment and what shows it: whoever keeps both can prove what was said.
    """
    whose, most = _reached(ledger, query["person"]), query["limit"]
    with installation().database.reading() as conn:
        found = domain.proofs(conn, ledger, whose, purpose, after=query["after"], most=most)
    following = found[-1][0].version if len(found) == most else None
    return page("versions", [_proven(*each) for each in found], "after", following)


def _follows(ledger: OpenLedger, request: Request) -> dict[str, str]:
    if request.state == RESTRICTED:
        says = f"What is kept of you is used no more, and destroyed on {request.until}."
    else:
        says = (
            f"By {request.due} the office decides whether all that is kept of you is destroyed at"
            " once, or, where the law wants it kept, later, and used no more until then. If you"
            " consent again before, a request that only this made is taken back."
        )
    href = f"/v1/ledgers/{ledger.name}/me/erasure"
    return {"says": says, "request": request.id, "href": href}


def _how() -> str:
    return SELF if caller().helped_by is None else HELPED


def _reached(ledger: OpenLedger, person: str | None) -> str:
    """The person, if the caller may see theirs; else nobody, who never said anything."""
    whose = person or caller().person
    return whose if caller().reach("consents:read").has_person(whose) else nobody_of(ledger)


def _shown(consent: Consent) -> dict[str, Any]:
    return consent._asdict()


def _proven(said: Record, disclosure: Disclosure) -> dict[str, Any]:
    fields = {name: value for name, value in (said.fields or {}).items() if name != "purpose"}
    return {
        "version": said.version,
        "by": said.by,
        "at": said.at,
        **fields,
        "commitment": to_base64(said.commitment),
        "disclosure": disclosure,
    }
