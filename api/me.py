"""One's own: everything that is held about the caller, who looked at it, and all of it to keep."""

from __future__ import annotations

import re
from typing import Any

import orjson
from flask import Response, current_app
from marshmallow import Schema, ValidationError, fields

from api.answers import page
from api.auth import about, caller, installation, within
from api.downloads import zipped
from api.entries import EntrySchema, PendingSchema, existing, receipt_of
from api.fields import Count, limit
from api.posting import WaitQuery
from api.resource import Resource
from api.trail import TrailLineSchema
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.programme.people import rights
from ledger.programme.people.download import download_of, record_shown
from ledger.programme.people.rights import After
from ledger.programme.reading.entries import find_entry

blueprint = Resource(
    "me", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/me", description=__doc__
)
_ID = rf"[a-z-]{{1,30}}/{e.RANDOM}"
_PLACE = re.compile(rf"({_ID})\.([a-z][a-z-]{{0,30}})\.({_ID})\.([1-9]\d{{0,8}})", re.ASCII)


class Place(fields.String):
    """Where a page of records goes on, as the Link of the page before says it."""

    def _deserialize(self, value: Any, *rest: Any, **more: Any) -> Any:
        found = _PLACE.fullmatch(super()._deserialize(value, *rest, **more))
        if found is None:
            raise ValidationError("Wanted what the Link of the page before has.")
        return After(found[1], found[2], found[3], int(found[4]))


class OwnRecordsQuery(Schema):
    """Which records."""

    after = Place(
        load_default=None, metadata={"description": "as the Link of the page before says it"}
    )
    limit = limit()


class OwnRecordSchema(Schema):
    """One version of a record about the caller."""

    kind = fields.String(required=True)
    id = fields.String(required=True)
    version = fields.Integer(required=True)
    at = fields.String(required=True)
    by = fields.String(required=True, metadata={"description": "who wrote it"})
    commitment = fields.String(
        required=True, metadata={"description": "what an entry of the log can bind it by"}
    )
    fields_ = fields.Dict(
        data_key="fields", metadata={"description": "left out where they were erased"}
    )
    says = fields.Dict(metadata={"description": "of a message: its texts by language"})


class OwnRecordsSchema(Schema):
    """All versions of records about the caller, in order of kind, id and version."""

    records = fields.List(fields.Nested(OwnRecordSchema), required=True)


class OwnEntriesQuery(Schema):
    """Which entries."""

    after = Count(0, e.POINTS_MAX, load_default=None)
    limit = limit()


class OwnEntriesSchema(Schema):
    """Entries about the caller's account, in their order."""

    entries = fields.List(fields.Nested(EntrySchema), required=True)


class LookupsQuery(Schema):
    """Which lines."""

    before = Count(0, e.POINTS_MAX, load_default=None)
    limit = limit()


class LookupSchema(TrailLineSchema):
    """A line of the audit trail about the caller."""

    roles = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "those of which whoever did it had one"},
    )


class LookupsSchema(Schema):
    """Lines about the caller, the newest first."""

    lookups = fields.List(fields.Nested(LookupSchema), required=True)


@blueprint.reads("/records", OwnRecordsSchema, action="own:read", query=OwnRecordsQuery)
def show_records(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """See what is held about you

    Every version of every record: basics, consents, what you attained, messages and whatever else.
    """
    with installation().database.reading() as conn:
        found = rights.records_of(conn, ledger, caller().person, **query)
    following = ".".join(map(str, found[-1].place)) if len(found) == query["limit"] else None
    return page("records", [record_shown(each) for each in found], "after", following)


@blueprint.reads("/entries", OwnEntriesSchema, action="own:read", query=OwnEntriesQuery)
def show_entries(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """Read what the log says of your account"""
    with installation().database.reading() as conn:
        found = rights.entries_of(conn, ledger.id, caller().person, **query)
    following = found[-1].seq if len(found) == query["limit"] else None
    return page("entries", [orjson.Fragment(each.raw) for each in found], "after", following)


@blueprint.reads(
    "/entries/<seq:seq>/receipt",
    None,
    action="own:read",
    query=WaitQuery,
    content_type="text/plain; charset=utf-8",
)
@blueprint.alt_response(202, schema=PendingSchema, success=True)
def show_receipt(query: dict[str, int], ledger: OpenLedger, seq: int) -> Response:
    """Fetch the receipt of an entry about your account

    As for any entry: a tlog-proof, or 202 until a published checkpoint covers it.
    """
    with installation().database.reading() as conn:
        mine = rights.has_entry(conn, ledger.id, caller().person, seq)
        existing(find_entry(conn, ledger.id, seq) if mine else None, seq)
    where = f"/v1/ledgers/{ledger.name}/me/entries/{seq}/receipt"
    return receipt_of(ledger, seq, query["wait"], where)


@blueprint.reads("/lookups", LookupsSchema, action="own:read", query=LookupsQuery)
def show_lookups(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """See who looked at what is held about you

    Or did something else privileged that is about you, or was refused it: the lines of the audit
    trail. Each names the roles that may do that; whoever did it had one of them.
    """
    current_app.extensions["points trail"].flush()
    with installation().database.reading() as conn:
        found = rights.lookups_of(conn, ledger, caller().person, **query)
    following = found[-1].line.seq if len(found) == query["limit"] else None
    lines = [{"seq": each.line.seq, **each.line.line, "roles": each.roles} for each in found]
    return page("lookups", lines, "before", following)


@blueprint.reads("/download", None, action="own:download", content_type="application/zip")
def download(ledger: OpenLedger) -> Response:
    """Download all that is held about you

    One zip: a page to read, tables, and JSON with the proof of each record. The audit trail tells
    that it was downloaded.
    """
    me = caller().person
    about(me)
    chunks = download_of(*within(ledger), me)
    return zipped(chunks, f"{ledger.name}-{installation().clock.now():%Y-%m-%d}.zip")
