"""Done for somebody (代办): a helper at a desk does for a member what the member could do alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from api.answers import answer
from api.auth import about, caller, courier, installation, shows, within
from api.cards import NUMBER_CHARACTERS_MAX
from api.fields import Formed
from api.logins import code
from api.resource import Resource
from api.sheets import HTML, SheetQuery, sheet
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme import records
from ledger.programme.people import cards
from ledger.programme.people import helping as domain
from ledger.programme.people.codes import LASTS
from ledger.programme.people.helping import ERRANDS_SHOWN_MAX, REASONS, WAYS, Errand, HelpingRefused
from ledger.programme.reading.days import clock_of
from ledger.programme.records import BASICS
from ledger.programme.roles import ACTIONS, HELPED, PRESENT, TELEPHONE

blueprint = Resource(
    "helping", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/helping", description=__doc__
)

WORDS = {
    ("own:correct", "post"): ("发送联系方式验证码", "had a code sent to a contact"),
    ("own:correct", "put"): ("更正个人信息", "corrected what is kept of them"),
    ("consents:write", "post"): ("给出同意", "a consent was given"),
    ("consents:write", "delete"): ("撤回同意", "a consent was withdrawn"),
    ("memberships:claim", "post"): ("登记所属单位", "said where they belong"),
    ("memberships:end", "post"): ("退出所属单位", "left an organisation"),
    ("own:erase", "post"): ("申请删除个人信息", "asked that all about them is destroyed"),
    ("own:erase", "delete"): ("撤回删除申请", "took back that they asked to be erased"),
    ("messages:write", "post"): ("标记消息已读", "marked a message as read"),
    ("messages:write", "put"): ("选择通知方式", "chose how messages reach them"),
}
"""What a helper changed, in Chinese and English; the slip says the action's own words of others."""

REASONS_ZH = {
    "no-device": "没有手机",
    "cannot-use-it": "不会使用",
    "lost-device": "手机遗失",
    "asked": "本人要求",
}


class HelpedSchema(Schema):
    """Whom one helps."""

    card = fields.String(
        validate=validate.Length(1, NUMBER_CHARACTERS_MAX),
        metadata={"description": "the number of the card that they show, or read out"},
    )
    person = Formed(e.PERSON, description="somebody on the telephone, known otherwise")

    @validates_schema
    def _check_whom(self, data: dict[str, Any], **_: Any) -> None:
        if ("card" in data) == ("person" in data):
            raise ValidationError("Give the card's number or the person.", "card")


class HelpingCodeSchema(Schema):
    """A code is on its way, unless the contact had five in this hour."""

    contact = fields.String(
        required=True,
        validate=validate.OneOf(("phone", "email")),
        metadata={"description": "where they find it"},
    )
    minutes = fields.Integer(required=True, metadata={"description": "how long a code lasts"})


class NewHelpingSchema(HelpedSchema):
    """Whom one helps, and how one knows that it is they."""

    way = fields.String(required=True, validate=validate.OneOf(WAYS))
    reason = fields.String(
        validate=validate.OneOf(REASONS),
        metadata={"description": "why they are helped, on the telephone"},
    )
    code = code("on the telephone, the six digits that they were sent", required=False)

    @validates_schema
    def _check_way(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("way") == PRESENT and "card" not in data:
            raise ValidationError("Somebody who is present shows their card.", "card")
        if (data.get("way") == TELEPHONE) != ("code" in data):
            raise ValidationError(
                "On the telephone, and only there, they read out the code that they are sent.",
                "code",
            )


class HelpingSchema(Schema):
    """A helping session that has begun."""

    id = fields.String(required=True)
    person = fields.String(required=True, metadata={"description": "who is helped"})
    helper = fields.String(required=True)
    session = fields.String(
        required=True,
        metadata={
            "description": "to be sent as `Authorization: Bearer …` with what is done for the"
            " member; shown this once"
        },
    )
    expires_at = fields.String(required=True, metadata={"description": "15 minutes later"})
    actions = fields.List(
        fields.String(), required=True, metadata={"description": "what can be done with it"}
    )
    slip = fields.String(required=True, metadata={"description": "where the slip is"})


@blueprint.posts("", HelpingSchema, action="helping:write", body=NewHelpingSchema, keyed=False)
def begin(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Help a member

    For a quarter of an hour, whoever sends the session's text does what the member could do alone,
    except for all that concerns signing in; on the telephone, not what takes everything along or
    destroys it either, and only with a code that they read out. It is marked as yours everywhere.
    Whatever you helped with you neither verify nor honour. Print the slip at the end, and hand it
    over. Nobody helps by a token.
    """
    me, person, way = _helper(), _whom(ledger, body), body["way"]
    place, said = (*within(ledger), me, person), (way, body.get("reason"))
    made = domain.begin(*place, *said, code=body.get("code"), who=_who(ledger))
    path = made.id.replace("session/", "helping/")
    return answer(
        {
            "id": made.id,
            "person": person,
            "helper": me,
            "session": made.text,
            "expires_at": made.expires_at,
            "actions": list(HELPED[way]),
            "slip": f"/v1/ledgers/{ledger.name}/{path}/slip",
        },
        201,
    )


@blueprint.posts(
    "/codes", HelpingCodeSchema, action="helping:write", body=HelpedSchema, keyed=False, status=202
)
def ask_code(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Have a code sent to a member on the telephone

    To their telephone number, or else their e-mail address, with who helps. They read it out. Whose
    contact nobody knows comes to a desk.
    """
    me, person = _helper(), _whom(ledger, body)
    contact, message = domain.ask_code(*within(ledger), me, person, _who(ledger))
    if message is not None:
        courier().hand_over(contact.field, message)
    return answer({"contact": contact.field, "minutes": LASTS // timedelta(minutes=1)}, 202)


@blueprint.deletes("/<id:random>", action="helping:end")
def end(ledger: OpenLedger, random: str) -> Response:
    """Stop helping"""
    domain.end(*within(ledger), caller().person, f"session/{random}")
    return Response(status=204)


@blueprint.reads(
    "/<id:random>/slip", None, action="helping:read", query=SheetQuery, content_type=HTML
)
def print_slip(query: dict[str, Any], ledger: OpenLedger, random: str) -> Response:
    """Print what was done for a member

    A page that is handed over to them: who helped, when, and with what. The member sees it too.
    """
    zh = query["language"] == "zh"
    with installation().database.reading() as conn:
        found = domain.find_helping(conn, ledger.id, f"session/{random}", caller().person)
        errands = domain.errands_of(conn, ledger.id, found.id)
        shown_by = clock_of(conn, ledger.id)
        known = records.newest(conn, ledger, BASICS, (found.person,)).get(found.person)
    name = None if known is None else (known.fields or {}).get("full_name")
    shows(found.person, name)
    return sheet(
        "slip.html",
        query["language"],
        helping=found,
        name=name,
        reason=REASONS_ZH.get(found.reason or "") if zh else found.reason,
        begun=shown_by(found.begun_at),
        ended=shown_by(min(found.ended_at or found.expires_at, found.expires_at))[-5:],
        errands=[(errand, shown_by(errand.at)[-5:], _words(errand, zh=zh)) for errand in errands],
        most=ERRANDS_SHOWN_MAX,
        ledger=ledger.name,
        host=ledger.origin.partition("/")[0],
    )


def _helper() -> str:
    """The caller, who helps under their own sign-in."""
    if not caller().signed_in:
        raise HelpingRefused("A token helps nobody: sign in as yourself first.")
    return caller().person


def _whom(ledger: OpenLedger, body: dict[str, Any]) -> str:
    """Who is helped, by their id or by the number of their card."""
    person: str | None = body.get("person")
    if person is None:
        with installation().database.reading() as conn:
            person = cards.find_number(conn, ledger, body["card"]).person
    about(person)
    return person


def _who(ledger: OpenLedger) -> str:
    """What the member is told of who helps: the office, or what the organisation is called."""
    roles = ACTIONS["helping:write"].outcomes
    of = {held.organisation for held in caller().held if held.role in roles}
    with installation().database.reading() as conn:
        return domain.called(conn, ledger, of)


def _words(errand: Errand, *, zh: bool) -> str:
    known = WORDS.get((errand.action, errand.method))
    if known is None:
        return ACTIONS[errand.action].says if errand.action in ACTIONS else errand.action
    return known[0] if zh else known[1]
