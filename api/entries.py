"""Entries: the log as it is read, and the receipts that prove it."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response
from marshmallow import Schema, fields, validate

from api.auth import installation
from api.fields import Count, limit
from api.posting import WaitQuery
from api.problems import Problem
from api.resource import Resource, answer, page
from ledger.errors import NotPublished
from ledger.installation import OpenLedger
from ledger.journal import log
from ledger.journal.entry import POINTS_MAX, TYPES
from ledger.programme.reading import find_entry, list_entries

RECEIPT_RETRY_AFTER_SECONDS = 1

blueprint = Resource(
    "entries", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/entries", description=__doc__
)


class EntriesQuery(Schema):
    """Which entries."""

    after = Count(0, POINTS_MAX, load_default=-1)
    limit = limit()
    type = fields.String(validate=validate.OneOf(TYPES), load_default=None)


class LogSchema(Schema):
    """Entries in the order of the log, each as it is in there."""

    entries = fields.List(fields.Dict(), required=True)


class EntrySchema(Schema):
    """One entry; its members depend on its type, as `docs/journal.md` lists them."""

    seq = fields.Integer(required=True)
    type = fields.String(required=True)
    at = fields.String(required=True)


class PendingSchema(Schema):
    """The entry is in the log and not yet under a published checkpoint."""

    receipt = fields.String(required=True, metadata={"description": "where to ask again"})


@blueprint.reads("", LogSchema, query=EntriesQuery)
def show_entries(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """Read the log

    With `type`, a page may be short, or empty, and there is more while there is a Link.
    """
    after, most, kind = query["after"], query["limit"], query["type"]
    with installation().database.reading() as conn:
        found, following = list_entries(conn, ledger.id, after=after, limit=most, kind=kind)
    return page("entries", [orjson.Fragment(raw) for raw in found], "after", following)


@blueprint.reads("/<seq:seq>", EntrySchema)
def show_entry(ledger: OpenLedger, seq: int) -> Response:
    """Read one entry"""
    with installation().database.reading() as conn:
        return answer(orjson.Fragment(_existing(find_entry(conn, ledger.id, seq), seq)))


@blueprint.reads(
    "/<seq:seq>/receipt", None, query=WaitQuery, content_type="text/plain; charset=utf-8"
)
@blueprint.alt_response(202, schema=PendingSchema, success=True)
def show_receipt(query: dict[str, int], ledger: OpenLedger, seq: int) -> Response:
    """Fetch an entry's receipt

    A tlog-proof whose extra line is the entry; 202 until a published checkpoint covers it.
    """
    here = installation()
    with here.database.reading() as conn:
        _existing(find_entry(conn, ledger.id, seq), seq)
    if query["wait"]:
        ledger.publisher.wait_for(seq + 1, query["wait"])
    try:
        with here.database.reading(snapshot=True) as conn:
            receipt = log.receipt(conn, ledger.id, seq)
    except NotPublished:
        ledger.publisher.wake()
        where = f"/v1/ledgers/{ledger.name}/entries/{seq}/receipt"
        return answer({"receipt": where}, 202, Retry_After=str(RECEIPT_RETRY_AFTER_SECONDS))
    return Response(receipt.encode(), mimetype="text/plain")


def _existing(raw: bytes | None, seq: int) -> bytes:
    if raw is None:
        raise Problem("not-found", f"The log of this ledger has no entry {seq}.")
    return raw
