"""The audit trail: who did, or was refused, what is privileged, each line provable by the log."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app
from marshmallow import Schema, fields, validate

from api.answers import answer, page
from api.auth import installation
from api.fields import ANY_ID, Count, Formed, limit
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.journal.entry import to_base64
from ledger.programme.roles import ACTIONS
from ledger.programme.trail import OUTCOMES, list_lines, prove_line

blueprint = Resource(
    "trail", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/trail", description=__doc__
)


class TrailLineSchema(Schema):
    """One line of the trail."""

    seq = fields.Integer(required=True)
    at = fields.String(required=True)
    actor = fields.String(required=True)
    action = fields.String(required=True)
    subject = fields.String(
        required=True,
        metadata={"description": "whom or what it was about; the ledger, if no other"},
    )
    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES))
    commitment = fields.String(metadata={"description": "of a record that says more"})
    helping = fields.String(
        metadata={"description": "the session in which the actor did it for the subject"}
    )


class TrailSchema(Schema):
    """Lines, the newest first."""

    lines = fields.List(fields.Nested(TrailLineSchema), required=True)


class TrailQuery(Schema):
    """Which lines."""

    actor = Formed(e.PERSON, load_default=None)
    action = fields.String(validate=validate.OneOf(list(ACTIONS)), load_default=None)
    subject = Formed(ANY_ID, load_default=None)
    before = Count(0, e.POINTS_MAX, load_default=None)
    limit = limit()


class TrailProofSchema(Schema):
    """What shows that a line is under a root that the log has."""

    seq = fields.Integer(required=True)
    leaf = fields.String(
        required=True,
        metadata={"description": "the line's bytes in base64: the leaf, RFC 6962 section 2.1"},
    )
    size = fields.Integer(required=True, metadata={"description": "lines under the root"})
    path = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "RFC 9162 section 2.1.3.2, from the leaf up, in base64"},
    )
    entry = fields.Integer(
        required=True, metadata={"description": "the `record` entry whose commitment is the root"}
    )


@blueprint.reads("", TrailSchema, action="trail:read", query=TrailQuery)
def show_lines(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List the lines of the audit trail

    A line is there moments after what it tells of.
    """
    current_app.extensions["points trail"].flush()
    with installation().database.reading() as conn:
        found = list_lines(conn, ledger.id, **query)
    following = found[-1].seq if len(found) == query["limit"] else None
    lines = [{"seq": each.seq, **each.line} for each in found]
    return page("lines", lines, "before", following)


@blueprint.reads("/<seq:seq>/proof", TrailProofSchema, action="trail:read")
def show_proof(ledger: OpenLedger, seq: int) -> Response:
    """Prove a line

    Against the commitment of the entry it names, which has a receipt of its own.
    """
    with installation().database.reading(snapshot=True) as conn:
        proof = prove_line(conn, ledger.id, seq)
    return answer(
        {
            "seq": proof.seq,
            "leaf": to_base64(proof.raw),
            "size": proof.size,
            "path": [to_base64(each) for each in proof.path],
            "entry": proof.entry,
        }
    )
