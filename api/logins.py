"""Signing in: the staff's passwords and second factors, and the codes that members are sent.

What was wrong with a sign-in is never told: whoever tries gets one answer, in the same time,
whether there is such a login or not, and whether it is locked or not.  All of it is in bodies;
nothing is in an address.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import marshmallow
from flask import Response
from marshmallow import Schema, fields, validate

from api.answers import answer
from api.auth import about, caller, courier, installation, within
from api.fields import Formed
from api.problems import Problem
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.commitments import FieldRefused
from ledger.programme.people import devices, enrolment, logins, sessions
from ledger.programme.people.codes import LASTS
from ledger.programme.people.contacts import Contact, contact_of
from ledger.programme.people.logins import Proof
from ledger.programme.people.passwords import CHARACTERS_MAX, CHARACTERS_MIN
from ledger.programme.people.sessions import DEVICE
from ledger.programme.reading.people import standing_of

blueprint = Resource(
    "logins", __name__, url_prefix="/v1/ledgers/<ledger:ledger>", description=__doc__
)
CONTACT_CHARACTERS_MAX = 254
CODE_CHARACTERS_MAX = 40


class ContactField(fields.String):
    """An e-mail address or a telephone number, in any of the ways in which people write them."""

    def __init__(
        self, says: str = "an e-mail address or a telephone number", *, required: bool = True
    ) -> None:
        super().__init__(
            required=required,
            validate=validate.Length(1, CONTACT_CHARACTERS_MAX),
            metadata={"description": says},
        )

    def deserialize(self, value: Any, *rest: Any, **more: Any) -> Contact:
        text = super().deserialize(value, *rest, **more)
        if text is marshmallow.missing:
            return text
        try:
            return contact_of(text)
        except FieldRefused:
            raise marshmallow.ValidationError(
                "Wanted an e-mail address or a telephone number."
            ) from None


def password(says: str) -> fields.String:
    """A password as somebody types it; whether it is good enough is said by the domain."""
    length = validate.Length(1, 4 * CHARACTERS_MAX)
    return fields.String(required=True, validate=length, metadata={"description": says})


def code(says: str, *, required: bool = True) -> fields.String:
    """A code as somebody types it, with spaces or hyphens."""
    length = validate.Length(1, CODE_CHARACTERS_MAX)
    return fields.String(required=required, validate=length, metadata={"description": says})


class BothFactorsSchema(Schema):
    """What one of the staff shows."""

    password = password("the password")
    code = code("six digits of the authenticator application, or a recovery code")


class SignInSchema(BothFactorsSchema):
    """Who signs in, and what they show."""

    contact = ContactField()


class SignedInSchema(Schema):
    """A session that has begun."""

    person = fields.String(required=True)
    id = fields.String(required=True)
    session = fields.String(
        required=True,
        metadata={"description": "to be sent as `Authorization: Bearer …`; shown this once"},
    )
    expires_at = fields.String(required=True)


class AskCodeSchema(Schema):
    """Where a code is wanted."""

    contact = ContactField()


class AskedSchema(Schema):
    """The same for everybody: a code was sent if a member has that contact."""

    minutes = fields.Integer(required=True, metadata={"description": "how long a code is good"})


class CodeSchema(AskCodeSchema):
    """A code that was sent."""

    code = code("the six digits")
    person = Formed(e.PERSON, description="which of several members with one telephone")


class CandidateSchema(Schema):
    """A member who has the contact."""

    person = fields.String(required=True)
    name = fields.String(required=True)


class SeveralSchema(Schema):
    """The code is right, and several members have its contact: send it again with the `person`."""

    people = fields.List(fields.Nested(CandidateSchema), required=True)


class InvitedSchema(Schema):
    """Who sets a password, with the code that an admin handed over."""

    contact = ContactField()
    invitation = code("the code that an admin handed over")


class FirstPasswordSchema(InvitedSchema):
    """A password, and that the authenticator application was set up."""

    password = password(
        f"{CHARACTERS_MIN} to {CHARACTERS_MAX} characters of any kind, and none of those that are"
        " tried first"
    )
    code = code("six digits of the authenticator application that was just set up")


class SetupSchema(Schema):
    """What an authenticator application is set up with; shown this once."""

    secret = fields.String(required=True, metadata={"description": "base32, to be typed in"})
    uri = fields.String(required=True, metadata={"description": "`otpauth:…`, to be scanned"})


class RecoveryCodesSchema(Schema):
    """Codes that stand once each in the place of the application's; shown this once."""

    recovery_codes = fields.List(fields.String(), required=True)


class EnrolledSchema(SignedInSchema, RecoveryCodesSchema):
    """A session that has begun, and recovery codes."""


class InviteeSchema(Schema):
    """Whom."""

    person = Formed(e.PERSON, required=True)


class InvitationSchema(Schema):
    """What is handed over to somebody of the staff; shown this once."""

    invitation = fields.String(required=True)
    until = fields.String(required=True)


class NewPasswordSchema(BothFactorsSchema):
    """Another password."""

    new_password = password(f"{CHARACTERS_MIN} to {CHARACTERS_MAX} characters of any kind")


class ConfirmSchema(Schema):
    """That the other application was set up."""

    code = code("six digits of the application that was just set up")


# --- strangers -----------------------------------------------------------------------------------


@blueprint.takes("/sign-in", SignedInSchema, body=SignInSchema)
def sign_in(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Sign in by password and second factor

    The session lasts twelve hours. After five failures a login is locked for a quarter of an hour,
    then for longer; the answer stays the same.
    """
    person = logins.sign_in(*within(ledger), body["contact"], _proof(body))
    return answer(_begun(ledger, person), 201)


@blueprint.takes("/sign-in/setup", SetupSchema, body=InvitedSchema)
def begin_enrolment(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Set up an authenticator application, with an admin's code

    It counts once a code of it was sent with the first password. Asked for again, another one is
    set up.
    """
    setup = enrolment.begin_enrolment(*within(ledger), body["contact"], body["invitation"])
    return answer({"secret": setup.secret, "uri": setup.uri}, 201)


@blueprint.takes("/sign-in/password", EnrolledSchema, body=FirstPasswordSchema)
def finish_enrolment(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Set the first password, or one in the place of one that was lost

    It uses the admin's code up, signs in here and out everywhere else.
    """
    found = enrolment.finish_enrolment(
        *within(ledger), body["contact"], body["invitation"], _proof(body)
    )
    begun = _begun(ledger, found.person)
    return answer(begun | {"recovery_codes": found.recovery_codes}, 201)


@blueprint.takes("/sign-in/codes", AskedSchema, body=AskCodeSchema, status=202)
def ask_code(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Ask for a code to sign in with, as a member

    It goes to the contact if a member has it, at most five times an hour. The answer is the same
    for every contact.
    """
    to_send = devices.ask_code(*within(ledger), body["contact"])
    if to_send is not None:
        courier().hand_over(to_send.contact.field, to_send.message())
    return answer({"minutes": LASTS // timedelta(minutes=1)}, 202)


@blueprint.takes("/sign-in/codes/confirm", SignedInSchema, body=CodeSchema, asks=SeveralSchema)
def use_code(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Sign in by a code, as a member

    One stays signed in on that device until it was not used for 180 days. Where several members
    have one telephone, a right code is answered with their names, and can be sent again.
    """
    found = devices.use_code(*within(ledger), body["contact"], body["code"], body.get("person"))
    if isinstance(found, str):
        return answer(_begun(ledger, found, DEVICE), 201)
    with installation().database.reading() as conn:
        names = devices.names_of(conn, ledger, found)
    return answer({"people": [{"person": each, "name": name} for each, name in names.items()]})


# --- who is signed in ----------------------------------------------------------------------------


@blueprint.posts(
    "/login/password", SignedInSchema, action="login:write", keyed=False, body=NewPasswordSchema
)
def change_password(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Change one's own password

    All of one's sessions end; the answer begins a new one.
    """
    me = caller().person
    enrolment.change_password(*within(ledger), me, _proof(body), body["new_password"])
    return answer(_begun(ledger, me), 201)


@blueprint.posts(
    "/login/setup", SetupSchema, action="login:write", keyed=False, body=BothFactorsSchema
)
def renew_totp(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Set up another authenticator application

    The one before counts until a code of the new one has confirmed it.
    """
    setup = enrolment.renew_totp(*within(ledger), caller().person, _proof(body))
    return answer({"secret": setup.secret, "uri": setup.uri}, 201)


@blueprint.posts(
    "/login/setup/confirm", None, action="login:write", keyed=False, body=ConfirmSchema, status=204
)
def confirm_totp(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Confirm the other authenticator application"""
    enrolment.confirm_totp(*within(ledger), caller().person, body["code"])
    return Response(status=204)


@blueprint.posts(
    "/login/recovery-codes",
    RecoveryCodesSchema,
    action="login:write",
    keyed=False,
    body=BothFactorsSchema,
)
def renew_recovery_codes(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Have ten new recovery codes in the place of the old ones"""
    codes = enrolment.renew_recovery_codes(*within(ledger), caller().person, _proof(body))
    return answer({"recovery_codes": codes}, 201)


@blueprint.posts("/sign-out", None, action="sessions:write", keyed=False, status=204)
def sign_out(ledger: OpenLedger) -> Response:
    """Sign out here

    With a token there is nothing to end: that is what revoking it is for.
    """
    if caller().signed_in:
        sessions.revoke(*within(ledger), caller().person, caller().id)
    return Response(status=204)


# --- admins --------------------------------------------------------------------------------------


@blueprint.posts(
    "/logins", InvitationSchema, action="logins:invite", keyed=False, body=InviteeSchema
)
def invite(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Hand over a code that sets a password

    For somebody new, or who lost theirs. It lasts seven days and voids the one before; until it is
    used, the old password stays. Another clerk of the office gets theirs from whoever runs the
    service, since two people of the office are two people.
    """
    about(body["person"])
    with installation().database.reading() as conn:
        if standing_of(conn, ledger.id, body["person"]) in (None, "office", "none"):
            raise Problem(
                "invitation-refused",
                "You hand codes over to partners, members and auditors. Ask whoever runs the"
                " service for another clerk's.",
            )
    made = enrolment.invite(*within(ledger), body["person"])
    return answer({"invitation": made.code, "until": made.until}, 201)


def _proof(body: dict[str, Any]) -> Proof:
    return Proof(body["password"], body["code"])


def _begun(ledger: OpenLedger, person: str, lasts: str = "day") -> dict[str, Any]:
    begun = sessions.begin(*within(ledger), person, lasts)
    return {
        "person": person,
        "id": begun.id,
        "session": begun.text,
        "expires_at": begun.expires_at,
    }
