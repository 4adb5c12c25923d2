"""Messages: one's inbox, how one wants to be reached, and what is told on paper or by telephone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.answers import answer, page
from api.auth import about, caller, installation, shows, within
from api.fields import Formed, id_form, limit
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.programme import messages as domain
from ledger.programme import paper
from ledger.programme.messages import CHANNELS, LANGUAGES, Choice, Message, Text

blueprint = Resource(
    "messages", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/messages", description=__doc__
)
ID = id_form("message")


class MessageTextSchema(Schema):
    """What a message says in one language."""

    subject = fields.String(required=True)
    body = fields.String(required=True)


class MessageTextsSchema(Schema):
    """What a message says, by language."""

    zh = fields.Nested(MessageTextSchema, required=True)
    en = fields.Nested(MessageTextSchema, required=True)


class MessageSchema(Schema):
    """A message of the caller's."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    texts = fields.Nested(MessageTextsSchema, required=True)
    at = fields.String(required=True)
    read_at = fields.String(metadata={"description": "left out until it was read"})


class MessagesSchema(Schema):
    """The caller's messages, the newest first."""

    messages = fields.List(fields.Nested(MessageSchema), required=True)


class MessagesQuery(Schema):
    """Which of them."""

    before = Formed(ID, load_default=None)
    limit = limit()


class ChoiceSchema(Schema):
    """How the caller is told what comes to the inbox, and in which language."""

    channel = fields.String(
        required=True,
        validate=validate.OneOf(CHANNELS),
        metadata={"description": "the inbox alone, or besides by e-mail, telephone or paper"},
    )
    language = fields.String(required=True, validate=validate.OneOf(LANGUAGES))


class PaperSchema(Schema):
    """A message that is to be printed, or told by telephone, in its person's language."""

    id = fields.String(required=True)
    person = fields.String(required=True)
    name = fields.String()
    phone = fields.String()
    reached = fields.String(
        metadata={"description": "how who joined on paper said that they are reached"}
    )
    text = fields.Nested(MessageTextSchema, required=True)
    since = fields.String(required=True, metadata={"description": "when it came onto the list"})


class PapersSchema(Schema):
    """What is to be handed over, the longest waiting first."""

    paper = fields.List(fields.Nested(PaperSchema), required=True)


class PaperQuery(Schema):
    """Which part of the list."""

    after = Formed(ID, load_default=None)
    limit = limit()


@blueprint.reads("", MessagesSchema, action="messages:read", query=MessagesQuery)
def show_inbox(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """Read your messages"""
    with installation().database.reading() as conn:
        found = domain.inbox(conn, ledger, caller().person, **query)
    following = found[-1].id if len(found) == query["limit"] else None
    return page("messages", [_shown(each) for each in found], "before", following)


@blueprint.posts("/<id:random>/read", None, action="messages:write", keyed=False, status=204)
def mark_read(ledger: OpenLedger, random: str) -> Response:
    """Mark a message of yours as read

    The first time counts.
    """
    name = f"message/{random}"
    domain.mark_read(*within(ledger), caller().person, name)
    return Response(status=204)


@blueprint.reads("/choice", ChoiceSchema, action="messages:read")
def show_choice(ledger: OpenLedger) -> Response:
    """See how messages reach you"""
    me = caller().person
    with installation().database.reading() as conn:
        return answer(domain.choices_of(conn, ledger.id, (me,))[me]._asdict())


@blueprint.puts("/choice", ChoiceSchema, action="messages:write", body=ChoiceSchema, matched=False)
def choose(body: dict[str, str], ledger: OpenLedger) -> Response:
    """Choose how messages reach you

    It holds for messages that come from now on; each is in your inbox all the same.
    """
    choice = Choice(**body)
    domain.choose(*within(ledger), caller().person, choice)
    return answer(choice._asdict())


@blueprint.reads("/paper", PapersSchema, action="messages:hand", query=PaperQuery)
def show_paper(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List what is to be printed, or told by telephone

    The audit trail says, before it is shown, whose name and number the caller saw.
    """
    with installation().database.reading() as conn:
        found = paper.paper_list(conn, ledger, **query)
    following = found[-1].id if len(found) == query["limit"] else None
    return page("paper", [_on_paper(each) for each in found], "after", following)


@blueprint.posts("/<id:random>/handed", None, action="messages:hand", keyed=False, status=204)
def hand_over(ledger: OpenLedger, random: str) -> Response:
    """Say that a message was handed over, or told by telephone"""
    name = f"message/{random}"
    about(name)
    paper.hand_over(*within(ledger), name, by=caller().person)
    return Response(status=204)


def _shown(message: Message) -> dict[str, Any]:
    shown = {
        "id": message.id,
        "kind": message.kind,
        "texts": _texts(message.texts),
        "at": message.at,
    }
    return shown if message.read_at is None else shown | {"read_at": message.read_at}


def _texts(texts: Mapping[str, Text]) -> dict[str, dict[str, str]]:
    return {language: text._asdict() for language, text in texts.items()}


def _on_paper(told: paper.Paper) -> dict[str, Any]:
    shows(told.person, told.text)
    shown = {**told._asdict(), "text": told.text._asdict()}
    return {name: value for name, value in shown.items() if value is not None}
