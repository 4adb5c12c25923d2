"""Notices: what people are told before they consent, in Chinese and English, open to everybody."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields

from api.answers import answer, page
from api.auth import caller, installation, within
from api.fields import Count, Reason
from api.resource import Resource
from api.versions import VERSION_MAX, refuse_changed, seen_version, with_etag
from ledger.installation import OpenLedger
from ledger.programme.people import notices as domain
from ledger.programme.people.notices import PARTS, PURPOSES, Notice
from ledger.programme.recording import RecordChanged

blueprint = Resource(
    "notices", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/notices", description=__doc__
)
ONE = f"/<any({', '.join(PURPOSES)}):purpose>"
VERSIONS_MAX = 50
"""As a notice has up to 64 KiB."""

_SAYS = {
    "holder": "who keeps it, with name",
    "contact": "how that one is reached",
    "purpose": "what for",
    "method": "how it is kept and used",
    "kinds": "what kinds of information",
    "retention": "for how long",
    "rights": "how one uses one's rights, and to whom one complains",
}


class TextSchema(Schema):
    """One part of a notice, in both languages."""

    zh = Reason(required=True)
    en = Reason(required=True)


def _part(name: str) -> fields.Field[Any]:
    return fields.Nested(TextSchema, required=True, metadata={"description": _SAYS[name]})


PartsSchema = Schema.from_dict({name: _part(name) for name in PARTS}, name="NoticePartsSchema")
PartsSchema.__doc__ = "What the law wants told (个人信息保护法, art. 17)."


class NoticeSchema(Schema):
    """One version of a notice."""

    purpose = fields.String(required=True, metadata={"description": ", ".join(PURPOSES)})
    version = fields.Integer(required=True)
    at = fields.String(required=True, metadata={"description": "since when"})
    hash = fields.String(
        required=True,
        metadata={
            "description": "SHA-256, in base64, of the JCS (RFC 8785) of {purpose, version, parts};"
            " each consent names it"
        },
    )
    parts = fields.Nested(PartsSchema, required=True)


class NoticesSchema(Schema):
    """The newest notice of each purpose that has one."""

    notices = fields.List(fields.Nested(NoticeSchema), required=True)


class NoticeVersionsSchema(Schema):
    """Versions of one notice, the first one first."""

    versions = fields.List(fields.Nested(NoticeSchema), required=True)


class VersionsQuery(Schema):
    """Which versions."""

    after = Count(0, VERSION_MAX, load_default=0, description="those after this version")
    limit = Count(1, VERSIONS_MAX, load_default=10)


@blueprint.tells("", NoticesSchema)
def show_notices(ledger: OpenLedger) -> Response:
    """Read what one consents to

    Only `recording` is needed to take part; each other purpose is agreed to, or not, on its own.
    """
    with installation().database.reading() as conn:
        found = domain.current(conn, ledger)
    return answer({"notices": [_shown(each) for each in found.values()]})


@blueprint.tells(f"{ONE}/history", NoticeVersionsSchema, query=VersionsQuery)
def show_history(query: dict[str, int], ledger: OpenLedger, purpose: str) -> Response:
    """Read what was told earlier

    Consents to earlier versions stay what they were.
    """
    after, most = query["after"], query["limit"]
    with installation().database.reading() as conn:
        found = domain.history(conn, ledger, purpose, after=after, most=most)
    following = found[-1].version if len(found) == most else None
    return page("versions", [_shown(each) for each in found], "after", following)


@blueprint.puts(ONE, NoticeSchema, action="notices:write", body=PartsSchema, first=True)
def publish(body: dict[str, Any], ledger: OpenLedger, purpose: str) -> Response:
    """Publish a notice, or the next version of it

    Consents to earlier versions stay what they were; who consents from now on is shown this one.
    """
    seen = seen_version(first=True)
    try:
        made = domain.publish(*within(ledger), purpose, body, seen=seen, by=caller().person)
    except RecordChanged:
        with installation().database.reading() as conn:
            refuse_changed(domain.versions(conn, ledger, purpose), seen)
    return with_etag(answer(_shown(made)), made.version)


def _shown(notice: Notice) -> dict[str, Any]:
    return {
        "purpose": notice.purpose,
        "version": notice.version,
        "at": notice.at,
        "hash": notice.hash,
        "parts": notice.parts,
    }
