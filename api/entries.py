"""Entries: the log as it is read, and the receipts that prove it."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response
from marshmallow import INCLUDE, Schema, ValidationError, fields, validate, validates_schema

from api.answers import answer, page
from api.auth import installation
from api.fields import Formed
from api.listing import NEWEST, OLDEST, cursor, page_span, span_query
from api.posting import WaitQuery, receipt_url
from api.problems import Problem
from api.resource import Resource
from ledger.errors import NotPublished
from ledger.installation import OpenLedger
from ledger.journal import log
from ledger.journal.asof import resolve, span_of
from ledger.journal.entry import ACCOUNT, TYPES
from ledger.programme.reading.entries import (
    find_entry,
    list_entries,
    list_entries_of,
    list_entries_of_type,
)

RECEIPT_RETRY_AFTER_SECONDS = 1

blueprint = Resource(
    "entries", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/entries", description=__doc__
)


class EntriesQuery(span_query(OLDEST)):
    """Which entries: all, those of one type, or those of one account."""

    type = fields.String(validate=validate.OneOf(TYPES), load_default=None)
    account = Formed(
        ACCOUNT,
        load_default=None,
        description="those that post to it, open or close it, make or change it as a budget, or"
        " record its member's service; what it has on hold is an account of its own, `…/held`",
    )

    @validates_schema
    def _not_both(self, values: dict[str, Any], **_: Any) -> None:
        if values.get("type") and values.get("account"):
            raise ValidationError("Name `type` or `account`, not both.", "account")


class LogSchema(Schema):
    """Entries, each as it is in the log, as of the entry `as_of`."""

    as_of = fields.Integer(required=True)
    entries = fields.List(fields.Dict(), required=True)


class EntrySchema(Schema):
    """One entry; its members depend on its type, as `docs/journal.md` lists them."""

    class Meta:
        """Further members are there."""

        unknown = INCLUDE

    seq = fields.Integer(required=True)
    type = fields.String(required=True)
    at = fields.String(required=True)


class PendingSchema(Schema):
    """The entry is in the log and not yet under a published checkpoint."""

    receipt = fields.String(required=True, metadata={"description": "where to ask again"})


@blueprint.reads("", LogSchema, action="log:read", query=EntriesQuery)
def show_entries(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """Read the log

    All of it, or the entries of one type or one account; of a time, as of an entry or time.
    """
    with installation().database.reading() as conn:
        as_of = resolve(conn, ledger.id, query["as_of"], query["as_of_time"])
        period = span_of(conn, ledger.id, as_of, query["start"], query["end"])
        asked = {
            "span": period.within(page_span(query)),
            "newest_first": query["order"] == NEWEST,
            "limit": query["limit"],
        }
        if query["type"] is not None:
            found = list_entries_of_type(conn, ledger.id, query["type"], **asked)
        elif query["account"] is not None:
            found = list_entries_of(conn, ledger.id, query["account"], **asked)
        else:
            found = list_entries(conn, ledger.id, **asked)
    items = [orjson.Fragment(each.raw) for each in found]
    following = found[-1].seq if len(found) == query["limit"] else None
    return page("entries", items, cursor(query), following, as_of=as_of)


@blueprint.reads("/<seq:seq>", EntrySchema, action="log:read")
def show_entry(ledger: OpenLedger, seq: int) -> Response:
    """Read one entry"""
    with installation().database.reading() as conn:
        return answer(orjson.Fragment(existing(find_entry(conn, ledger.id, seq), seq)))


@blueprint.reads(
    "/<seq:seq>/receipt",
    None,
    action="log:read",
    query=WaitQuery,
    content_type="text/plain; charset=utf-8",
)
@blueprint.alt_response(202, schema=PendingSchema, success=True)
def show_receipt(query: dict[str, int], ledger: OpenLedger, seq: int) -> Response:
    """Fetch an entry's receipt

    A tlog-proof whose extra line is the entry; 202 until a published checkpoint covers it.
    """
    with installation().database.reading() as conn:
        existing(find_entry(conn, ledger.id, seq), seq)
    return receipt_of(ledger, seq, query["wait"], receipt_url(ledger, seq))


def receipt_of(ledger: OpenLedger, seq: int, wait: int, where: str) -> Response:
    """The receipt of an entry there is, or 202 with `where` to ask again."""
    if wait:
        ledger.publisher.wait_for(seq + 1, wait)
    try:
        with installation().database.reading(snapshot=True) as conn:
            receipt = log.receipt(conn, ledger.id, seq)
    except NotPublished:
        ledger.publisher.wake()
        return answer({"receipt": where}, 202, Retry_After=str(RECEIPT_RETRY_AFTER_SECONDS))
    response = Response(receipt.encode(), mimetype="text/plain")
    # The name that C2SP tlog-proof wants its files to have.
    name = f"{ledger.name}-{seq}.tlog-proof"
    response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return response


def existing(raw: bytes | None, seq: int) -> bytes:
    """The bytes of an entry that was found; `Problem` where none was."""
    if raw is None:
        raise Problem("not-found", f"The log of this ledger has no entry {seq}.")
    return raw
