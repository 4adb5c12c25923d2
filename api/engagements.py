"""Engagements: what two people of the office let an auditor read, how much of it, and why."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from api.answers import answer, page
from api.auth import about, caller, installation, note_now, within
from api.document import FILE
from api.downloads import kept
from api.fields import ANY_ID, Formed, Reason, id_form, limit
from api.posting import WaitingSchema, place, wish_maker
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.journal.entry import to_base64
from ledger.programme import engagements, files
from ledger.programme.engagements import KINDS_MAX, RECORDS_MAX, Engagement
from ledger.programme.inspecting import read_record
from ledger.programme.vault import lawful

blueprint = Resource(
    "engagements",
    __name__,
    url_prefix="/v1/ledgers/<ledger:ledger>/engagements",
    description=__doc__,
)
ID = id_form("engagement")
SUBJECT = e.fields_of("erasure")["subject"][0]
KIND = e.Form("word", '"[a-z][a-z-]{0,30}"', "a kind of records, such as `basics`")


def _different(kinds: list[str]) -> None:
    if len(set(kinds)) < len(kinds):
        raise validate.ValidationError("Name each kind once.")


class NewEngagementSchema(Schema):
    """What an auditor is to be let read."""

    auditor = Formed(e.PERSON, required=True)
    kinds = fields.List(
        Formed(KIND),
        required=True,
        validate=[validate.Length(1, KINDS_MAX), _different],
    )
    subject = Formed(SUBJECT, description="left out: records about anybody")
    first = Formed(e.DATE, required=True, data_key="from", attribute="first")
    last = Formed(e.DATE, required=True, data_key="to", attribute="last")
    records = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Range(1, RECORDS_MAX),
        metadata={"description": "how many may be read"},
    )
    reason = Reason(
        required=True,
        metadata={"description": "kept encrypted, and for as long as the ledger: name nobody"},
    )


class EngagementSchema(Schema):
    """What an auditor may read, or might."""

    id = fields.String(required=True)
    auditor = fields.String(required=True)
    kinds = fields.List(fields.String(), required=True)
    subject = fields.String()
    first = fields.String(required=True, data_key="from")
    last = fields.String(required=True, data_key="to")
    records = fields.Integer(required=True)
    read = fields.Integer(required=True, metadata={"description": "how many of them were"})
    by = fields.String(required=True)
    approved_by = fields.String(required=True)
    at = fields.String(required=True)
    ended_by = fields.String()
    ended_at = fields.String()


class EngagementsSchema(Schema):
    """Engagements in order of their ids, ended ones included."""

    engagements = fields.List(fields.Nested(EngagementSchema), required=True)


class EngagementsQuery(Schema):
    """Which engagements."""

    auditor = Formed(e.PERSON, load_default=None)
    after = Formed(ID, load_default=None)
    limit = limit()


class ReasonSchema(Schema):
    """Why an engagement was asked for."""

    reason = fields.String(required=True)


class RecordQuery(Schema):
    """Which record."""

    kind = Formed(KIND, required=True)
    id = Formed(ANY_ID, required=True)


class FileQuery(Schema):
    """Which file."""

    id = Formed(id_form(files.KIND), required=True)


class RecordSchema(Schema):
    """The newest version of a record."""

    kind = fields.String(required=True)
    id = fields.String(required=True)
    version = fields.Integer(required=True)
    subject = fields.String(required=True)
    commitment = fields.String(required=True)
    at = fields.String(required=True)
    by = fields.String(required=True)
    fields_ = fields.Dict(
        data_key="fields",
        metadata={"description": "what it says; left out where that was erased"},
    )


@blueprint.reads("", EngagementsSchema, action="engagements:read", query=EngagementsQuery)
def show_engagements(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List engagements

    An admin sees all, an auditor their own.
    """
    reach = caller().reach("engagements:read")
    with installation().database.reading() as conn:
        found = engagements.list_engagements(conn, ledger.id, reach, **query)
    following = found[-1].id if len(found) == query["limit"] else None
    return page("engagements", [_shown(each) for each in found], "after", following)


@blueprint.posts(
    "", WaitingSchema, action="engagements:write", body=NewEngagementSchema, status=202
)
def propose(body: dict[str, Any], ledger: OpenLedger) -> Response:
    """Propose an engagement

    Once a second person of the office approves it, who is not that auditor, its auditor may read
    so many records of those kinds within those days.
    """
    me = caller().person
    about(body["auditor"])
    with installation().database.reading() as conn:
        engagements.check(conn, ledger.id, body, me)
    values = {name: value for name, value in body.items() if name != "reason"}
    request = wish_maker(ledger)(0, "engagement", values).request
    values["reason"] = engagements.keep_reason(*within(ledger), request, body["reason"], by=me)
    values["engagement"] = engagements.id_of(request)
    return place(ledger, "engagement", values)


@blueprint.reads("/<id:random>", EngagementSchema, action="engagements:read")
def show_engagement(ledger: OpenLedger, random: str) -> Response:
    """Show an engagement, and how much of it was read"""
    reach = caller().reach("engagements:read")
    with installation().database.reading() as conn:
        found = engagements.find_engagement(conn, ledger.id, f"engagement/{random}", reach)
    return answer(_shown(found))


@blueprint.reads("/<id:random>/reason", ReasonSchema, action="engagements:read")
def show_reason(ledger: OpenLedger, random: str) -> Response:
    """Say why an engagement was asked for

    An admin reads it before it is granted: the proposal has the engagement's id.
    """
    reach, engagement_id = caller().reach("engagements:read"), f"engagement/{random}"
    with installation().database.reading() as conn:
        if not reach.everything:
            engagements.find_engagement(conn, ledger.id, engagement_id, reach)
        reason = engagements.reason_of(conn, ledger, engagement_id)
    return answer({"reason": reason})


@blueprint.reads("/<id:random>/record", RecordSchema, action="engagements:use", query=RecordQuery)
def show_record(query: dict[str, str], ledger: OpenLedger, random: str) -> Response:
    """Read a record within an engagement

    It is counted before it is shown; one that was read before is not counted again.
    """
    place_ = (query["kind"], query["id"])
    about(query["id"])
    reach = caller().reach("engagements:use")
    found = read_record(*within(ledger), f"engagement/{random}", place_, reach)
    shown = {
        "kind": found.kind,
        "id": found.id,
        "version": found.version,
        "subject": found.subject,
        "commitment": to_base64(found.commitment),
        "at": found.at,
        "by": found.by,
    }
    return answer(shown if found.fields is None else shown | {"fields": found.fields})


@blueprint.reads(
    "/<id:random>/file",
    None,
    action="engagements:use",
    query=FileQuery,
    content_type=FILE,
    also=(410,),
)
def show_file(query: dict[str, str], ledger: OpenLedger, random: str) -> Response:
    """Download a file of evidence within an engagement

    For one that is for records of the kind `evidence`: with its record it counts as one.
    """
    about(query["id"])
    reach = caller().reach("engagements:use")
    record = read_record(*within(ledger), f"engagement/{random}", (files.KIND, query["id"]), reach)
    with installation().database.reading() as conn:
        content = files.content(conn, lawful(ledger), record)
    note_now(ledger)
    return kept(content, record)


@blueprint.deletes("/<id:random>", action="engagements:write")
def end(ledger: OpenLedger, random: str) -> Response:
    """End an engagement before its last day"""
    about(f"engagement/{random}")
    here = installation()
    engagements.end(ledger, here.clock, f"engagement/{random}", by=caller().person)
    return Response(status=204)


def _shown(found: Engagement) -> dict[str, Any]:
    shown = {
        "id": found.id,
        "auditor": found.auditor,
        "kinds": found.kinds,
        "subject": found.subject,
        "from": found.first,
        "to": found.last,
        "records": found.records,
        "read": found.read,
        "by": found.by,
        "approved_by": found.approved_by,
        "at": found.at,
        "ended_by": found.ended_by,
        "ended_at": found.ended_at,
    }
    return {name: value for name, value in shown.items() if value is not None}
