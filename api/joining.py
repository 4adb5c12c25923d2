"""Joining: becoming a member on one screen, or at a desk; and for a minor, with a guardian."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from api.answers import answer
from api.auth import about, courier, within
from api.fields import Formed, Reason, Reference
from api.logins import AskCodeSchema, AskedSchema, ContactField, SignedInSchema, code
from api.posting import EntriesSchema, entered, wish_maker
from api.resource import Resource
from api.versions import VERSION_MAX
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.people import joining as domain
from ledger.programme.people import sessions
from ledger.programme.people.codes import LASTS
from ledger.programme.people.entering import Entering, entering
from ledger.programme.people.guardians import CONSENTS, Guardian
from ledger.programme.people.joining import HELPED, PAPER, Joiner
from ledger.programme.people.links import CODE_CHARACTERS_MAX as LINK_CHARACTERS_MAX
from ledger.programme.people.sessions import DEVICE

blueprint = Resource(
    "joining", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/joining", description=__doc__
)


class GuardianSchema(Schema):
    """A minor's guardian, and what they consent to."""

    name = Reference(required=True)
    consents = fields.List(
        fields.String(validate=validate.OneOf(CONSENTS)),
        required=True,
        validate=validate.Length(1, len(CONSENTS)),
        metadata={
            "description": "under 14: join, data (that it is kept), volunteer; under 18: volunteer"
        },
    )
    contact = ContactField(
        "where it is another one than the minor's; never for a child under 8", required=False
    )
    code = code("the six digits that were sent to the guardian's contact", required=False)


class WhoJoinsSchema(Schema):
    """What somebody who joins tells of themselves."""

    name = Reference(required=True, metadata={"description": "in full, as they write it"})
    notice = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Range(1, VERSION_MAX),
        metadata={"description": "the version of the notice for `recording` that was shown"},
    )
    birth_date = Formed(
        e.DATE,
        description="of who is under 18 alone: leaving it out declares that one is of age; the day"
        " of somebody of age is not kept",
    )
    guardian = fields.Nested(GuardianSchema)


class JoinSchema(WhoJoinsSchema):
    """Somebody who joins, with the code that confirms how they are reached."""

    contact = ContactField("an e-mail address or a telephone number of theirs")
    code = code("the six digits that were sent there")
    link = fields.String(
        validate=validate.Length(1, LINK_CHARACTERS_MAX),
        metadata={
            "description": "what stands behind the `#` of an organisation's joining link, or of an"
            " invitation"
        },
    )

    @validates_schema
    def _confirmed_guardian(self, body: dict[str, Any], **_: Any) -> None:
        want_both(body.get("guardian", {}), "guardian.")


class JoinAtDeskSchema(WhoJoinsSchema):
    """Somebody whom a helper takes up, who is there or on the telephone, or signed a form."""

    how = fields.String(
        required=True,
        validate=validate.OneOf((HELPED, PAPER)),
        metadata={"description": "helped: there, or on the telephone; paper: by a signed form"},
    )
    contact = ContactField("theirs; left out on paper alone", required=False)
    code = code("the six digits that were sent there", required=False)
    reached = Reason(
        metadata={"description": "on paper, without contact: how they are reached, as by letter"}
    )

    @validates_schema
    def _reached_somehow(self, body: dict[str, Any], **_: Any) -> None:
        want_both(body, "")
        want_both(body.get("guardian", {}), "guardian.")
        if "contact" not in body and body.get("how") != PAPER:
            raise ValidationError("Wanted, unless they signed a form.", "contact")
        if "contact" not in body and "reached" not in body:
            raise ValidationError("Wanted where there is no contact.", "reached")


class JoinedSchema(SignedInSchema):
    """A new member, and their session on this device."""

    account = fields.String(required=True)


class JoinedAtDeskSchema(EntriesSchema):
    """A new member, and what was entered."""

    person = fields.String(required=True)
    account = fields.String(required=True)


def want_both(body: dict[str, Any], path: str) -> None:
    """Wants a code with each contact, and the other way round."""
    for name, other in (("contact", "code"), ("code", "contact")):
        if name in body and other not in body:
            raise ValidationError(f"Wanted with a {name}.", f"{path}{other}")


@blueprint.takes("/codes", AskedSchema, body=AskCodeSchema, status=202)
def ask_code(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Ask for a code that confirms a telephone number or an address, to join with

    It goes there at most five times an hour. The answer is the same for every contact.
    """
    message = domain.ask_code(*within(ledger), body["contact"])
    if message is not None:
        courier().hand_over(body["contact"].field, message)
    return answer({"minutes": LASTS // timedelta(minutes=1)}, 202)


@blueprint.takes("", JoinedSchema, body=JoinSchema)
def join(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Join

    One is a member at once, and signed in on this device. It waits for nobody; an organisation
    whose `link` it was by confirms later that one belongs to it. Sent again with the same name and
    code, while the code is good, it answers with the same member and another session.
    """
    link = body.get("link")

    def accepting() -> Entering:
        return entering(*within(ledger), str(link))

    joined = domain.join(*within(ledger), _joiner(body), None if link is None else accepting)
    begun = sessions.begin(*within(ledger), joined.person, DEVICE)
    session = {"id": begun.id, "session": begun.text, "expires_at": begun.expires_at}
    return answer({"person": joined.person, "account": joined.account, **session}, 201)


@blueprint.posts("/desk", JoinedAtDeskSchema, action="joining:help", body=JoinAtDeskSchema)
def join_at_desk(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Take up somebody who is at the desk, on the telephone, or signed a form

    It is entered in the helper's name, and marked as helped or on paper. Whoever has neither
    telephone nor e-mail joins on paper, and is told things by the list that is printed.
    """
    wish = wish_maker(ledger)(0, "joining", {})
    account = domain.account_of(wish.request)
    person = e.person_of(account)
    about(person)
    outcome = domain.join_at_desk(*within(ledger), wish, _joiner(body), how=body["how"])
    return entered(ledger, outcome, extra=lambda _: {"person": person, "account": account})


def _joiner(body: dict[str, Any]) -> Joiner:
    told = {name: body[name] for name in Joiner._fields if name in body and name != "guardian"}
    guardian = body.get("guardian")
    if guardian is not None:
        told["guardian"] = Guardian(**{**guardian, "consents": frozenset(guardian["consents"])})
    return Joiner(**told)
